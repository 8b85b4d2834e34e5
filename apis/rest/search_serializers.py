"""What the list of APIs is searched by in REST: the same as the page of APIs, with the same meaning."""

from collections.abc import Iterable, Mapping
from typing import Any
from uuid import UUID

from django.core.exceptions import ValidationError
from rest_framework import serializers as s

from apis.lists.search import FAILING, NO_GATEWAY, STATES, Search
from apis.models import ApiInstance
from apis.rest.serializers import MOST_ROWS
from apis.rest.strict import MOST_TOLD
from console.models import Environment
from console.rest.fields import Limit, Offset, OneOf
from console.words import MOST_CHARACTERS
from gateways import lookup
from gateways.protocol.faults import did_you_mean

STATUSES = [(one, one) for one in (*STATES, FAILING)]
FILTERS: dict[str, tuple[str, Any]] = {"active": ("status", "Active"), "pinned": ("pinned", True)}
"""As clients of other API managers ask: what each stands for."""
_SAID = {True: "yes", False: "no", None: ""}


class SearchFields(s.Serializer[Any]):
    query = s.CharField(
        required=False,
        max_length=MOST_CHARACTERS,
        help_text="Each word is looked for in name, asset, version, label, base path, port, upstreams, tags "
        "and id, as the page of APIs does.",
    )
    status = OneOf(
        STATUSES,
        required=False,
        help_text=f"As configurationStatus says it; {FAILING}: whatever it is, an upstream fails.",
    )
    pending = s.BooleanField(
        required=False, allow_null=True, default=None, help_text="Whether a change waits to be deployed."
    )
    gateway = s.CharField(
        required=False,
        max_length=40,
        help_text=f"The id of a gateway of the environment; {NO_GATEWAY}: those for which none is chosen.",
    )
    protocol = OneOf(ApiInstance.Protocol.values, required=False, help_text="What callers speak.")
    owner = s.CharField(
        required=False,
        max_length=MOST_CHARACTERS,
        help_text="The login of a user, team: and the name of a team, or an address.",
    )
    tag = s.CharField(required=False, max_length=MOST_CHARACTERS, help_text="Those that have it.")
    deprecated = s.BooleanField(required=False, allow_null=True, default=None)
    pinned = s.BooleanField(
        required=False, allow_null=True, default=None, help_text="Whether the caller pinned it."
    )


class ListQuery(SearchFields):
    filters = s.CharField(
        required=False,
        max_length=MOST_CHARACTERS,
        help_text="active, pinned or both with a comma between: as status=Active and pinned=true.",
    )
    assetId = s.CharField(required=False)
    groupId = s.UUIDField(required=False)
    assetVersion = s.CharField(required=False)
    productVersion = s.CharField(required=False)
    instanceLabel = s.CharField(required=False)
    limit = Limit(MOST_ROWS, default=20)
    offset = Offset()
    sort = OneOf(["id", "name", "createdDate", "updatedDate"], default="createdDate")
    ascending = s.BooleanField(default=False)

    def validate_filters(self, asked: str) -> set[str]:
        names = {name.strip() for name in asked.split(",")}
        if strange := sorted(names - FILTERS.keys()):
            raise s.ValidationError(f'"{strange[0][:80]}" is none of {", ".join(FILTERS)}.')
        return names

    def validate(self, said: dict[str, Any]) -> dict[str, Any]:
        for name in said.get("filters", ()):
            field, value = FILTERS[name]
            if said.get(field) not in (None, value):
                raise s.ValidationError({"filters": f"{name} contradicts {field}={said[field]}."})
            said[field] = value
        return said


def search_of(environment: Environment, said: Mapping[str, Any], sort: str = "") -> Search:
    """What the page of APIs would be asked for. Raises ValidationError for a gateway that is not there."""
    return Search(
        q=said.get("query", ""),
        status=said.get("status", ""),
        gateway=_gateway(environment, said.get("gateway", "")),
        tag=said.get("tag", ""),
        owner=said.get("owner", ""),
        protocol=said.get("protocol", ""),
        deprecated=_SAID[said.get("deprecated")],
        pending=_SAID[said.get("pending")],
        pinned=_SAID[said.get("pinned")],
        sort=sort,
    )


def unknown(sent: Iterable[str]) -> dict[str, list[str]]:
    """What is said of parameters that there are none of: clients send some that other API managers know."""
    known = list(ListQuery().fields)
    strange = [name[:80] for name in sent if name not in known][:MOST_TOLD]
    return {name: [f"There is no such parameter{did_you_mean(name, known) or '.'}"] for name in strange}


def _gateway(environment: Environment, key: str) -> str:
    if key in ("", NO_GATEWAY):
        return key
    try:
        UUID(key)
    except ValueError:
        text = f"{key} is no id of a gateway; write one, or {NO_GATEWAY}."
        raise ValidationError({"gateway": [text]}) from None
    found = lookup.chosen(environment, key)
    return str(found.pk) if found else ""
