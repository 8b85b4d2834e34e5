"""Proxies by which the agent reaches what lies beyond this machine, as the environment names them."""

import ssl
from collections.abc import Iterator
from contextlib import contextmanager

import httpx


class BadProxy(ValueError):
    """An address of a proxy is none; the text says why."""


def check() -> None:
    """Raises BadProxy for what HTTPS_PROXY and its like name."""
    with checked():
        # It asks nobody, so a start reads no CAs for it.
        httpx.Client(verify=ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)).close()


@contextmanager
def checked() -> Iterator[None]:
    """While a client of httpx is made, which has several ways to refuse a proxy."""
    try:
        yield
    except ImportError as error:
        raise BadProxy("SOCKS is not spoken here") from error
    except (httpx.InvalidURL, ValueError) as error:
        raise BadProxy(str(error)) from error
