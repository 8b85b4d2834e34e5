"""What a tag of an API may be."""

from collections.abc import Iterable, Iterator

from console.lines import is_line

MOST = 100
LONGEST = 60


def faults(tags: Iterable[str]) -> Iterator[str]:
    for tag in tags:
        if not 1 <= len(tag) <= LONGEST or tag != tag.strip():
            yield f'Tag "{tag[:LONGEST]}" must have 1 to {LONGEST} characters, and no space at its ends.'
        elif not is_line(tag):
            yield f"Tag {tag!r} holds a control character or a line break; take it out."
