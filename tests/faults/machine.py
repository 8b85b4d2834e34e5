"""Runs a command as on another machine: in a network of its own, from which only the console is reached.

    unshare --net python -m tests.faults.machine SOCKET PORT COMMAND…

The console is at PORT of this machine's 127.0.0.1; SOCKET is a Unix socket that leads there.
"""

import fcntl
import os
import select
import socket
import struct
import sys
from pathlib import Path

from tests.faults.wire import Wire

_SIOCSIFFLAGS, _IFF_UP, _IFF_RUNNING = 0x8914, 0x1, 0x40


def main(console: str, port: str, *command: str) -> None:
    with socket.socket() as any_socket:
        up = struct.pack("16sh", b"lo", _IFF_UP | _IFF_RUNNING)
        fcntl.ioctl(any_socket, _SIOCSIFFLAGS, up)
    ready, told = os.pipe()
    agent = os.getpid()
    if os.fork() == 0:
        Wire(Path(console), int(port))
        os.write(told, b".")
        _until_gone(agent)
        os._exit(0)
    os.read(ready, 1)
    os.execv(command[0], command)


def _until_gone(pid: int) -> None:
    """Serve until the agent, which is not our child, has ended."""
    watch = select.poll()
    watch.register(os.pidfd_open(pid), select.POLLIN)
    watch.poll()


if __name__ == "__main__":
    main(*sys.argv[1:])
