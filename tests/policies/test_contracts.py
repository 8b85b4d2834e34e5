"""The contracts' memory through real Envoys: what is in force, when, and what a damaged file lets through."""

import os
import resource
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from random import Random
from typing import Any

import pytest

from policies.contracts import memory
from policies.contracts.contract import Contract, HashedSecret, Limit, plain
from policies.contracts.image import END
from tests.policies.envoy import Envoy, compiled, running_envoy
from tests.waiting import wait_until

pytestmark = pytest.mark.envoy
API = "test/api"
ID_ALONE = {"clientSecretExpression": ""}


def contract(client: str, secret: str | None = None, *, api: str = API, **fields: Any) -> Contract:
    return Contract(f"test/{client}", api, client, plain(secret), f"app of {client}", **fields)


@contextmanager
def serving(state: Path, workers: int = 1) -> Iterator[Envoy]:
    chains = {
        "id": [compiled("client-id-enforcement", ID_ALONE, state, "id")],
        "secret": [compiled("client-id-enforcement", {}, state, "secret")],
    }
    with running_envoy(chains, state, workers=workers) as envoy:
        yield envoy


@pytest.fixture
def envoy(tmp_path: Path) -> Iterator[Envoy]:
    with serving(tmp_path) as envoy:
        yield envoy


def status(envoy: Envoy, client: str, secret: str | None = None) -> int:
    path = "/id" if secret is None else "/secret"
    headers = {"client_id": client} | ({} if secret is None else {"client_secret": secret})
    return envoy.get(path, headers).status


def test_a_change_counts_at_the_next_request_of_an_open_connection(envoy: Envoy, tmp_path: Path) -> None:
    book = memory.Book(tmp_path)
    book.write([contract("a", "one"), contract("b")])
    connection = envoy.connect()

    def asked(client: str, secret: str | None = None) -> int:
        path = "/id" if secret is None else "/secret"
        connection.request("GET", path, headers={"client_id": client, "client_secret": secret or ""})
        response = connection.getresponse()
        response.read()
        return response.status

    assert [asked("a"), asked("b"), asked("c"), asked("a", "one"), asked("a", "one")] == [
        200,
        200,
        401,
        200,
        200,
    ]
    book.write([contract("a", "two"), contract("c")])
    assert [asked("a"), asked("b"), asked("c"), asked("a", "one"), asked("a", "two")] == [
        200,
        401,
        200,
        401,
        200,
    ]
    book.write([])
    assert [asked("a"), asked("c"), asked("a", "two")] == [401, 401, 401]
    connection.close()


def test_a_contract_with_another_api_is_none(envoy: Envoy, tmp_path: Path) -> None:
    book = memory.Book(tmp_path)
    book.write([contract("a", api="test/other"), contract("api\0a", api="test"), contract("b")])

    assert (status(envoy, "a"), status(envoy, "b")) == (401, 200)


def test_without_a_file_nobody_passes_until_there_is_one(envoy: Envoy, tmp_path: Path) -> None:
    assert status(envoy, "a") == 500

    memory.Book(tmp_path).write([contract("a")])

    wait_until(lambda: status(envoy, "a") == 200)


