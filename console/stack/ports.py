"""TCP ports: whether one is free, and a free one."""

import errno
import socket

from console.stack.stack_error import StackError


def demand(host: str, port: int, variable: str) -> None:
    """Raises StackError, naming the variable to change, when nothing could listen there."""
    error = _refusal(host, port)
    if error is None:
        return
    if error.errno == errno.EADDRINUSE:
        raise StackError(
            f"Port {port} is taken by another program: stop that one, or choose another port, "
            f"for example {variable}={free(host, after=port)}."
        )
    raise StackError(f"Cannot listen on {host}:{port} ({error.strerror}): set {variable} to another port.")


def prefer(host: str, port: int) -> int:
    """This port if it is free, else one that is."""
    return port if _refusal(host, port) is None else free(host)


def free(host: str, after: int = 0) -> int:
    """The first free port after a given one, or any."""
    for port in range(after + 1, min(after + 100, 65536)) if after else ():
        if _refusal(host, port) is None:
            return port
    with socket.socket() as probe:
        probe.bind((host, 0))
        return int(probe.getsockname()[1])


def _refusal(host: str, port: int) -> OSError | None:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            return error
    return None
