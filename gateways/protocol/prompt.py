"""For servers of one request a connection: uvicorn that does not wait for who sends none in time."""

from typing import Any, ClassVar

from uvicorn.protocols.http.h11_impl import H11Protocol


class Prompt(H11Protocol):
    """Beyond `most` connections (0: any number) one that has sent no request yet is given up for each that
    comes. The server has to answer with `Connection: close`: of a second request nobody keeps the time.
    """

    head_seconds: ClassVar[float] = 10
    most: ClassVar[int] = 0

    def connection_made(self, transport: Any) -> None:
        super().connection_made(transport)
        self.loop.call_later(self.head_seconds, self._expect_request)
        if self.most and len(self.connections) > self.most:
            others = (one for one in self.connections if isinstance(one, Prompt) and one is not self)
            next((one for one in others if one.is_waited_for), self).transport.abort()

    @property
    def is_waited_for(self) -> bool:
        return self.cycle is None and not self.transport.is_closing()

    def _expect_request(self) -> None:
        if self.cycle is None:
            self.transport.close()
