"""Reading settings from the environment."""

import os

from django.core.exceptions import ImproperlyConfigured


def number(name: str, default: int) -> int:
    """A whole number greater than 0."""
    text = os.environ.get(name, "").strip()
    if not text:
        return default
    if not text.isascii() or not text.isdigit() or int(text) == 0:
        raise ImproperlyConfigured(f'{name}: "{text}" is not a whole number greater than 0.')
    return int(text)


def port(name: str, default: int) -> int:
    value = number(name, default)
    if value > 65535:
        raise ImproperlyConfigured(f"{name}: {value} is not a port; choose one from 1 to 65535.")
    return value
