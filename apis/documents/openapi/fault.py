"""What is wrong with an OpenAPI document, and where."""

from collections.abc import Iterable
from dataclasses import dataclass

LONGEST = 400
Path = tuple[str | int, ...]


@dataclass(frozen=True)
class DocumentFault(Exception):
    """`line` and `column` count from 1; `path` leads from the document's first level to what is meant."""

    message: str
    path: Path = ()
    line: int | None = None
    column: int | None = None

    def __str__(self) -> str:
        return shortened(self.message)


def pointer(path: Iterable[str | int]) -> str:
    """As a JSON pointer: `/paths/~1orders/get`; "" for the whole document."""
    return "".join("/" + str(part).replace("~", "~0").replace("/", "~1") for part in path)


def parts(text: str) -> list[str]:
    """The steps of a JSON pointer."""
    return [part.replace("~1", "/").replace("~0", "~") for part in text.split("/")[1:]]


def shortened(text: str, most: int = LONGEST) -> str:
    """At most so long, and of characters alone that a page and a database can hold."""
    shown = "".join(one if one.isprintable() else " " for one in text[: most + 1])
    return shown if len(shown) <= most else shown[: most - 1] + "…"
