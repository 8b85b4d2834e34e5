"""Geo Filter: lets requests pass by the country that their address belongs to."""

import hashlib
from pathlib import Path
from typing import Annotated, Literal

from pydantic import AfterValidator, Field
from pydantic_core import PydanticCustomError

from policies.compiled import TYPE_URL, Compiled, Filter, Scope
from policies.envoy.unsaid import unsaid
from policies.expression.lua import Value
from policies.fields.headers import RequestHeaderNameOrNone
from policies.policy import Category, Phase, Policy, PolicyConfig, at_most
from policies.scripting.script import script

NAME = "geo-filter"
_CODES = """
AD AE AF AG AI AL AM AO AQ AR AS AT AU AW AX AZ BA BB BD BE BF BG BH BI BJ BL BM BN BO BQ BR BS BT
BV BW BY BZ CA CC CD CF CG CH CI CK CL CM CN CO CR CU CV CW CX CY CZ DE DJ DK DM DO DZ EC EE EG EH
ER ES ET FI FJ FK FM FO FR GA GB GD GE GF GG GH GI GL GM GN GP GQ GR GS GT GU GW GY HK HM HN HR HT
HU ID IE IL IM IN IO IQ IR IS IT JE JM JO JP KE KG KH KI KM KN KP KR KW KY KZ LA LB LC LI LK LR LS
LT LU LV LY MA MC MD ME MF MG MH MK ML MM MN MO MP MQ MR MS MT MU MV MW MX MY MZ NA NC NE NF NG NI
NL NO NP NR NU NZ OM PA PE PF PG PH PK PL PM PN PR PS PT PW PY QA RE RO RS RU RW SA SB SC SD SE SG
SH SI SJ SK SL SM SN SO SR SS ST SV SX SY SZ TC TD TF TG TH TJ TK TL TM TN TO TR TT TV TW TZ UA UG
UM US UY UZ VA VC VE VG VI VN VU WF WS XK YE YT ZA ZM ZW
"""
COUNTRIES = frozenset(_CODES.split())
"""ISO 3166-1, and Kosovo's XK, which databases have."""
_EXTENSIONS = TYPE_URL + "envoy.extensions."
_SCRIPT = Path(__file__).with_name("policy.lua")


def _checked_country(code: str) -> str:
    if code.upper() not in COUNTRIES:
        hint = "GB" if code.upper() == "UK" else "two letters of ISO 3166-1, such as DE"
        raise PydanticCustomError(
            "country", '"{code}" is no country; write {hint}', {"code": code[:20], "hint": hint}
        )
    return code.upper()


def _checked_database(path: str) -> str:
    if not path.startswith("/") or not path.endswith(".mmdb") or not path.isprintable():
        raise PydanticCustomError(
            "database", "write the whole path of a .mmdb file, such as /var/lib/GeoIP/GeoLite2-Country.mmdb"
        )
    return path


def _checked_countries(codes: tuple[str, ...]) -> tuple[str, ...]:
    if not codes:
        raise PydanticCustomError("empty", "name at least one country")
    return codes


class Config(PolicyConfig):
    action: Literal["allow", "deny"] = Field(
        title="What becomes of these countries",
        description="Allowed: who is elsewhere, or nobody knows where, is refused. Denied: they are.",
        json_schema_extra={
            "labels": {"allow": "Allowed, all others refused", "deny": "Refused, all others pass"}
        },
    )
    countries: Annotated[
        tuple[Annotated[str, AfterValidator(_checked_country)], ...],
        at_most(250, "countries"),
        AfterValidator(_checked_countries),
    ] = Field(
        title="Countries",
        description="Two letters each, as ISO 3166 has them: DE, US, JP.",
        json_schema_extra={"minItems": 1},
    )
    database: Annotated[str, Field(max_length=500), AfterValidator(_checked_database)] = Field(
        title="Database",
        description="The file that knows where addresses are, in MaxMind's format (GeoLite2-Country, DB-IP"
        " and others), at this path on every machine that runs the gateway. Gatewright brings none. Without"
        " it the gateway refuses the API.",
    )
    country_header: RequestHeaderNameOrNone = Field(
        "",
        title="Tell the upstream",
        description="The header that has the country's letters, whatever the caller sent. Empty: none.",
        json_schema_extra={"advanced": True, "examples": ["x-country-code"]},
    )


def compile(config: Config, scope: Scope) -> Compiled:
    header = f"x-gatewright-country-{hashlib.sha256(scope.binding.encode()).hexdigest()[:8]}"
    settings: dict[str, Value] = {
        "header": header,
        "listed": dict.fromkeys(sorted(set(config.countries)), True),
        "denies": config.action == "deny",
        "told": config.country_header.lower() or None,
    }
    decide = script(scope, NAME, [_SCRIPT], settings)
    # Where an address is unknown, nobody overwrites what callers send in the place of the answer.
    own = unsaid(scope, filter(None, [config.country_header]), removed=[header])
    return Compiled((own, _looked_up(config, scope, header), decide))


def _looked_up(config: Config, scope: Scope, header: str) -> Filter:
    provider = {
        "@type": _EXTENSIONS + "geoip_providers.maxmind.v3.MaxMindConfig",
        "country_db_path": config.database,
        "common_provider_config": {"geo_field_keys": {"country": header}},
    }
    lookup = {
        "@type": _EXTENSIONS + "filters.http.geoip.v3.Geoip",
        "provider": {"name": "maxmind", "typed_config": provider},
    }
    return Filter(f"{scope.binding}/country", lookup)


POLICY = Policy(
    name=NAME,
    title="Geo Filter",
    category=Category.SECURITY,
    phase=Phase.AUTHORIZE,
    summary="Lets requests pass, or refuses them, by the country of their address.",
    version="1.0.0",
    config=Config,
    compile=compile,
    aliases=("geo-filter-flex",),
    refuses=True,
    icon="globe",
)
