"""Basic Authentication: LDAP: lets pass whose username and password a directory knows."""

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field, SecretStr
from pydantic_core import PydanticCustomError

from policies.answers import question as questions
from policies.answers.question import question
from policies.compiled import Compiled, Scope
from policies.expression.lua import Value
from policies.fields import hosts
from policies.policy import Category, Phase, Policy, PolicyConfig
from policies.scripting.script import script
from policies.traits import Advice

NAME = "ldap-authentication"
CHECK, TELL = (Path(__file__).with_name(name) for name in ("policy.lua", "tell.lua"))
MOST_REMEMBERED = 5000
PLACE = "{0}"


def _checked_url(url: str) -> str:
    try:
        at = urlsplit(url)
        hosts.port_of(at)
    except ValueError:
        at = urlsplit("")
    plain = at.scheme in ("ldap", "ldaps") and hosts.is_host(at.hostname or "")
    if not plain or at.path not in ("", "/") or at.query or at.fragment or at.username is not None:
        raise PydanticCustomError(
            "url",
            '"{url}" is not the address of a directory; write ldap://host:389 or ldaps://host',
            {"url": url[:80]},
        )
    return url


def _checked_base(base: str) -> str:
    from ldap3.core.exceptions import LDAPExceptionError
    from ldap3.utils.dn import parse_dn

    try:
        parse_dn(base)
    except (LDAPExceptionError, IndexError):
        raise PydanticCustomError(
            "dn",
            '"{base}" is not a distinguished name; write ou=people,dc=example,dc=org',
            {"base": base[:80]},
        ) from None
    return base


def _checked_filter(text: str) -> str:
    from ldap3.core.exceptions import LDAPExceptionError
    from ldap3.operation.search import parse_filter

    if PLACE not in text:
        raise PydanticCustomError("filter", "write {0} where the username is to stand: (uid={0})")
    try:
        parse_filter(text.replace(PLACE, "a"), None, None, None, None, False)
    except (LDAPExceptionError, IndexError, ValueError):
        raise PydanticCustomError(
            "filter",
            '"{text}" is not a filter of LDAP; write one such as (uid={place})',
            {"text": text[:80], "place": PLACE},
        ) from None
    return text


def _checked_password(password: SecretStr) -> SecretStr:
    if not password.get_secret_value():
        raise PydanticCustomError("empty", "write the password; without one a directory lets anybody bind")
    return password


class Config(PolicyConfig):
    ldap_server_url: Annotated[str, AfterValidator(_checked_url)] = Field(
        "ldap://127.0.0.1:389",
        alias="ldapServerURL",
        max_length=512,
        title="Directory",
        description="ldap://host:port, or ldaps:// with TLS, whose certificate must be signed by a CA that"
        " the gateway trusts.",
        json_schema_extra={"examples": ["ldaps://ldap.example.com"]},
    )
    ldap_server_user_dn: str = Field(
        min_length=1,
        max_length=2000,
        title="Account",
        description="The distinguished name with which the gateway looks users up.",
        json_schema_extra={"examples": ["cn=gateway,dc=example,dc=org"]},
    )
    ldap_server_user_password: Annotated[
        SecretStr, Field(max_length=1000), AfterValidator(_checked_password)
    ] = Field(title="Its password", description="It is stored encrypted.")
    ldap_search_base: Annotated[str, AfterValidator(_checked_base)] = Field(
        min_length=1,
        max_length=2000,
        title="Search base",
        description="Below it users are looked for.",
        json_schema_extra={"examples": ["ou=people,dc=example,dc=org"]},
    )
    ldap_search_filter: Annotated[str, AfterValidator(_checked_filter)] = Field(
        "(uid={0})",
        max_length=1000,
        title="Search filter",
        description="{0} stands for the username, which cannot change the filter. Active Directory:"
        " (sAMAccountName={0}).",
    )
    ldap_search_in_subtree: bool = Field(
        False,
        title="Search the whole tree",
        description="Off: users stand right below the search base.",
    )
    authentication_timeout: int = Field(
        5000,
        ge=10,
        le=120_000,
        title="Longest wait",
        description="A request whose caller is not judged in this time is refused with 503.",
        json_schema_extra={"format": "duration-ms", "advanced": True},
    )
    remembered_seconds: int = Field(
        60,
        ge=0,
        le=3600,
        title="A caller is remembered for",
        description="For so long a password that was changed or an account that was closed may go on. 0: the"
        " directory is asked at each request.",
        json_schema_extra={"format": "duration-s", "advanced": True},
    )


def compile(config: Config, scope: Scope) -> Compiled:
    plain = {
        "url": config.ldap_server_url,
        "dn": config.ldap_server_user_dn,
        "password": config.ldap_server_user_password.get_secret_value(),
        "base": config.ldap_search_base,
        "filter": config.ldap_search_filter,
        "subtree": config.ldap_search_in_subtree,
        "seconds": config.authentication_timeout / 1000,
    }
    asked = question(
        scope,
        NAME,
        plain,
        timeout_ms=config.authentication_timeout,
        remembered_seconds=config.remembered_seconds,
        most_remembered=MOST_REMEMBERED,
    )
    settings: dict[str, Value] = {"ask": asked.settings, "realm": scope.realm}
    filters = (
        script(scope, NAME, [questions.LUA, CHECK], settings),
        script(
            scope,
            NAME,
            [questions.LUA, questions.TELL, TELL],
            {"ask": asked.settings},
            gives="authentication",
        ),
    )
    return Compiled(filters, clusters=(asked.cluster,), secrets=(asked.secret,))


def advice(config: Config) -> Iterator[Advice]:
    host = urlsplit(config.ldap_server_url).hostname or ""
    if (
        config.ldap_server_url.startswith("ldap:")
        and host not in ("localhost", "::1")
        and not host.startswith("127.")
    ):
        yield Advice("ldapServerURL", "is asked without TLS: who stands between reads every password")


POLICY = Policy(
    name=NAME,
    title="Basic Authentication: LDAP",
    category=Category.SECURITY,
    phase=Phase.IDENTIFY,
    summary="Asks every caller for a username and password that a directory knows.",
    version="1.4.1",
    config=Config,
    compile=compile,
    gives=frozenset(("authentication",)),
    sends={"ldapServerUserPassword": ("ldapServerURL",)},
    advice=advice,
    aliases=("ldap-authentication-flex",),
    refuses=True,
    icon="user-round",
)
