"""Directories on loopback: ldaptor's server in a process of its own, and slapd where it is installed.

python -m tests.policies.directory PORT LDIF
"""

import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.ports import free_port

SLAPD = shutil.which("slapd", path="/usr/sbin:/usr/local/sbin:/usr/lib/openldap:/usr/libexec")
SUFFIX, ACCOUNT, PASSWORD = "dc=example,dc=org", "cn=gateway,dc=example,dc=org", "gate s3cret"
LDIF = """dn: dc=example,dc=org
objectClass: dcObject
objectClass: organization
dc: example
o: Example

dn: cn=gateway,dc=example,dc=org
objectClass: organizationalRole
objectClass: simpleSecurityObject
cn: gateway
userPassword: gate s3cret

dn: ou=people,dc=example,dc=org
objectClass: organizationalUnit
ou: people

dn: uid=ada,ou=people,dc=example,dc=org
objectClass: inetOrgPerson
uid: ada
cn: Ada
sn: L
mail: ada@example.org
userPassword: l0velace

dn: uid=bob(x)*\\2c,ou=people,dc=example,dc=org
objectClass: inetOrgPerson
uid: bob(x)*,
cn: Bob
sn: B
mail: both@example.org
userPassword: b0b

dn: ou=deep,ou=people,dc=example,dc=org
objectClass: organizationalUnit
ou: deep

dn: uid=eve,ou=deep,ou=people,dc=example,dc=org
objectClass: inetOrgPerson
uid: eve
cn: Eve
sn: E
mail: both@example.org
userPassword: s3cret:with colon
"""
_CONF = """include /etc/ldap/schema/core.schema
include /etc/ldap/schema/cosine.schema
include /etc/ldap/schema/inetorgperson.schema
pidfile {folder}/slapd.pid
modulepath /usr/lib/ldap
moduleload back_mdb
database mdb
suffix "{suffix}"
directory {folder}
rootdn "cn=root,{suffix}"
"""


@dataclass(frozen=True)
class Directory:
    port: int
    pid: int

    @property
    def url(self) -> str:
        return f"ldap://127.0.0.1:{self.port}"


@contextmanager
def ldaptor(folder: Path) -> Iterator[Directory]:
    ldif = folder / "tree.ldif"
    ldif.write_text(LDIF + "\n")
    port = free_port()
    with _running([sys.executable, "-m", "tests.policies.directory", str(port), str(ldif)], port) as made:
        yield made


@contextmanager
def slapd(folder: Path) -> Iterator[Directory]:
    assert SLAPD
    conf, ldif, port = folder / "slapd.conf", folder / "tree.ldif", free_port()
    conf.write_text(_CONF.format(folder=folder, suffix=SUFFIX))
    ldif.write_text(LDIF)
    add = [SLAPD, "-T", "add", "-f", str(conf), "-l", str(ldif)]
    subprocess.run(add, check=True, capture_output=True)
    with _running([SLAPD, "-d", "0", "-f", str(conf), "-h", f"ldap://127.0.0.1:{port}"], port) as made:
        yield made


@contextmanager
def _running(command: list[str], port: int) -> Iterator[Directory]:
    import socket

    process = subprocess.Popen(command)
    try:
        until = time.monotonic() + 20
        while True:
            assert process.poll() is None and time.monotonic() < until, "the directory does not start"
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", port)) == 0:
                    break
            time.sleep(0.02)
        yield Directory(port, process.pid)
    finally:
        process.kill()
        process.wait()


def main() -> None:
    from ldaptor.inmemory import fromLDIFFile
    from ldaptor.interfaces import IConnectedLDAPEntry
    from ldaptor.protocols.ldap.ldapserver import LDAPServer
    from twisted.internet import reactor
    from twisted.internet.protocol import ServerFactory
    from twisted.python.components import registerAdapter

    class Factory(ServerFactory):
        protocol = LDAPServer
        root = None

    def serve(root: object) -> None:
        made = Factory()
        made.root = root
        reactor.listenTCP(int(sys.argv[1]), made, interface="127.0.0.1")

    registerAdapter(lambda factory: factory.root, Factory, IConnectedLDAPEntry)
    with Path(sys.argv[2]).open("rb") as file:
        fromLDIFFile(file).addCallback(serve)
    reactor.run()


if __name__ == "__main__":
    main()
