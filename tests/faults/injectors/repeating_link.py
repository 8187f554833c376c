"""Between the daemon and the broker, as an MQTT peer of both: what the broker hands over comes in another order, twice, or its
acknowledgement gets lost.

    link = put_between(stack)       # the daemon is started again and reaches the broker through it alone
    link.shuffle = random.Random(7) # messages of different nodes change places; those of one node keep their order
    link.repeat = True              # each window of messages comes a second time, DUP set, same message ids
    link.lose_acknowledgements()    # the daemon's PUBACKs vanish from now on,
    link.cut()                      # until the connections are cut: the broker then repeats what it saw no PUBACK for

A window is what comes within GATHER_S, WINDOW messages at most. Of a message that comes twice the broker sees the second PUBACK only:
it is the broker's until its last copy is committed.

TLS ends here on both sides, with the broker's server certificate towards the daemon and the daemon's own towards the broker.
"""

import re
import select
import socket
import ssl
import struct
import threading
import time

from portkit import free_ports
from proxykit import set_daemon

WINDOW, GATHER_S = 200, 0.05
PUBLISH, PUBACK, DUP = 3, 4, 0x08


def split(buffer):
    """Whole packets and the rest (MQTT 3.1.1 section 2.2)."""
    packets, at = [], 0
    while True:
        length, shift, head = 0, 0, at + 1
        while head < len(buffer):
            digit = buffer[head]
            length |= (digit & 127) << shift
            shift, head = shift + 7, head + 1
            if not digit & 128:
                break
        else:
            return packets, buffer[at:]
        if len(buffer) < head + length:
            return packets, buffer[at:]
        packets.append(buffer[at : head + length])
        at = head + length


def kind(packet):
    return packet[0] >> 4


def _body(packet):
    at = 1
    while packet[at] & 128:
        at += 1
    return packet[at + 1 :]


def topic(publish):
    body = _body(publish)
    return body[2 : 2 + struct.unpack("!H", body[:2])[0]].decode()


def mid(packet):
    """Of a PUBLISH with QoS 1 or of a PUBACK."""
    body = _body(packet)
    at = 2 + struct.unpack("!H", body[:2])[0] if kind(packet) == PUBLISH else 0
    return struct.unpack("!H", body[at : at + 2])[0]


def sender(name):
    """Whose message it is: within one sender the order means something."""
    node = re.search(r"(?:^|/)node/([^/]+)/|^cistern/presence/(.+)", name)
    return (node[1] or node[2]) if node else name


def shuffled(publishes, rng):
    queues = {}
    for publish in publishes:
        queues.setdefault(sender(topic(publish)), []).append(publish)
    turns = [queue for queue in queues.values() for _ in queue]
    rng.shuffle(turns)
    return [queue.pop(0) for queue in turns]


def repeated(publishes):
    return publishes + [bytes([publish[0] | DUP]) + publish[1:] for publish in publishes]


