"""YAML as people like to read it: long texts as blocks, and each value so that it is read back as it was."""

import re
from typing import Any

import yaml

# The dumper in C takes a tenth of the time of the one in Python.
_Base: Any = getattr(yaml, "CSafeDumper", yaml.SafeDumper)
_BREAKS = re.compile("[\r\x85\u2028\u2029\ufeff]")


class Dumper(_Base):
    """Dates stay text to whoever reads, so nothing needs quotes for them."""

    def ignore_aliases(self, data: Any) -> bool:
        return True


def _text(dumper: Any, value: str) -> Any:
    """Signs that a reader takes for line breaks, or for none, are escaped."""
    style = '"' if _BREAKS.search(value) else "|" if "\n" in value else None
    return dumper.represent_scalar("tag:yaml.org,2002:str", value, style=style)


Dumper.add_representer(str, _text)
