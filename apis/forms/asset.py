"""The small forms of an API's settings about its asset and its owners."""

from collections.abc import Iterable

from apis.assets.models import Asset
from apis.owners.models import LONGEST_EMAIL, ApiOwner
from console.forms.schema_form import Choice, Field
from console.models import Organization, User
from console.teams.models import Team

LONGEST = {"name": 255, "version": 40, "api_version": 40}
"""Of the model's columns, in characters."""
MOST_NAMED = 10
"""Versions that the help tells; the control suggests all of them."""


def asset_fields(asset: Asset, versions: list[Asset]) -> dict[str, Field]:
    """By name; `versions` are those that there are."""
    found = (
        _text("name", "Name", "Every API that is made of this asset is called so.", asset.name),
        Field(
            "choice",
            "type",
            "Type of this version",
            choices=tuple(Choice(*one, one[0] == asset.type) for one in Asset.Type.choices),
        ),
        Field(
            "suggested",
            "version",
            "Asset version",
            _about(versions),
            is_required=True,
            value=asset.version,
            choices=tuple(Choice(one.version, one.api_version, one == asset) for one in versions),
            attributes=_bounds("version"),
        ),
        _text(
            "api_version",
            "API version of a new one",
            "What consumers see. Versions that exist keep theirs.",
            asset.api_version,
        ),
    )
    return {one.name: one for one in found}


def owner_field(organization: Organization, people: Iterable[User], teams: Iterable[Team]) -> Field:
    """`people` and `teams` are suggested; whoever has no login is typed."""
    return Field(
        "suggested",
        "owner",
        "User, team or e-mail address",
        f"A user or a team of {organization}, or the address of somebody who has no login.",
        is_required=True,
        value="",
        choices=(
            *(Choice(one.username, one.get_full_name() or one.email, False) for one in people),
            *(Choice(f"{ApiOwner.TEAM}{one.name}", "Team", False) for one in teams),
        ),
        attributes={"maxlength": LONGEST_EMAIL, "required": "required"},
    )


def _text(name: str, label: str, about: str, value: str) -> Field:
    return Field("text", name, label, about, is_required=True, value=value, attributes=_bounds(name))


def _bounds(name: str) -> dict[str, object]:
    return {"maxlength": LONGEST[name], "required": "required"}


def _about(versions: list[Asset]) -> str:
    if len(versions) < 2:
        return "One that does not exist yet is made, without an OpenAPI document."
    return f"There are {', '.join(one.version for one in versions[:MOST_NAMED])}; another one is made."
