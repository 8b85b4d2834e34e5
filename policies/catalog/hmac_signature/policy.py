"""HMAC Signature: lets requests pass that are signed with a known key."""

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import Field, SecretStr, model_validator

from policies.compiled import Compiled, Scope
from policies.expression.lua import Value
from policies.fields import keys
from policies.fields.headers import RequestHeaderNameOrNone, SentHeaderName
from policies.policy import MANY_LINES, Category, Phase, Policy, PolicyConfig
from policies.scripting.script import BASE64, BODY, HMAC, SHA256, UNSAID, script
from policies.traits import Advice

NAME = "hmac-signature"
SHORTEST, GOOD = 16, 32
"""Characters of a key; one of less than GOOD is shorter than what SHA-256 can hold."""


def _file(name: str) -> Path:
    return Path(__file__).with_name(name)


class Config(PolicyConfig):
    form: Literal["message-signatures", "cavage"] = Field(
        "message-signatures",
        title="How requests are signed",
        description="HTTP Message Signatures (RFC 9421), in the headers Signature-Input and Signature; or the"
        " draft before it, in Authorization: Signature or in the header Signature, as older clients do.",
        json_schema_extra={
            "labels": {
                "message-signatures": "HTTP Message Signatures (RFC 9421)",
                "cavage": "Signature header (draft-cavage)",
            }
        },
    )
    keys: SecretStr = Field(
        title="Keys",
        description="A line for each: NAME: KEY. Callers send the name as keyid and sign with the key, of 16"
        " to 255 characters. All are one text, stored encrypted; to change one, write them all.",
        json_schema_extra=MANY_LINES,
    )
    signed_headers: Annotated[list[SentHeaderName], Field(max_length=20)] = Field(
        default_factory=list,
        title="Headers that must be signed",
        description="Beside the method, the path, the query and the time, which always must be, such as host"
        " or content-type.",
    )
    clock_skew_seconds: int = Field(
        300,
        title="Clock skew",
        description="How far from now the time of a signature may be. Who has recorded a request"
        " can send it again for that long.",
        ge=1,
        le=86400,
        json_schema_extra={"format": "duration-s"},
    )
    validate_body: bool = Field(
        False,
        title="Check the body",
        description="A body must have a digest among the signed headers (Content-Digest, or Digest in the"
        " draft), and is read as a whole and compared with it.",
    )
    consumer_header: RequestHeaderNameOrNone = Field(
        "x-consumer-name",
        title="Tell the upstream",
        description="The header that has the name of whose key it is, whatever the caller sent. Empty: none.",
        json_schema_extra={"advanced": True},
    )

    @model_validator(mode="after")
    def _is_whole(self) -> Self:
        keys.check("keys", self.keys, SHORTEST)
        return self

    @property
    def written(self) -> dict[str, str]:
        return keys.read(self.keys.get_secret_value(), SHORTEST)


def compile(config: Config, scope: Scope) -> Compiled:
    secret = scope.secret("".join(f"{name}\t{key}\n" for name, key in config.written.items()))
    settings: dict[str, Value] = {
        "keys": str(secret.path),
        "headers": sorted({name.lower() for name in config.signed_headers}),
        "skew": config.clock_skew_seconds,
        **({"told": told} if (told := config.consumer_header.lower()) else {}),
        "challenge": f'Signature realm="{scope.realm}"',
    }
    form = "messages.lua" if config.form == "message-signatures" else "cavage.lua"
    files = [SHA256, HMAC, BASE64, _file("parts.lua"), _file(form)]
    if config.validate_body:
        files += [BODY, _file("body.lua")]
    caller = _file("caller.lua")
    check = script(scope, NAME, [*files, UNSAID, caller, _file("policy.lua")], settings)
    # Where the policy only observes, who is not its caller passes too: then the script itself tells.
    tell = script(scope, NAME, [caller, _file("tell.lua")], {}, gives="authentication")
    return Compiled((check,) if scope.observed_as else (check, tell), secrets=(secret,))


def advice(config: Config) -> Iterator[Advice]:
    if any(len(key) < GOOD for key in config.written.values()):
        yield Advice("keys", f"holds a key of less than {GOOD} characters, which may be guessed")
    digest = {name.lower() for name in config.signed_headers} & {"digest", "content-digest"}
    if digest and not config.validate_body:
        yield Advice("signedHeaders", f"has {digest.pop()}, which nobody compares with the body")


POLICY = Policy(
    name=NAME,
    title="HMAC Signature",
    category=Category.SECURITY,
    phase=Phase.IDENTIFY,
    summary="Lets requests pass that are signed with a known key, which is never sent.",
    version="1.0.0",
    config=Config,
    compile=compile,
    knows_callers_by="proof",
    gives=frozenset(("authentication",)),
    advice=advice,
    aliases=("hmac-signature-flex",),
    refuses=True,
    icon="key-round",
)
