"""gunicorn's worker with threads, which leaves no connection unanswered when it stops."""

import socket

from gunicorn.workers.gthread import ThreadWorker


class Worker(ThreadWorker):
    """For `gunicorn --worker-class console.gunicorn_worker.Worker`.

    gunicorn 27's keeps listening while its last requests end, though it accepts nothing any more: whoever
    connects waits for as long as they take, and is reset. With its master killed it even takes new requests
    on kept connections, which is up to `--graceful-timeout` for everybody else. This one takes what has
    connected and stops listening, so that the front's next connection goes to another gunicorn.
    """

    def is_parent_alive(self) -> bool:
        """Without its master it stops as if it were told to: its answers say `Connection: close`."""
        if not super().is_parent_alive():
            self.alive = False
        return self.alive

    def set_accept_enabled(self, enabled: bool) -> None:
        super().set_accept_enabled(enabled)
        if not self.alive:
            self._stop_listening()

    def _stop_listening(self) -> None:
        for listener in self.sockets:
            before = -1
            while before < self.nr_conns < self.worker_connections:
                before = self.nr_conns
                self.accept(listener)
            listener.close()
        self.sockets: list[socket.socket] = []
