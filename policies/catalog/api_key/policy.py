"""API Key: lets requests pass that carry a known key."""

import hashlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Literal, Self

from pydantic import Field, SecretStr, model_validator

from policies.compiled import Compiled, Scope
from policies.contracts import memory
from policies.expression.lua import Value
from policies.fields import keys
from policies.fields.headers import RequestHeaderName, RequestHeaderNameOrNone
from policies.policy import MANY_LINES, Category, Phase, Policy, PolicyConfig, fault
from policies.scripting.script import SHA256, UNSAID, script
from policies.traits import Advice, AsksContracts

NAME = "api-key"
SHORTEST, GUESSED = 8, 16
"""A key of less than GUESSED characters can be guessed by who reads its digest."""
CHECK, KEY, TELL = (Path(__file__).with_name(name) for name in ("policy.lua", "key.lua", "tell.lua"))


def _shown(**conditions: list[Any]) -> dict[str, Any]:
    return {"when": conditions}


class Config(PolicyConfig):
    key_origin: Literal["header", "query"] = Field(
        "header",
        title="Where the key is",
        description="In a header, or in a parameter of the query, which logs and browsers may keep.",
        json_schema_extra={"labels": {"header": "A header", "query": "A query parameter"}},
    )
    header_name: RequestHeaderName = Field(
        "x-api-key",
        title="Header",
        description="It holds the key alone.",
        json_schema_extra=_shown(keyOrigin=["header"]),
    )
    query_parameter: str = Field(
        "api_key",
        title="Query parameter",
        description="Its name, as callers mean it: before it is percent-encoded.",
        min_length=1,
        max_length=200,
        json_schema_extra=_shown(keyOrigin=["query"]),
    )
    known_from: Literal["contracts", "keys"] = Field(
        "contracts",
        title="Keys",
        description="The client ids of the API's contracts, or those that are written here.",
        json_schema_extra={
            "labels": {"contracts": "Client ids of contracts", "keys": "Written here"},
            "asksContracts": "contracts",
        },
    )
    keys: SecretStr | None = Field(
        None,
        title="Keys of this policy",
        description="A line for each: NAME: KEY. A key has 8 to 255 characters. All are one text, stored"
        " encrypted; to change one, write them all.",
        json_schema_extra={"needed": True, **MANY_LINES, **_shown(knownFrom=["keys"])},
    )
    consumer_header: RequestHeaderNameOrNone = Field(
        "x-consumer-name",
        title="Tell the upstream",
        description="The header that has the name of whose key it is, whatever the caller sent. Empty: none.",
        json_schema_extra={"advanced": True},
    )
    hide_key: bool = Field(
        True,
        title="Keep the key back",
        description="The upstream does not get the key.",
        json_schema_extra={"advanced": True},
    )

    @model_validator(mode="after")
    def _is_whole(self) -> Self:
        if self.known_from == "keys":
            keys.check("keys", self.keys, SHORTEST, ", or take the client ids of contracts")
        if self.key_origin == "header" and self.consumer_header.lower() == self.header_name.lower():
            raise fault("consumerHeader", "is the header of the key; choose another one")
        return self

    @property
    def written(self) -> dict[str, str]:
        is_used = self.keys and self.known_from == "keys"
        return keys.read(self.keys.get_secret_value(), SHORTEST) if self.keys and is_used else {}


def compile(config: Config, scope: Scope) -> Compiled:
    is_written = config.known_from == "keys"
    salt = hashlib.blake2b(scope.binding.encode(), key=scope.salt, digest_size=8).hexdigest()
    looking: dict[str, Value] = {
        "header": config.header_name.lower() if config.key_origin == "header" else None,
        "query": config.query_parameter if config.key_origin == "query" else None,
        "salt": salt if is_written else None,
        "consumers": _digests(config.written, salt) if is_written else None,
        "contracts": None if is_written else memory.settings(scope.state, scope.api),
    }
    own: dict[str, Value] = {
        "told": config.consumer_header.lower() or None,
        "hides": config.hide_key,
        "challenge": f'Key realm="{scope.realm}"',
    }
    files = [SHA256, KEY] if is_written else [SHA256, memory.LUA, KEY]
    tell = script(scope, NAME, [*files, TELL], looking, gives="authentication")
    return Compiled((tell, script(scope, NAME, [*files, UNSAID, CHECK], {**looking, **own})))


def _digests(written: Mapping[str, str], salt: str) -> dict[str, str]:
    """Names by the digests of their keys, as key.lua looks them up."""
    return {hashlib.sha256(f"{salt}{key}".encode()).hexdigest(): name for name, key in written.items()}


def advice(config: Config) -> Iterator[Advice]:
    if any(len(key) < GUESSED for key in config.written.values()):
        yield Advice("keys", f"holds a key of less than {GUESSED} characters, which can be guessed")


def asks(config: Config) -> AsksContracts | None:
    return AsksContracts() if config.known_from == "contracts" else None


POLICY = Policy(
    name=NAME,
    title="API Key",
    category=Category.SECURITY,
    phase=Phase.IDENTIFY,
    summary="Lets requests pass that carry a known key, in a header or in the query.",
    version="1.0.0",
    config=Config,
    compile=compile,
    gives=frozenset(("authentication",)),
    asks_contracts=asks,
    advice=advice,
    aliases=("api-key-flex",),
    refuses=True,
    icon="key-round",
)
