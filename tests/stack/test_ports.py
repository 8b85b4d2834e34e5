"""Free and taken ports."""

import socket
from collections.abc import Iterator

import pytest

from console.stack import ports
from console.stack.stack_error import StackError


@pytest.fixture
def taken() -> Iterator[int]:
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


def test_a_taken_port_is_refused_with_the_variable_to_change(taken: int) -> None:
    with pytest.raises(StackError, match=rf"Port {taken} is taken.*GATEWRIGHT_CONSOLE_PORT=\d+"):
        ports.demand("127.0.0.1", taken, "GATEWRIGHT_CONSOLE_PORT")


def test_a_taken_port_is_passed_over_where_any_will_do(taken: int) -> None:
    assert ports.prefer("127.0.0.1", taken) != taken


def test_a_free_port_is_kept() -> None:
    port = ports.free("127.0.0.1")

    assert ports.prefer("127.0.0.1", port) == port
