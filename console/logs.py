"""What the console's log leaves out."""

import logging


class WithoutTraceback(logging.Filter):
    """A request that is refused is its sender's mistake and one line; only our own bugs have a traceback."""

    def filter(self, record: logging.LogRecord) -> bool:
        is_refusal = record.name.startswith("django.security") or getattr(record, "status_code", 500) < 500
        if is_refusal and record.exc_info:
            record.exc_info = record.exc_text = None
        return True
