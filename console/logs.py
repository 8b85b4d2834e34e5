"""What the console's log leaves out."""

import logging
import re

_LINKS = re.compile(r"(/invitations/|/login/reset/[^/\s]+/)[^/\s?]+")
"""Whoever knows the address of an invitation, or of a link to a new password, is let in by it."""


class WithoutTraceback(logging.Filter):
    """A request that is refused is its sender's mistake and one line; only our own bugs have a traceback."""

    def filter(self, record: logging.LogRecord) -> bool:
        is_refusal = record.name.startswith("django.security") or getattr(record, "status_code", 500) < 500
        if is_refusal and record.exc_info:
            record.exc_info = record.exc_text = None
        return True


class WithoutLinks(logging.Filter):
    """Addresses that are secrets are told without what makes them so."""

    def filter(self, record: logging.LogRecord) -> bool:
        if isinstance(record.args, tuple):
            record.args = tuple(_veiled(one) if isinstance(one, str) else one for one in record.args)
        record.msg = _veiled(record.msg) if isinstance(record.msg, str) else record.msg
        return True


def _veiled(text: str) -> str:
    return _LINKS.sub(r"\1…", text)
