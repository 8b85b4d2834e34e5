"""Stores as keytool writes them, until 2126: of a key called edge with the passphrase changeit."""

from pathlib import Path

FOLDER = Path(__file__).parent / "files"


def keystore(kind: str) -> bytes:
    return (FOLDER / f"keystore.{kind.lower()}").read_bytes()


def truststore(kind: str) -> bytes:
    return (FOLDER / f"truststore.{kind.lower()}").read_bytes()
