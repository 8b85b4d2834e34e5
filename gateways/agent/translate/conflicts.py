"""The addresses that APIs of one gateway have, and why another API cannot stand beside them."""

from collections.abc import Iterable, Iterator

from gateways.agent.translate import ir


class Taken:
    """Knows the APIs that were added; a lookup takes as long among a thousand as among one."""

    def __init__(self, apis: Iterable[ir.Api] = ()) -> None:
        self._on_port: dict[int, ir.Api] = {}
        self._at: dict[tuple[int, str], ir.Api] = {}
        self._below: dict[tuple[int, str], ir.Api] = {}
        for api in apis:
            self.add(api)

    def add(self, api: ir.Api) -> None:
        port = api.listener.port
        self._on_port.setdefault(port, api)
        self._at.setdefault((port, api.base_path), api)
        for path in _above(api.base_path):
            self._below.setdefault((port, path), api)

    def conflict(self, api: ir.Api) -> str | None:
        """Why the API cannot stand beside those that were added."""
        port = api.listener.port
        neighbour = self._on_port.get(port)
        if neighbour is None:
            return None
        if neighbour.listener.host != api.listener.host:
            where = neighbour.listener.host
            return f"port {port} is taken by API {neighbour.name} on {where}; use the same address"
        if (neighbour.listener.tls is None) != (api.listener.tls is None):
            return f"port {port} is taken by API {neighbour.name} with the other scheme; use another port"
        other = self._overlapping(port, api.base_path)
        if other is None:
            return None
        return (
            f"base path {api.base_path or '/'} on port {port} overlaps {other.base_path or '/'}"
            f" of API {other.name}; choose another base path or port"
        )

    def _overlapping(self, port: int, base_path: str) -> ir.Api | None:
        for path in (base_path, *_above(base_path)):
            if found := self._at.get((port, path)):
                return found
        return self._below.get((port, base_path))


def _above(base_path: str) -> Iterator[str]:
    """The base paths that hold this one: /a and the root for /a/b."""
    while base_path:
        base_path = base_path.rpartition("/")[0]
        yield base_path
