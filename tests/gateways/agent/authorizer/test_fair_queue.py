"""Whose turn it is."""

import asyncio

import pytest

from gateways.agent.authorizer.fair_queue import FairQueue, QueueFull


def test_callers_take_turns() -> None:
    async def order() -> list[str]:
        line, turns = FairQueue(1, 100), []

        async def one(caller: str) -> None:
            async with line.place(caller):
                turns.append(caller)
                await asyncio.sleep(0)

        await asyncio.gather(*(one("flood") for _ in range(10)), one("other"), one("third"))
        return turns

    turns = asyncio.run(order())

    assert sorted(turns[:4]) == ["flood", "flood", "other", "third"]
    assert len(turns) == 12


def test_no_caller_has_more_than_half_of_the_places() -> None:
    async def refused() -> list[str]:
        line, found = FairQueue(1, 4), []

        async def one(caller: str) -> None:
            try:
                async with line.place(caller):
                    await asyncio.sleep(0.01)
            except QueueFull:
                found.append(caller)

        callers = ["flood"] * 6 + ["a", "b", "c"]
        await asyncio.gather(*(one(caller) for caller in callers))
        return found

    assert asyncio.run(refused()) == ["flood", "flood", "flood", "c"]


@pytest.mark.parametrize("is_late", [False, True])
def test_who_goes_gives_the_place_back(is_late: bool) -> None:
    """Also who goes in the moment in which the place is given."""

    async def passed() -> bool:
        line, release = FairQueue(1, 10), asyncio.Event()

        async def hold() -> None:
            async with line.place("a"):
                await release.wait()

        async def wait() -> None:
            async with line.place("b"):
                pass

        holding = asyncio.create_task(hold())
        await asyncio.sleep(0)
        waiting = asyncio.create_task(wait())
        await asyncio.sleep(0)
        if is_late:
            release.set()
            await asyncio.sleep(0)
        waiting.cancel()
        release.set()
        await asyncio.gather(holding, waiting, return_exceptions=True)
        async with asyncio.timeout(2), line.place("c"):
            return True

    assert asyncio.run(passed())
