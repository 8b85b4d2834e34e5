"""Basic Authentication: Simple: one username and password for the whole API."""

import base64
import hashlib
from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator, Field, SecretStr
from pydantic_core import PydanticCustomError

from policies.compiled import TYPE_URL, Compiled, Filter, Scope, Script, SharedFilters
from policies.policy import Category, Phase, Policy, PolicyConfig
from policies.scripting.script import BASE64, SHA256, script
from policies.traits import Refusal

NAME = "http-basic-authentication"


def _checked_username(username: str) -> str:
    if not username:
        raise PydanticCustomError("empty", "write the username that callers must send")
    if ":" in username or not username.isprintable():
        raise PydanticCustomError(
            "username",
            'a username cannot hold ":" or control characters: Basic authentication has no way to send it',
        )
    if username.startswith("#"):
        # To Envoy such a line is a comment.
        raise PydanticCustomError("username", 'a username cannot begin with "#"; write another one')
    return username


def _checked_password(password: SecretStr) -> SecretStr:
    if not password.get_secret_value():
        raise PydanticCustomError("empty", "write the password that callers must send")
    return password


class Config(PolicyConfig):
    username: Annotated[str, AfterValidator(_checked_username)] = Field(
        title="Username", description="The username that callers must send."
    )
    password: Annotated[SecretStr, AfterValidator(_checked_password)] = Field(
        title="Password", description="The password that callers must send. It is stored encrypted."
    )


def compile(config: Config, scope: Scope) -> Compiled:
    if scope.observed_as:
        return Compiled((_observing(config, scope),))
    # The one digest that Envoy's filter reads.
    digest = hashlib.sha1(config.password.get_secret_value().encode(), usedforsecurity=False).digest()
    users = f"{config.username}:{{SHA}}{base64.b64encode(digest).decode()}"
    check = {
        "@type": _HTTP + "basic_auth.v3.BasicAuth",
        "users": {"inline_string": users},
        # By default Envoy names the URL, so that a browser asks again for each path.
        "realm": scope.realm,
    }
    principal = {
        "@type": _HTTP + "set_metadata.v3.Config",
        "metadata": [
            {
                "metadata_namespace": "gatewright",
                "value": {"authentication": {"principal": config.username}},
                "allow_overwrite": True,
            }
        ],
    }
    told = Filter(f"{scope.binding}/principal", principal, gives="authentication")
    return Compiled((Filter(scope.binding, check), told), shared=(_SCHEME.name,))


def _observing(config: Config, scope: Scope) -> Script:
    """Envoy's own filter can only refuse."""
    credentials = base64.b64encode(f"{config.username}:{config.password.get_secret_value()}".encode())
    salt = hashlib.blake2b(scope.binding.encode(), key=scope.salt, digest_size=16).hexdigest()
    settings = {
        "salt": salt,
        "digest": hashlib.sha256(salt.encode() + credentials.rstrip(b"=")).hexdigest(),
        "username": config.username,
    }
    return script(scope, NAME, [SHA256, BASE64, Path(__file__).with_name("observed.lua")], settings)


def _scheme_as_usual() -> SharedFilters:
    """Write the scheme as Envoy's filter wants it, for requests that have it in another case, or that have
    several spaces behind it.
    """
    noted = {"metadata_namespace": _NOTE, "key": "credentials", "regex_value_rewrite": _REWRITE}
    note = {
        "@type": _HTTP + "header_to_metadata.v3.Config",
        "request_rules": [{"header": "authorization", "on_header_present": noted}],
    }
    header = {"key": "authorization", "value": f"%DYNAMIC_METADATA({_NOTE}:credentials)%"}
    written = {"append": {"header": header, "append_action": "OVERWRITE_IF_EXISTS"}}
    write = {
        "@type": _HTTP + "header_mutation.v3.HeaderMutation",
        "mutations": {"request_mutations": [written]},
    }
    is_usual, has_spaces = (
        {"single_predicate": {"input": _AUTHORIZATION, "value_match": {"prefix": prefix}}}
        for prefix in ("Basic ", "Basic  ")
    )
    unusual = {"or_matcher": {"predicate": [{"not_matcher": is_usual}, has_spaces]}}
    filters = Filter("note", note, only_if=unusual), Filter("write", write, only_if=unusual)
    return SharedFilters("basic-scheme", filters)


_HTTP = TYPE_URL + "envoy.extensions.filters.http."
_NOTE = "gatewright.basic"
_REWRITE = {"pattern": {"regex": "(?i:basic) +(.*)"}, "substitution": r"Basic \1"}
_AUTHORIZATION = {
    "name": "authorization",
    "typed_config": {
        "@type": TYPE_URL + "envoy.type.matcher.v3.HttpRequestHeaderMatchInput",
        "header_name": "authorization",
    },
}
_SCHEME = _scheme_as_usual()


POLICY = Policy(
    name=NAME,
    title="Basic Authentication: Simple",
    category=Category.SECURITY,
    phase=Phase.IDENTIFY,
    summary="Asks every caller for one username and password.",
    version="1.3.2",
    config=Config,
    compile=compile,
    aliases=("http-basic-authentication-flex",),
    gives=frozenset(("authentication",)),
    refusals=(
        Refusal(r"^no_credential_for_basic_auth", "credentials: there are none"),
        Refusal(r"^invalid_scheme_for_basic_auth", "scheme: the authorization is not Basic"),
        Refusal(r"^invalid_format_for_basic_auth", "credentials: they cannot be read"),
        Refusal(r"^invalid_credential_for_basic_auth", "credentials: username or password is wrong"),
        Refusal(r"\w+_for_basic_auth", "credentials: they are not accepted"),
    ),
    shared_filters=(_SCHEME,),
    refuses=True,
    icon="key-round",
)
