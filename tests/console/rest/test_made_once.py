from concurrent.futures import ThreadPoolExecutor
from threading import Barrier, Event

import pytest

from console.rest.made_once import made_once

THREADS = 4


def test_threads_that_ask_together_have_it_made_once() -> None:
    made, all_ask, goes_on = list[str](), Barrier(THREADS + 1), Event()

    @made_once
    def make(name: str) -> str:
        made.append(name)
        goes_on.wait(20)
        return name * 2

    def ask() -> str:
        all_ask.wait(20)
        return make("a")

    with ThreadPoolExecutor(THREADS) as threads:
        asked = [threads.submit(ask) for _ in range(THREADS)]
        all_ask.wait(20)
        goes_on.wait(0.2)  # for those that would make it too
        goes_on.set()
        answers = [one.result(20) for one in asked]

    assert (answers, made) == (["aa"] * THREADS, ["a"])
    assert (make("b"), make("a"), made) == ("bb", "aa", ["a", "b"])


def test_what_fails_is_made_again() -> None:
    tries = list[int]()

    @made_once
    def make() -> str:
        tries.append(1)
        if len(tries) == 1:
            raise ValueError("not yet")
        return "made"

    with pytest.raises(ValueError, match="not yet"):
        make()

    assert make() == "made"
