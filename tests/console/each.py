"""Many things looked at in one test, from one state of the database."""

from collections.abc import Callable, Iterable
from typing import TypeVar

from django.db import transaction

T = TypeVar("T")


def for_each(things: Iterable[T], look: Callable[[T], None]) -> None:
    """Looks at each; what one does to the database, the next does not see. Raises all that went wrong,
    each with what it was about.

    A database that every look makes anew takes longer than all the looks.
    """
    troubles = []
    for thing in things:
        with transaction.atomic():
            try:
                look(thing)
            except Exception as error:
                error.add_note(f"About {thing}")
                troubles.append(error)
            transaction.set_rollback(True)
    if troubles:
        raise ExceptionGroup(f"{len(troubles)} went wrong", troubles)
