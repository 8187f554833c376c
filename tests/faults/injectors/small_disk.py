"""A small disk of one's own: an ext4 file system in a file, mounted by a loop device; what is put there can run out of space without
harm to anybody else.

    with SmallDisk(folder, megabytes=96) as disk:   # mounted on `folder`, which is made when it is not there
        disk.fill()                                 # not a byte is left
        disk.free()                                 # as before

Needs root and loop devices. Where there are none, a tmpfs of the same size is taken: it runs out of space the same way, but an fsync()
on it means nothing; `kind` says which it is. available() says whether this machine can mount at all.
"""

import errno
import os
import pathlib
import subprocess
import tempfile


def available():
    """"" or the reason why not."""
    with tempfile.TemporaryDirectory() as folder:
        try:
            with SmallDisk(pathlib.Path(folder) / "try", 8):
                return ""
        except (OSError, subprocess.CalledProcessError) as why:
            return f"no file system can be mounted: {getattr(why, 'stderr', None) or why}"


class SmallDisk:
    def __init__(self, folder, megabytes):
        self.folder, self.megabytes = pathlib.Path(folder), megabytes
        self.image = self.folder.with_name(self.folder.name + ".disk")
        self.ballast = self.folder / ".ballast"

    def __enter__(self):
        self.folder.mkdir(parents=True, exist_ok=True)
        with open(self.image, "wb") as image:
            image.truncate(self.megabytes << 20)
        # -m 0: nothing is reserved for root
        self._run("mkfs.ext4", "-q", "-F", "-m", "0", str(self.image))
        try:
            self._run("mount", "-o", "loop", str(self.image), str(self.folder))
            self.kind = "ext4"
        except subprocess.CalledProcessError:
            self._run("mount", "-t", "tmpfs", "-o", f"size={self.megabytes}m", "tmpfs", str(self.folder))
            self.kind = "tmpfs"
        (self.folder / "lost+found").rmdir() if self.kind == "ext4" else None
        return self

    def __exit__(self, *exception):
        self.unmount()

    def unmount(self):
        # lazily: a process that is about to end may still have a file open
        self._run("umount", "--lazy", str(self.folder))
        self.image.unlink()

    @staticmethod
    def _run(*command):
        subprocess.run(command, check=True, capture_output=True, text=True)

    def free_bytes(self):
        state = os.statvfs(self.folder)
        return state.f_bavail * state.f_frsize

    def fill(self, leave=0):
        """Until the file system has no more than `leave` bytes; others may write at the same time."""
        with open(self.ballast, "ab") as ballast:
            for piece in (1 << 20, 1 << 16, 4096):
                while self.free_bytes() >= leave + piece:
                    try:
                        os.posix_fallocate(ballast.fileno(), os.fstat(ballast.fileno()).st_size, piece)
                    except OSError as why:
                        if why.errno != errno.ENOSPC:
                            raise
                        break

    def free(self):
        self.ballast.unlink(missing_ok=True)
