"""YAML that people type or upload, as data: bounded in size, and without aliases, which may multiply."""

from typing import Any

import yaml

MOST_BYTES, MOST_LEVELS = 256 * 1024, 64
_Loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


class NotRead(ValueError):
    """The text cannot be read; the words say why, and where."""


def read(text: str) -> Any:
    """Raises NotRead."""
    if len(text.encode(errors="replace")) > MOST_BYTES:
        raise NotRead(f"it is longer than {MOST_BYTES // 1024} KB")
    try:
        # Asked of events before there are nodes: the parser in C dies of what is nested too deeply.
        depth = 0
        for event in yaml.parse(text, _Loader):
            if isinstance(event, yaml.AliasEvent):
                raise NotRead(f"{_place(event.start_mark)}aliases (*name) are not taken; write it out")
            depth += isinstance(event, yaml.CollectionStartEvent)
            depth -= isinstance(event, yaml.CollectionEndEvent)
            if depth > MOST_LEVELS:
                raise NotRead(f"{_place(event.start_mark)}it has more than {MOST_LEVELS} levels")
        return yaml.load(text, _Loader)  # noqa: S506 - a safe loader
    except yaml.MarkedYAMLError as error:
        raise NotRead(f"{_place(error.problem_mark)}{error.problem or 'it is no YAML'}") from None
    except (AttributeError, LookupError, TypeError):
        raise NotRead("a value is not of the type that its tag (!!) says") from None
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise NotRead(
            "it is nested too deeply" if isinstance(error, RecursionError) else str(error)
        ) from None


def _place(mark: Any) -> str:
    return f"line {mark.line + 1}, column {mark.column + 1}: " if mark else ""
