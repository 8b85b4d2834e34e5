"""What stands in the memory of answers, and what gives way."""

import os
import random
from pathlib import Path

import pytest

from gateways.agent.authorizer.remembered import Remembered
from policies.answers import memory


@pytest.fixture
def state(tmp_path: Path) -> Path:
    memory.prepare(tmp_path)
    return tmp_path


def there(state: Path) -> set[bytes]:
    content = memory.PLACE.path(state).read_bytes()[: memory.CELLS]
    found = set()
    for bucket in range(memory.INDEX, memory.CELLS, memory.BUCKET):
        for way in range(memory.WAYS):
            digest, _, length, _ = memory.ENTRY.unpack_from(content, bucket + 128 + way * memory.ENTRY.size)
            if length:
                found.add(digest)
    return found


def in_bucket(number: int, bucket: int = 7) -> bytes:
    return (bucket + number * memory.BUCKETS).to_bytes(8, "little") + os.urandom(8)


def test_of_a_question_so_many_are_kept_and_the_oldest_goes_first(state: Path) -> None:
    kept = Remembered(state)
    digests = [random.Random(number).randbytes(16) for number in range(5)]

    for one in digests:
        assert kept.keep("q", one, b"text", 60, is_yes=True, most=3)
    assert kept.keep("other", b"o" * 16, b"text", 60, is_yes=True, most=3)

    assert there(state) == {*digests[2:], b"o" * 16}


def test_in_a_full_bucket_no_gives_way_to_yes_and_never_yes_to_no(state: Path) -> None:
    kept = Remembered(state)
    no, yes = [in_bucket(number) for number in range(4)], [in_bucket(number) for number in range(4, 20)]
    for one in no:
        assert kept.keep("q", one, b"no", 60, is_yes=False, most=100)
    for one in yes:
        assert kept.keep("q", one, b"yes", 60, is_yes=True, most=100)

    assert there(state) == set(yes)
    assert not kept.keep("q", in_bucket(99), b"no", 60, is_yes=False, most=100)
    assert kept.keep("q", in_bucket(100), b"yes", 60, is_yes=True, most=100)
    assert len(there(state)) == memory.WAYS


def test_a_flood_of_wrong_credentials_leaves_the_right_ones(state: Path) -> None:
    kept = Remembered(state)
    right = [os.urandom(16) for _ in range(500)]
    for one in right:
        assert kept.keep("q", one, b"yes", 60, is_yes=True, most=1000)

    for _ in range(20_000):
        kept.keep("q", os.urandom(16), b"no", 60, is_yes=False, most=1000)

    assert set(right) <= there(state)
    assert len(there(state)) <= 1500


@pytest.mark.parametrize(
    ("text", "seconds", "most"), [(b"x" * 8193, 60, 10), (b"x", 0, 10), (b"x", -1, 10), (b"x", 60, 0)]
)
def test_what_is_not_to_be_kept_is_not(state: Path, text: bytes, seconds: float, most: int) -> None:
    assert not Remembered(state).keep("q", b"d" * 16, text, seconds, is_yes=True, most=most)
    assert there(state) == set()


def test_one_process_writes_at_a_time(state: Path) -> None:
    first, second = Remembered(state), Remembered(state)
    assert first.keep("q", b"a" * 16, b"text", 60, is_yes=True, most=10)
    assert not second.keep("q", b"b" * 16, b"text", 60, is_yes=True, most=10)

    first.release()

    assert second.keep("q", b"b" * 16, b"text", 60, is_yes=True, most=10)
    assert not first.keep("q", b"c" * 16, b"text", 60, is_yes=True, most=10)
    assert there(state) == {b"a" * 16, b"b" * 16}
