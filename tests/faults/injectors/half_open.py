"""Links of which one side hears nothing: TCP packets that are dropped without a word, by iptables on the loopback interface.

    with Drop(port, "to"):             # nothing reaches the server's port any more
    with Drop(port, "from"):           # nothing that the server sends arrives
    with Drop(port, "both"):
    with Drop(port, "to", client=p):   # of one connection alone, by its client's port: what comes after it is not harmed
    with Drop(port, "to", share=0.3):  # of each ten packets three

Needs root (CAP_NET_ADMIN) and iptables; available() says whether this machine has them. Rules carry the process number of their
maker: those of a maker that was killed are taken away by the next one, whoever it is.
"""

import os
import pathlib
import re
import subprocess

MARK = "cistern-fault"


def _iptables(*arguments):
    return subprocess.run(["iptables", "-w", *arguments], check=True, capture_output=True, text=True).stdout


def available():
    """"" or the reason why not."""
    try:
        _iptables("-S", "INPUT")
    except FileNotFoundError:
        return "iptables is not installed"
    except subprocess.CalledProcessError as why:
        return f"iptables: {why.stderr.strip()}"
    return ""


def _clear_left_behind():
    for rule in _iptables("-S", "INPUT").splitlines():
        maker = re.search(rf"{MARK}-(\d+)", rule)
        if maker and not pathlib.Path(f"/proc/{maker[1]}").exists():
            # not checked: another process may be clearing at the same time
            subprocess.run(["iptables", "-w", "-D", *rule.split()[1:]], check=False, capture_output=True)


def connections(port):
    """The client's ports of the established TCP connections to a local port, by the client's process: {pid: {ports}}."""
    found, inodes = {}, {}
    for line in pathlib.Path("/proc/net/tcp").read_text().splitlines()[1:]:
        fields = line.split()  # 1 local, 2 remote, 3 state (01 established), 9 inode
        if fields[3] == "01" and int(fields[2].split(":")[1], 16) == port:
            inodes[fields[9]] = int(fields[1].split(":")[1], 16)
    for link in pathlib.Path("/proc").glob("[0-9]*/fd/*"):
        try:
            inode = re.fullmatch(r"socket:\[(\d+)\]", os.readlink(link))
        except OSError:  # gone meanwhile
            continue
        if inode and inode[1] in inodes:
            found.setdefault(int(link.parts[2]), set()).add(inodes[inode[1]])
    return found


class Drop:
    def __init__(self, port, direction, client=None, share=None):
        self.rules = []
        for name, server_side, client_side in (("to", "--dport", "--sport"), ("from", "--sport", "--dport")):
            if direction in (name, "both"):
                rule = ["-i", "lo", "-p", "tcp", server_side, str(port)]
                rule += [client_side, str(client)] if client else []
                rule += ["-m", "statistic", "--mode", "random", "--probability", str(share)] if share else []
                self.rules.append([*rule, "-m", "comment", "--comment", f"{MARK}-{os.getpid()}", "-j", "DROP"])
        assert self.rules, direction

    def __enter__(self):
        _clear_left_behind()
        self._added = []
        for rule in self.rules:
            _iptables("-I", "INPUT", *rule)
            self._added.append(rule)
        return self

    def dropped(self):
        """How many packets so far."""
        return sum(int(line.split()[0]) for line in _iptables("-nvxL", "INPUT").splitlines() if f"{MARK}-{os.getpid()} " in line)

    def __exit__(self, *exception):
        while self._added:
            _iptables("-D", "INPUT", *self._added.pop())