class Connection(threading.Thread):
    def __init__(self, link, daemon, broker):
        super().__init__(daemon=True)
        self.link, self.ends = link, (daemon, broker)
        self.daemon_side, self.broker_side = daemon, broker
        self.expected = {}  # message id: PUBACKs of it that are still to come
        self.kept = {daemon: b"", broker: b""}
        self.window, self.window_ends = [], 0.0

    def run(self):
        try:
            while not self.link.closed and self in self.link.connections:
                if self.window and time.monotonic() >= self.window_ends:
                    self._send(self.daemon_side, b"".join(self._close_window()))
                for end in self._readable():
                    data = self._read(end)
                    if data is None:
                        return
                    packets, self.kept[end] = split(self.kept[end] + data)
                    if end is self.broker_side:
                        self._to_daemon(packets)
                    else:
                        self._to_broker(packets)
        except OSError:
            pass
        finally:
            self.end()

    def _readable(self):
        pending = [end for end in self.ends if end.pending()]
        left_s = max(0.0, self.window_ends - time.monotonic()) if self.window else 0.1
        return pending or select.select(self.ends, [], [], left_s)[0]

    @staticmethod
    def _read(end):
        try:
            return end.recv(65536) or None
        except ssl.SSLWantReadError:
            return b""

    @staticmethod
    def _send(end, data):
        view = memoryview(data)
        while view:
            try:
                view = view[end.send(view) :]
            except ssl.SSLWantWriteError:
                select.select([], [end], [], 0.1)

    def _to_daemon(self, packets):
        out = []
        for packet in packets:
            if kind(packet) == PUBLISH and packet[0] & 0x06 == 0x02 and self.link.changes():
                if not self.window:
                    self.window_ends = time.monotonic() + GATHER_S
                self.window.append(packet)
                if len(self.window) == WINDOW:
                    out += self._close_window()
            else:
                out += [*self._close_window(), packet]
        self._send(self.daemon_side, b"".join(out))

    def _close_window(self):
        link, window = self.link, self.window
        self.window = []
        with link.lock:
            if link.shuffle and len(window) > 1:
                before, window = window, shuffled(window, link.shuffle)
                link.n_moved += sum(one is not other for one, other in zip(before, window))
            if link.repeat and window:
                window = repeated(window)
                link.n_repeated += len(window) // 2
            for publish in window:
                self.expected[mid(publish)] = self.expected.get(mid(publish), 0) + 1
        return window

    def _to_broker(self, packets):
        out = []
        for packet in packets:
            if kind(packet) == PUBACK and mid(packet) in self.expected:
                self.expected[mid(packet)] -= 1
                if self.expected[mid(packet)]:
                    continue
                del self.expected[mid(packet)]
                if self.link.losing:
                    self.link.n_lost_acknowledgements += 1
                    continue
            out.append(packet)
        self._send(self.broker_side, b"".join(out))

    def end(self):
        self.link.connections.discard(self)
        for each in self.ends:
            each.close()


class RepeatingLink:
    def __init__(self, port, broker_port, server_files, client_files, ca_file):
        self.shuffle, self.repeat, self.losing, self.closed = None, False, False, False
        self.n_moved = self.n_repeated = self.n_lost_acknowledgements = 0
        self.lock = threading.Lock()  # of shuffle's numbers and the counters
        self.connections = set()
        self.broker_port = broker_port
        self.towards_daemon = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.towards_daemon.load_cert_chain(*map(str, server_files))
        self.towards_broker = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        self.towards_broker.load_verify_locations(str(ca_file))
        self.towards_broker.load_cert_chain(*map(str, client_files))
        self.listener = socket.create_server(("127.0.0.1", port))
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self):
        while True:
            try:
                daemon, _ = self.listener.accept()
            except OSError:
                return
            try:
                broker = socket.create_connection(("127.0.0.1", self.broker_port), timeout=10)
                broker = self.towards_broker.wrap_socket(broker, server_hostname="localhost")
                daemon = self.towards_daemon.wrap_socket(daemon, server_side=True)
            except OSError:  # no broker: the daemon learns it as it would without us
                daemon.close()
                continue
            for each in (daemon, broker):
                each.setblocking(False)
                each.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            connection = Connection(self, daemon, broker)
            self.connections.add(connection)
            connection.start()

    def changes(self):
        return self.shuffle or self.repeat or self.losing

    def lose_acknowledgements(self):
        self.losing = True

    def cut(self):
        """Both sides see the connection go; from the next one on nothing is lost."""
        connections = list(self.connections)
        self.connections.clear()
        for each in connections:
            each.join()
        self.losing = False

    def close(self):
        self.closed = True
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()
        self.cut()


def put_between(stack):
    (port,) = free_ports(1)
    keys = stack.home / "keys"
    link = RepeatingLink(port, int(stack.environment["CISTERN_SERVICE_PORT"]),
                         (keys / "broker" / "server.crt", keys / "broker" / "server.key"),
                         (keys / "cisternd" / "cisternd.crt", keys / "cisternd" / "cisternd.key"), stack.ca_file)
    set_daemon(stack, broker_port=port, broker_host="127.0.0.1")
    return link
