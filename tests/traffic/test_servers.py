"""Real servers behind the gateway: none is led to a guarded file by any spelling of its path.

gunicorn comes with the requirements; nginx, Node and Tomcat are tried where the machine has them.
"""

import os
import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from http.client import HTTPResponse
from pathlib import Path

import pytest
import yaml

from gateways.protocol.spelling import CHOICES
from tests.ports import free_port
from tests.traffic.gateway import Gateway
from tests.traffic.test_bypass import OTHER_SPELLINGS, REFUSED, apply, guarded
from tests.traffic.test_callers import configuration
from tests.waiting import wait_until

pytestmark = pytest.mark.envoy

PATH = os.pathsep.join([os.environ.get("PATH", ""), "/usr/sbin", "/usr/bin", "/bin"])
TOMCAT = Path("/usr/share/tomcat10")
WSGI = """
import os, posixpath
def application(environ, start_response):
    path = posixpath.normpath(environ["PATH_INFO"].encode("latin-1").decode(errors="replace"))
    try:
        with open(os.environ["ROOT"] + path) as file:
            body, status = file.read(), "200 OK"
    except (OSError, ValueError):
        body, status = "nothing", "404 Not Found"
    start_response(status, [("content-type", "text/plain"), ("content-length", str(len(body)))])
    return [body.encode()]
"""
NODE = """
const fs = require("fs"), http = require("http"), path = require("path");
http.createServer((request, response) => {
  let body = "nothing";
  try {
    const name = decodeURIComponent(new URL(request.url, "http://host").pathname);
    body = fs.readFileSync(path.join(process.env.ROOT, path.normalize(name)), "utf8");
  } catch (error) { response.statusCode = 404; }
  response.end(body);
}).listen(Number(process.env.PORT), "127.0.0.1");
"""
TOMCAT_SERVER = """<Server port="-1"><Service name="Catalina">
<Connector port="%d" address="127.0.0.1" encodedSolidusHandling="%s" allowBackslash="true"/>
<Engine name="Catalina" defaultHost="localhost">
<Host name="localhost" appBase="webapps" autoDeploy="false"/></Engine>
</Service></Server>"""
NGINX = """daemon off; master_process off; pid %(folder)s/pid; error_log %(folder)s/error.log;
events { worker_connections 64; }
http {
  access_log off; client_body_temp_path %(folder)s; proxy_temp_path %(folder)s;
  fastcgi_temp_path %(folder)s; uwsgi_temp_path %(folder)s; scgi_temp_path %(folder)s;
  server { listen 127.0.0.1:%(port)d; root %(folder)s/webapps/ROOT; }
}"""
UP = (
    *("/../admin/x", "/..%2fadmin/x", "/..%2f/admin/x", "%2f..%2fadmin/x", "/%2e%2e%2fadmin/x"),
    *("/..%5cadmin/x", "/..\\admin/x", "/..;/admin/x", "/..;a=1%2fadmin/x", "/%2e%2e;/admin/x"),
    *("/.%2e/admin/x", "/x/..%2f..%2fadmin/x", "/x%2f..%2f../admin/x", "/..%252fadmin/x", "/.%252e/admin/x"),
    *("/..//admin/x", "/;/../admin/x", "/%2e%2e%2f%2fadmin/x", "/.;/..;/admin/x", "/..%00/admin/x"),
)
"""From a folder beside the guarded one to it."""
WAYS = ("", "/", "/.", "%2f", "/%2e%2f", "/;a", "/a%2f..")
SERVERS = ("gunicorn", "nginx", "node", "tomcat-decode")


