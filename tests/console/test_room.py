"""Few do at once what holds a thread; who is too many is told so at once."""

from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack

import pytest

from console.room import NoRoom, Room
from tests.waiting import wait_until


def enter(room: Room, key: str) -> str:
    with room.place(key):
        return key


def test_a_place_is_free_again_after_a_failure() -> None:
    room = Room(1)
    with pytest.raises(ZeroDivisionError), room.place("a"):
        raise ZeroDivisionError

    assert enter(room, "a") == "a"
    assert room.count == 0


def test_who_is_one_too_many_is_refused_whosever_it_is() -> None:
    room = Room(2)
    with room.place("a"), room.place("b"), pytest.raises(NoRoom) as refused:
        enter(room, "c")

    assert not refused.value.is_own_share


def test_of_one_key_there_are_fewer_than_of_all() -> None:
    room = Room(3, each=2)
    with room.place("a"), room.place("a"):
        with pytest.raises(NoRoom) as refused:
            enter(room, "a")
        assert enter(room, "b") == "b"

    assert refused.value.is_own_share


def test_who_may_wait_gets_a_place_as_soon_as_one_is_free() -> None:
    room = Room(1, waiting=1)
    with ThreadPoolExecutor() as threads, ExitStack() as stack:
        stack.enter_context(room.place("a"))
        second = threads.submit(enter, room, "b")
        wait_until(lambda: room.count == 2)
        with pytest.raises(NoRoom):
            enter(room, "c")
        assert not second.done()

        stack.close()

        assert second.result(10) == "b"
