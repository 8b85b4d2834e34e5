"""The line between a replica and its console, which can be cut."""

import contextlib
import socket
import threading
from pathlib import Path

Address = int | Path
"""A port of this machine, or a Unix socket's path."""


class Wire:
    """Passes connections on to `target`; cut, it refuses them and drops those it has.

    What is done to it is done to the one `beside` it.
    """

    def __init__(self, target: Address, listen: Address = 0, beside: "Wire | None" = None) -> None:
        self._target = target
        self._beside = beside
        self._open: set[socket.socket] = set()
        self._listener = _listening(listen)
        self._address = self._listener.getsockname()[1] if listen == 0 else listen
        self._accept()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._address}"

    @property
    def port(self) -> int:
        assert isinstance(self._address, int)
        return self._address

    def cut(self) -> None:
        for one in (self._listener, *self._open):
            _close(one)
        self._open.clear()
        if self._beside:
            self._beside.cut()

    def hang(self) -> None:
        """Take connections from now on and let nothing through; `held` counts them."""
        self.cut()
        self._listener = _listening(self._address)
        threading.Thread(target=self._hold, args=(self._listener,), daemon=True).start()

    @property
    def held(self) -> int:
        return len(self._open)

    def mend(self) -> None:
        self.cut()
        self._listener = _listening(self._address)
        self._accept()
        if self._beside:
            self._beside.mend()

    def _accept(self) -> None:
        threading.Thread(target=self._take, args=(self._listener,), daemon=True).start()

    def _take(self, listener: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while True:
                near, _ = listener.accept()
                far = _connected(self._target)
                for one in (near, far):
                    if one.family == socket.AF_INET:
                        one.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                self._open |= {near, far}
                for source, sink in ((near, far), (far, near)):
                    threading.Thread(target=self._copy, args=(source, sink), daemon=True).start()

    def _hold(self, listener: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while True:
                self._open.add(listener.accept()[0])

    def _copy(self, source: socket.socket, sink: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while data := source.recv(65536):
                sink.sendall(data)
        for one in (source, sink):
            _close(one)
            self._open.discard(one)


def _listening(address: Address) -> socket.socket:
    if isinstance(address, int):
        return socket.create_server(("127.0.0.1", address))
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(str(address))
    listener.listen()
    return listener


def _connected(address: Address) -> socket.socket:
    if isinstance(address, int):
        return socket.create_connection(("127.0.0.1", address))
    made = socket.socket(socket.AF_UNIX)
    made.connect(str(address))
    return made


def _close(one: socket.socket) -> None:
    with contextlib.suppress(OSError):
        one.shutdown(socket.SHUT_RDWR)
    one.close()