@pytest.mark.parametrize(
    "damaged",
    [
        lambda content: b"",
        lambda content: content[:100],
        lambda content: content[: len(content) // 2],
        lambda content: content[:-1],
        lambda content: content[:-8] + bytes(8),
        lambda content: b"\0" * len(content),
        lambda content: b"GWCONTR1" + content[8:],
        lambda content: content + b"more",
    ],
)
def test_what_is_not_whole_lets_nobody_pass(
    envoy: Envoy, tmp_path: Path, damaged: Callable[[bytes], bytes]
) -> None:
    book = memory.Book(tmp_path)
    book.write([contract("a")])
    assert status(envoy, "a") == 200
    first, book_folder = names(tmp_path)[0], memory.folder(tmp_path)

    whole = (book_folder / first).read_bytes()
    generation = int(first.removesuffix(memory.ENDING)) + 1
    renumbered = whole[:8] + END.pack(generation) + whole[16:-8] + END.pack(generation)
    (book_folder / f"{generation}{memory.ENDING}").write_bytes(damaged(renumbered))
    with (book_folder / memory.HEAD).open("r+b") as head:
        head.seek(8)
        head.write(END.pack(generation))

    assert status(envoy, "a") == 500
    (book_folder / f"{generation}{memory.ENDING}").write_bytes(renumbered)
    assert status(envoy, "a") == 200
    # What an agent that comes back writes.
    memory.Book(tmp_path).write([contract("b")])
    assert (status(envoy, "a"), status(envoy, "b")) == (401, 200)


def names(state: Path) -> list[str]:
    return sorted(path.name for path in memory.folder(state).iterdir() if path.name[0].isdigit())


def test_another_head_is_seen_within_a_second(envoy: Envoy, tmp_path: Path) -> None:
    memory.Book(tmp_path).write([contract("a")])
    assert status(envoy, "a") == 200
    for path in memory.folder(tmp_path).iterdir():
        path.unlink()

    memory.Book(tmp_path).write([contract("b")])

    wait_until(lambda: status(envoy, "a") == 401)
    assert status(envoy, "b") == 200


def test_contracts_hold_on_while_no_file_can_be_opened(envoy: Envoy, tmp_path: Path) -> None:
    book = memory.Book(tmp_path)
    book.write([contract("a"), contract("b")])
    assert status(envoy, "a") == 200
    most = resource.prlimit(envoy.pid, resource.RLIMIT_NOFILE)
    connection = envoy.connect()
    connection.request("GET", "/id", headers={"client_id": "a"})
    connection.getresponse().read()

    resource.prlimit(envoy.pid, resource.RLIMIT_NOFILE, (0, most[1]))
    seen = set()
    until = time.monotonic() + 2.5
    while time.monotonic() < until:
        connection.request("GET", "/id", headers={"client_id": "b"})
        response = connection.getresponse()
        response.read()
        seen.add(response.status)
    # What has changed cannot be read: nobody passes.
    book.write([contract("a")])
    connection.request("GET", "/id", headers={"client_id": "a"})
    refused = connection.getresponse()
    refused.read()
    resource.prlimit(envoy.pid, resource.RLIMIT_NOFILE, most)

    assert seen == {200}
    assert refused.status == 500
    wait_until(lambda: status(envoy, "a") == 200)
    assert status(envoy, "b") == 401
    connection.close()


def test_a_writer_that_vanished_is_written_anew(tmp_path: Path) -> None:
    book = memory.Book(tmp_path)
    book.write([contract("a")])
    (first,) = names(tmp_path)
    (memory.folder(tmp_path) / first).unlink()

    book.write([contract("a")])

    assert names(tmp_path) > [first]


def test_two_files_are_kept_and_none_can_be_read_by_others(tmp_path: Path) -> None:
    book = memory.Book(tmp_path)
    for number in range(5):
        book.write([contract(f"client-of-{number}", f"secret-of-{number}")])

    folder = memory.folder(tmp_path)
    assert len(names(tmp_path)) == 2
    assert {path.stat().st_mode & 0o777 for path in folder.iterdir()} == {0o600}
    assert folder.stat().st_mode & 0o777 == 0o700
    content = b"".join(path.read_bytes() for path in folder.iterdir())
    assert b"secret-of" not in content
    assert b"\0client-of" not in content


def test_no_request_meets_half_of_a_change(tmp_path: Path) -> None:
    """`always` keeps its contract in all of many changes; the two others have one by turns, never both."""
    book = memory.Book(tmp_path)
    book.write([contract("always"), contract("even")])
    seen: Counter[int] = Counter()
    done = threading.Event()
    with serving(tmp_path, workers=2) as envoy:

        def ask() -> None:
            connection = envoy.connect()
            while not done.is_set():
                connection.request("GET", "/id", headers={"client_id": "always"})
                response = connection.getresponse()
                response.read()
                seen[response.status] += 1
            connection.close()

        threads = [threading.Thread(target=ask) for _ in range(4)]
        for one in threads:
            one.start()
        for number in range(300):
            several = [contract(f"filler-{n}") for n in range(number % 7 * 40)]
            book.write([*several, contract("always"), contract("odd" if number % 2 else "even")])
        done.set()
        for one in threads:
            one.join()

    assert set(seen) == {200}
    assert seen[200] > 100


def test_a_writer_killed_at_any_moment_leaves_what_was_in_force(envoy: Envoy, tmp_path: Path) -> None:
    memory.Book(tmp_path).write([contract("always")])
    writes = f"""
from pathlib import Path
from typing import Any
from policies.contracts import memory
from policies.contracts.contract import Contract, plain
book = memory.Book(Path({str(tmp_path)!r}))
while True:
    for many in (1, 3000):
        book.write([Contract(f"test/{{n}}", "test/api", f"c{{n}}", plain("s"), "x") for n in range(many)] +
                   [Contract("test/always", "test/api", "always", (), "always")])
        print(flush=True)
"""
    for tries in range(5):
        with subprocess.Popen([sys.executable, "-c", writes], stdout=subprocess.PIPE) as writer:
            assert writer.stdout is not None
            for _ in range(2 + tries):
                writer.stdout.readline()
            os.kill(writer.pid, signal.SIGKILL)
        assert status(envoy, "always") == 200
        memory.Book(tmp_path).write([contract("always"), contract(f"new-{tries}")])
        assert status(envoy, f"new-{tries}") == 200


def test_ten_thousand_contracts_are_all_found(envoy: Envoy, tmp_path: Path) -> None:
    memory.Book(tmp_path).write([contract(f"client-{n}", f"secret-{n}") for n in range(10_000)])

    some = [0, 1, 4999, 9998, 9999]
    assert [status(envoy, f"client-{n}", f"secret-{n}") for n in some] == [200] * 5
    assert [status(envoy, f"client-{n}", f"secret-{n + 1}") for n in some] == [401] * 5
    assert status(envoy, "client-10000") == 401
    size = sum(path.stat().st_size for path in memory.folder(tmp_path).iterdir())
    assert size < 50 * 1024 * 1024


def test_after_many_changes_those_that_are_left_are_found_and_no_others(envoy: Envoy, tmp_path: Path) -> None:
    """Each file is made of the one before; `made` counts past the entries that were left free at first."""
    book, random = memory.Book(tmp_path), Random(7)
    limits = (Limit(10, 1000),), (Limit(5, 60_000), Limit(7, 1000)), ()
    now = [contract(f"client-{n}", f"secret-{n}") for n in range(40)]
    made = len(now)
    for _ in range(6):
        for _ in range(30):
            now.pop(random.randrange(len(now)))
            changed = now.pop(random.randrange(len(now)))
            fields = {"limits": limits[made % 3], "application": f"application {made}"}
            now += [replace(changed, **fields), contract(f"client-{made}", f"secret-{made}")]
            made += 1
            book.write(now)
        kept = {one.client_id for one in now}
        asked = [f"client-{n}" for n in range(made)]
        found = {
            client for client in asked if status(envoy, client, client.replace("client", "secret")) == 200
        }
        assert found == kept
        assert {status(envoy, client, "secret-none") for client in asked[:20]} == {401}


def test_a_secret_a_contract_and_an_application_end_by_the_clock(envoy: Envoy, tmp_path: Path) -> None:
    """With nobody there to write anything: the agent may be gone."""
    soon = time.time() + 2
    old, new, over = (plain(text)[0].digest for text in ("old", "new", "over"))
    memory.Book(tmp_path).write(
        [
            Contract("test/1", API, "reset", (HashedSecret(new), HashedSecret(old, soon)), "reset"),
            Contract("test/2", API, "ended", (HashedSecret(over, 1.0),), "ended"),
            contract("short", "s", until=soon),
            contract("long", "s", until=soon + 3600),
        ]
    )

    def asked() -> list[int]:
        told = [("reset", "new"), ("reset", "old"), ("short", "s"), ("short", None), ("long", "s")]
        return [status(envoy, client, secret) for client, secret in told]

    assert asked() == [200, 200, 200, 200, 200]
    assert (status(envoy, "ended"), status(envoy, "ended", "over")) == (200, 401)
    wait_until(lambda: asked() == [200, 401, 401, 401, 200])


def test_files_of_the_release_before_are_swept_when_nobody_reads_them(tmp_path: Path) -> None:
    folder = memory.folder(tmp_path)
    folder.mkdir()
    for name in ("head", "1234"):
        (folder / name).write_bytes(b"of the release before")
    book = memory.Book(tmp_path)

    book.write([contract("a")])
    assert {"head", "1234"} < {path.name for path in folder.iterdir()}
    book.write([contract("b")])

    assert {"head", "1234"}.isdisjoint(path.name for path in folder.iterdir())


def test_long_texts_are_refused(envoy: Envoy, tmp_path: Path) -> None:
    memory.Book(tmp_path).write([contract("i" * 255, "s" * 255)])

    assert status(envoy, "i" * 255, "s" * 255) == 200
    assert status(envoy, "i" * 256, "s" * 255) == 401
    assert status(envoy, "i" * 255, "s" * 256) == 401
    assert status(envoy, "i" * 20_000, "s" * 20_000) == 401
