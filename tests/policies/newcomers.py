"""Folders of policies beside those of the catalog, as its package finds them."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from policies import catalog


@contextmanager
def newcomers(root: Path, **texts: str) -> Iterator[None]:
    """Each text is the policy.py of a folder of this name."""
    for name, text in texts.items():
        (root / name).mkdir()
        (root / name / "__init__.py").touch()
        (root / name / "policy.py").write_text(text)
    catalog.__path__.append(str(root))
    _forget()
    try:
        yield
    finally:
        catalog.__path__.remove(str(root))
        _forget()
        ours = tuple(f"policies.catalog.{name}" for name in texts)
        for name in [one for one in sys.modules if one.startswith(ours)]:
            del sys.modules[name]


def _forget() -> None:
    catalog.policies.cache_clear()
    catalog.carrier.cache_clear()
    catalog._by_name.cache_clear()
