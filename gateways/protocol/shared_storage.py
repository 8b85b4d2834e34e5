"""Where replicas of a gateway meet: a Redis or Valkey server, by YAML (`sharedStorage`) or by a URL."""

from dataclasses import dataclass, field
from urllib.parse import unquote, urlsplit

from policies.fields.hosts import port_of

MOST_DATABASE = 2**20
LEAST_KEY, MOST_KEY, LEAST_DIFFERENT = 32, 1000, 10


@dataclass(frozen=True)
class Tls:
    """The system's CAs are trusted where `trusted_ca` is empty; `certificate` and `key` are PEM texts too."""

    trusted_ca: str = ""
    certificate: str = ""
    key: str = field(default="", repr=False)
    skips_validation: bool = False


@dataclass(frozen=True)
class SharedStorage:
    host: str
    port: int = 6379
    username: str = ""
    password: str = field(default="", repr=False)
    database: int = 0
    tls: Tls | None = None
    sealing_key: bytes = field(default=b"", repr=False)
    """What replicas have in common and the server has not; b"" where they tell it no answers."""

    def __str__(self) -> str:
        return f"{self.host}:{self.port}, database {self.database}"


def checked_sealing_key(text: str) -> str:
    """Raises ValueError for what could be guessed; its text has nothing of the key."""
    if not LEAST_KEY <= len(text) <= MOST_KEY or len(set(text)) < LEAST_DIFFERENT:
        raise ValueError(
            f"is no key of {LEAST_KEY} to {MOST_KEY} random characters; `openssl rand -base64 32` makes one"
        )
    return text


def host_and_port(text: str) -> tuple[str, int]:
    """Of "host:port"; brackets around an IPv6 address. Raises ValueError."""
    try:
        parts = urlsplit(f"//{text}")
        port = port_of(parts)
    except ValueError:
        parts, port = None, None
    if parts is None or not parts.hostname or not port or parts.netloc != text or "@" in text:
        raise ValueError(f'"{text}" is not host:port, such as redis.example.com:6379')
    return parts.hostname, port


def of_url(url: str) -> SharedStorage:
    """Of redis://[user[:password]@]host[:port][/database], or rediss:// for TLS.

    Raises ValueError, whose text has nothing of the URL.
    """
    wrong = "is not redis://[user:password@]host[:port][/database], or rediss:// for TLS"
    try:
        parts = urlsplit(url)
        port = port_of(parts)
    except ValueError:
        raise ValueError(wrong) from None
    database = parts.path.removeprefix("/") or "0"
    is_known = parts.scheme in ("redis", "rediss") and parts.hostname and not parts.query
    if not is_known or not database.isdecimal() or not database.isascii() or int(database) > MOST_DATABASE:
        raise ValueError(wrong)
    return SharedStorage(
        parts.hostname or "",
        port or 6379,
        unquote(parts.username or ""),
        unquote(parts.password or ""),
        int(database),
        Tls() if parts.scheme == "rediss" else None,
    )
