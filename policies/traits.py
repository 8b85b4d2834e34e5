"""What a policy says of itself, so that nothing outside its folder goes by its name."""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol


@dataclass(frozen=True)
class Limit:
    """How many requests a policy lets pass in a time.

    `key` is the expression that requests are counted by, "" for one count. It `is_shared` where replicas
    may count together, and `is_certain` where it holds though its counter cannot be read.
    """

    requests: int
    period_ms: int
    key: str = ""
    is_shared: bool = False
    is_certain: bool = True

    def leaves_nothing_to(self, other: "Limit") -> bool:
        """Whether of the requests that pass this limit the other one surely never refuses any.

        Windows may begin anywhere: one of the other meets as many of ours as fit into it, and one more.
        """
        counts_the_same = self.key in ("", other.key) and (self.is_shared or not other.is_shared)
        if not (counts_the_same and self.is_certain):
            return False
        return other.requests >= self.requests * (math.ceil(other.period_ms / self.period_ms) + 1)


@dataclass(frozen=True)
class Explained:
    """To a caller: what happened, and what he can do about it; nothing of how the API is guarded inside."""

    title: str
    remedy: str


@dataclass(frozen=True)
class Advice:
    """What is allowed and probably not meant; `field` is named as in `alias`, with "." before its parts."""

    field: str
    message: str


@dataclass(frozen=True)
class Refusal:
    """How a native filter refuses: `details` is a regular expression over Envoy's %RESPONSE_CODE_DETAILS%
    that only a refusal by this policy matches.

    `reason` is "CHECK: WORDS", as scripts give it; "{address}" in it stands for the caller's address,
    "{user_agent}" for its User-Agent, "{status}" for what it was answered with, "{time}" for how long that
    took.
    """

    details: str
    reason: str


@dataclass(frozen=True)
class AsksContracts:
    """That a policy looks callers up in the API's contracts: whether for a secret, for a tier's limits."""

    secret: bool = False
    limits: bool = False


@dataclass(frozen=True)
class ClientProvider:
    """An OpenID Connect provider that an environment names. `issuer` is "" where its endpoint was written by
    hand; `trusted_ca` is PEM, "" for the CAs that gateways trust.
    """

    name: str
    issuer: str
    introspection_url: str
    client_id: str
    client_secret: str = field(repr=False)
    timeout_ms: int
    trusted_ca: str = ""


@dataclass(frozen=True)
class FromProvider:
    """How a policy takes its environment's client provider: whether a raw configuration `asks` for it, the
    same filled with it, and the `fields` that are filled. It `concerns` a configuration that has a provider
    judge at all, the environment's or one of its own.
    """

    asks: Callable[[Mapping[str, Any]], bool]
    fill: Callable[[Mapping[str, Any], ClientProvider], dict[str, Any]]
    fields: tuple[str, ...]
    concerns: Callable[[Mapping[str, Any]], bool] = lambda config: True


class Storage(Protocol):
    """What replicas share: it runs a script of Lua at once, as Redis does.

    `sealing_key` is what they have in common and the storage has not; b"" where they have nothing.
    """

    sealing_key: bytes

    def eval(self, script: str, numkeys: int, *keys_and_args: Any) -> Any: ...


class Exchange(Protocol):
    """What the replicas of a gateway tell each other by a storage, of one state folder.

    Nobody calls two of these at the same time, and no request waits for them.
    """

    def changed(self) -> bool:
        """Whether the others are to be told, or asked, something now; looks at what is there."""
        ...

    def tell(self, storage: Storage) -> None:
        """Tells what `changed` found, and takes in what the others have told.

        Raises whatever the client does, OSError, and ValueError for an answer that is none.
        """
        ...

    def heard(self) -> None:
        """The storage has answered just now, whether or not there was something to tell."""
        ...

    def again(self) -> None:
        """The storage was lost: what was found last may not have been told after all."""
        ...
