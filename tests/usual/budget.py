"""How often each page may ask the database.

`GOLDEN=write script/test -k test_usual` writes the numbers anew; then read the difference as if it were code.
"""

import os
from pathlib import Path

import yaml
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

FILE = Path(__file__).with_name("budgets.yaml")


def asked(client: Client, path: str) -> int:
    """The queries of one look at a page, once what is asked a single time was asked."""
    client.get(path)
    with CaptureQueriesContext(connection) as found:
        assert client.get(path).status_code == 200, path
    return len(found)


def keep_within(name: str, queries: int) -> None:
    """`name` is the page's name in the file."""
    budgets: dict[str, int] = yaml.safe_load(FILE.read_text()) or {}
    if os.environ.get("GOLDEN") == "write":
        budgets[name] = queries
        FILE.write_text("".join(f"{one}: {budgets[one]}\n" for one in sorted(budgets)))
    assert name in budgets, f"{name} has no budget in {FILE.name}: it asked {queries} times"
    assert queries <= budgets[name], f"{name} asked {queries} times; {FILE.name} allows {budgets[name]}"
