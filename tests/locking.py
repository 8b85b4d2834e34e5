"""Locks that a page takes outside of any transaction: refused in tests as they are everywhere else.

A test of Django's runs in a transaction of its own, in which such a lock is none that anybody misses: the
page works in every test, and for nobody else.
"""

import re
from collections.abc import Callable
from typing import Any

from django.core.signals import request_finished, request_started
from django.db import connection
from django.db.transaction import TransactionManagementError

LOCKS = re.compile(r"^\s*SELECT.* FOR (NO KEY UPDATE|UPDATE|KEY SHARE|SHARE)\b", re.DOTALL)


class _Watch:
    """From when a request begins to when it is answered; `depth` is that of the test's own transaction."""

    depth = 0

    def begin(self, **_: Any) -> None:
        self.end()
        if connection.in_atomic_block:
            self.depth = len(connection.savepoint_ids)
            connection.execute_wrappers.append(self)

    def end(self, **_: Any) -> None:
        if self in connection.execute_wrappers:
            connection.execute_wrappers.remove(self)

    def __call__(self, execute: Callable[..., Any], sql: str, *given: Any) -> Any:
        if len(connection.savepoint_ids) <= self.depth and LOCKS.match(sql):
            raise TransactionManagementError(f"a lock outside of a transaction: {sql[:200]}")
        return execute(sql, *given)


def install() -> None:
    watch = _Watch()
    request_started.connect(watch.begin, weak=False, dispatch_uid="tests.locking.begin")
    request_finished.connect(watch.end, weak=False, dispatch_uid="tests.locking.end")
