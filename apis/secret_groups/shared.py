"""Shared secrets: what each type holds, and which of it may be seen."""

from collections.abc import Mapping
from typing import Any

FIELDS: Mapping[str, tuple[str, ...]] = {
    "UsernamePassword": ("username", "password"),
    "SymmetricKey": ("key",),
    "S3Credential": ("accessKeyId", "secretAccessKey"),
    "Blob": ("content",),
}
SHOWN = ("username", "accessKeyId")
"""These are no secret by themselves."""
MAIN: Mapping[str, str] = {
    "UsernamePassword": "password",
    "SymmetricKey": "key",
    "S3Credential": "secretAccessKey",
    "Blob": "content",
}
"""What a reference means that names no field."""
WORDS = {
    "username": "Username",
    "password": "Password",
    "key": "Key",
    "accessKeyId": "Access key ID",
    "secretAccessKey": "Secret access key",
    "content": "Content",
}
LONGEST = 64 * 1024


def faults(kind: str, values: Mapping[str, str]) -> dict[str, list[str]]:
    """What is wrong with these values of a shared secret of this type, by field."""
    found: dict[str, list[str]] = {}
    for name in FIELDS[kind]:
        value = values.get(name, "")
        if not value:
            found[name] = [f"Give the {WORDS[name].lower()}."]
        elif len(value) > LONGEST:
            found[name] = [f"The {WORDS[name].lower()} is longer than {LONGEST:,} characters."]
        elif name != "content" and any(one in value for one in "\r\n\0"):
            found[name] = [f"The {WORDS[name].lower()} is one line; take the line break out, or use a Blob."]
        elif "\0" in value:
            found[name] = ["It holds a NUL character."]
    for name in values.keys() - set(FIELDS[kind]):
        found[name] = [f"A {kind} has no {name}; it has {' and '.join(FIELDS[kind])}."]
    return found


def told(values: Mapping[str, str]) -> dict[str, Any]:
    return {name: values[name] for name in SHOWN if name in values}
