"""What is asked of the process that reads a store, and what it answers, as JSON between two processes."""

import base64
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any


@dataclass(frozen=True)
class UploadedSecret:
    """`files` by the field that they came in: certificate, key, chain, or store."""

    kind: str
    type: str
    files: Mapping[str, bytes]
    passphrase: str = field(default="", repr=False)
    key_passphrase: str = field(default="", repr=False)
    alias: str = ""

    def written(self) -> bytes:
        plain = asdict(self) | {"files": {name: _text(one) for name, one in self.files.items()}}
        return json.dumps(plain).encode()


def read(text: bytes) -> UploadedSecret:
    plain: dict[str, Any] = json.loads(text)
    files = {name: base64.b64decode(one) for name, one in plain.pop("files").items()}
    return UploadedSecret(files=files, **plain)


def _text(content: bytes) -> str:
    return base64.b64encode(content).decode()