@pytest.fixture(params=SERVERS)
def server(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[int]:
    """Its port; it serves the files /admin/x, which says "secret", and /public/x."""
    root = tmp_path / "webapps" / "ROOT"
    for name, text in (("admin", "secret"), ("public", "public")):
        (root / name).mkdir(parents=True)
        (root / name / "x").write_text(text)
    port = free_port()
    command, environ = command_of(request.param, tmp_path, port)
    with running(command, environ | {"ROOT": str(root), "PORT": str(port)}, tmp_path, port):
        yield port


def command_of(name: str, folder: Path, port: int) -> tuple[list[str], dict[str, str]]:
    """Skips the test where the machine has no such server."""
    if name == "gunicorn":
        (folder / "application.py").write_text(WSGI)
        return [sys.executable, "-m", "gunicorn", "--bind", f"127.0.0.1:{port}", "application"], {}
    if name == "nginx":
        (folder / "nginx.conf").write_text(NGINX % {"folder": folder, "port": port})
        return [program("nginx"), "-c", str(folder / "nginx.conf"), "-e", str(folder / "error.log")], {}
    if name == "node":
        (folder / "server.js").write_text(NODE)
        return [program("node"), "server.js"], {}
    if not TOMCAT.is_dir():
        pytest.skip("no tomcat10 on this machine")
    (folder / "conf").mkdir()
    for one in ("logs", "temp", "work"):
        (folder / one).mkdir()
    (folder / "conf" / "server.xml").write_text(TOMCAT_SERVER % (port, name.removeprefix("tomcat-")))
    shutil.copy(TOMCAT / "etc" / "web.xml", folder / "conf" / "web.xml")
    jars = ":".join(str(TOMCAT / "bin" / jar) for jar in ("bootstrap.jar", "tomcat-juli.jar"))
    options = [
        f"-Dcatalina.home={TOMCAT}",
        f"-Dcatalina.base={folder}",
        f"-Djava.io.tmpdir={folder / 'temp'}",
    ]
    return [program("java"), *options, "-cp", jars, "org.apache.catalina.startup.Bootstrap", "start"], {}


def program(name: str) -> str:
    found = shutil.which(name, path=PATH)
    if found is None:
        pytest.skip(f"no {name} on this machine")
    return found


@contextmanager
def running(command: list[str], environ: dict[str, str], folder: Path, port: int) -> Iterator[None]:
    with (folder / "log").open("w") as log:
        process = subprocess.Popen(command, cwd=folder, env={"PATH": PATH} | environ, stdout=log, stderr=log)
    try:
        wait_until(lambda: is_listening(port), 60)
        yield
    finally:
        process.terminate()
        process.wait(timeout=30)


def is_listening(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def answer(port: int, target: str) -> str:
    """The body of the answer to a target that is sent as it is."""
    with socket.create_connection(("127.0.0.1", port), timeout=20) as connection:
        connection.sendall(f"GET {target} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n".encode())
        got = HTTPResponse(connection)
        got.begin()
        return got.read().decode(errors="replace")


@pytest.mark.parametrize("slashes", CHOICES)
def test_no_spelling_leads_a_real_server_to_what_is_guarded(
    gateway: Gateway, server: int, slashes: str
) -> None:
    apply(gateway, configuration(paths={"slashes": slashes}), api_at(server, {"path": "/admin/.*"}))

    reached = [one for one in [*OTHER_SPELLINGS, *REFUSED] if "secret" in answer(gateway.port, one)]

    assert "secret" in answer(server, "/admin/x")
    assert answer(gateway.port, "/public/x") == "public"
    assert reached == []


@pytest.mark.parametrize("slashes", CHOICES)
def test_no_spelling_leads_a_real_server_out_of_the_upstream_s_path(
    gateway: Gateway, server: int, slashes: str
) -> None:
    beside = api_at(server, {"path": "/never"}, base="/shop", path="/public")
    apply(gateway, configuration(paths={"slashes": slashes}), beside)

    reached = [way + up for way in WAYS for up in UP if "secret" in answer(gateway.port, f"/shop{way}{up}")]

    assert answer(gateway.port, "/shop/x") == "public"
    assert reached == []


def api_at(server: int, rule: dict[str, object], base: str = "", path: str = "") -> str:
    api = yaml.safe_load(guarded(rule, base))
    backend = api["spec"]["services"]["backend"]
    backend["address"] = f"http://127.0.0.1:{server}"
    if path:
        backend["routes"] = [{"config": {"destinationPath": path}}]
    return yaml.safe_dump(api)


def test_spellings_are_hostile_to_this_server(server: int) -> None:
    """Else the test above would show nothing: asked directly, each server falls for more than one of them."""
    reached = [one for one in [*OTHER_SPELLINGS, *REFUSED] if "secret" in answer(server, one)]

    assert len(reached) > 1
