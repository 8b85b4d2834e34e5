"""The process in which Apprise works: reads one question from standard input, answers in a line of JSON.

What Apprise's services open is guarded here, since the URL is a stranger's: no connection to where
destinations may not be, no file but those of Python, no program. Nothing of Django's is imported.
"""

import json
import logging
import re
import resource
import sys
from collections.abc import Callable, Sequence
from ipaddress import ip_network
from typing import Any

import apprise
import requests
from apprise.persistent_store import PersistentStoreMode

from console import guarded

LOCAL = frozenset({"blink1", "dbus", "glib", "gnome", "macosx", "syslog", "windows"})
"""Services that tell the machine on which they run."""
CONNECTS = frozenset({"socket.connect", "socket.sendto", "socket.sendmsg"})
STARTS = frozenset(
    {"subprocess.Popen", "os.system", "os.exec", "os.posix_spawn", "os.fork", "os.spawn", "pty.spawn"}
)
READABLE = ("/etc/ssl/", "/etc/pki/", "/etc/mime.types", "/usr/share/", "/usr/lib/", "/dev/null")
CPU_SECONDS = 20
MEMORY_BYTES = 1 << 30
MOST_WORDS = 300
SHORTEST_SECRET = 6


def main() -> None:
    resource.setrlimit(resource.RLIMIT_CPU, (CPU_SECONDS, CPU_SECONDS))
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES))
    asked = json.load(sys.stdin)
    said: list[str] = []
    _listen(said)
    service = _service(asked["url"])
    if service is None:
        answer = {"ok": False, "answer": "Apprise knows no such address; its documentation lists them."}
    elif type(service).__module__.rpartition(".")[2] in LOCAL:
        answer = {"ok": False, "answer": f"{service.service_name} tells the console's own machine alone."}
    elif asked["do"] == "check":
        answer = {"ok": True, "answer": "", "service": str(service.service_name)}
    else:
        answer = _sent(service, asked, said)
    print(json.dumps(answer))  # noqa: T201 the answer


def _service(url: str) -> Any:
    asset = apprise.AppriseAsset(
        app_id="Gatewright", storage_mode=PersistentStoreMode.MEMORY, async_mode=False, http_redirects=False
    )
    return apprise.Apprise.instantiate(url, asset=asset, suppress_exceptions=True)


def _sent(service: Any, asked: dict[str, Any], said: list[str]) -> dict[str, Any]:
    service.redirects = False
    requests.Session.resolve_redirects = lambda *_, **__: iter(())  # type: ignore[method-assign,assignment]  # whatever the URL says
    refused: list[str] = []
    _guard([ip_network(one) for one in asked["networks"]], refused)
    is_sent = bool(service.notify(title=asked["subject"], body=asked["text"]))
    words = refused[0] if refused else _veiled(said[-1] if said else "it did not say why", asked["url"])
    return {"ok": is_sent, "answer": f"{service.service_name} took it" if is_sent else words}


def _guard(networks: Sequence[guarded.Network], refused: list[str]) -> None:
    """From now on, for as long as the process lives."""
    roots = (sys.prefix + "/", sys.base_prefix + "/", *READABLE)

    def look(event: str, args: tuple[Any, ...]) -> None:
        fault = ""
        if event in CONNECTS:
            fault = _connection_fault(args[-1], networks)
        elif event in STARTS:
            fault = "it would start a program"
        elif event == "open" and isinstance(args[0], str | bytes):
            fault = _file_fault(args, roots)
        if fault:
            refused.append(fault)
            raise PermissionError(fault)

    sys.addaudithook(look)


def _connection_fault(address: Any, networks: Sequence[guarded.Network]) -> str:
    if address is None:
        return ""
    if not isinstance(address, tuple):
        return "it would speak to a program of the console's machine"
    host = str(address[0])
    try:
        return "" if guarded.is_permitted(host, networks) else guarded.refusal(host)
    except ValueError:
        return f"{host} is no address"


def _file_fault(args: tuple[Any, ...], roots: tuple[str, ...]) -> str:
    path = args[0].decode(errors="replace") if isinstance(args[0], bytes) else args[0]
    is_read = not isinstance(args[1], str) or set(args[1]) <= set("rbt")
    return (
        ""
        if is_read and path.startswith(roots) and ".." not in path
        else "it would open a file of the console's"
    )


def _listen(said: list[str]) -> None:
    """What Apprise logs of a failure is all that it tells."""

    class Kept(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            if record.levelno >= logging.WARNING:
                said.append(record.getMessage())

    logger = logging.getLogger("apprise")
    logger.handlers = [Kept()]
    logger.setLevel(logging.WARNING)


def _veiled(words: str, url: str) -> str:
    """Without the parts of the URL, any of which may be a token."""
    parts: Callable[[str], list[str]] = re.compile(r"[^/:@?&=,#]+").findall
    for part in sorted(parts(url), key=len, reverse=True):
        if len(part) >= SHORTEST_SECRET:
            words = words.replace(part, "…")
    return words[:MOST_WORDS]


if __name__ == "__main__":
    main()
