"""YAML as people like to read it: long texts as blocks, and each value so that it is read back as it was."""

import re
from typing import Any

import yaml

_Base: Any = getattr(yaml, "CSafeDumper", yaml.SafeDumper)
_BREAKS = re.compile("[\r\x85\u2028\u2029\ufeff]")


END = "...\n"
"""That a document is whole: what is cut in the middle of a list is YAML, too."""


class _Dumper(_Base):
    """Dates stay text to whoever reads, so nothing needs quotes for them."""

    def ignore_aliases(self, data: Any) -> bool:
        return True


def _text(dumper: Any, value: str) -> Any:
    """Signs that a reader takes for line breaks, or for none, are escaped."""
    style = '"' if _BREAKS.search(value) else "|" if "\n" in value else None
    return dumper.represent_scalar("tag:yaml.org,2002:str", value, style=style)


_Dumper.add_representer(str, _text)


def written(documents: list[dict[str, Any]]) -> str:
    text: str = yaml.dump_all(
        documents, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=100, explicit_start=True
    )
    return text


def ordered(value: Any) -> Any:
    """With the keys in order, which a database does not keep."""
    if isinstance(value, dict):
        return {key: ordered(one) for key, one in sorted(value.items())}
    return [ordered(one) for one in value] if isinstance(value, list | tuple) else value


def said(fields: dict[str, Any]) -> dict[str, Any]:
    """Without the fields that hold nothing."""
    return {key: value for key, value in fields.items() if value not in (None, "", (), [], {}, False)}
