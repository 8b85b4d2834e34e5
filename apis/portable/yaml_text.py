"""Documents of a file as YAML, and their values in order."""

from typing import Any

import yaml

from apis.revisions.dumper import Dumper

END = "...\n"
"""That a document is whole: what is cut in the middle of a list is YAML, too."""


def written(documents: list[dict[str, Any]]) -> str:
    text: str = yaml.dump_all(
        documents, Dumper=Dumper, sort_keys=False, allow_unicode=True, width=100, explicit_start=True
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
