"""Every change of the asset that an API is made of: another version of it, another name."""

from contextlib import ExitStack
from dataclasses import replace

from django.core.exceptions import ValidationError
from django.db import transaction

from apis.assets.models import Asset
from apis.changes import bookkeeping, instances, versions
from apis.changes.covered import followed
from apis.desired import NewAsset
from apis.models import ApiInstance
from console import audit
from console.models import AuditEntry, Environment, User
from gateways.models import Gateway

PART = ("asset",)


def version_of(asset: Asset, version: str, api_version: str = "") -> Asset | NewAsset:
    """Another version of the asset; where there is none yet, a copy without specification, to be made."""
    found = Asset.objects.filter(
        organization=asset.organization_id, asset_id=asset.asset_id, version=version
    ).first()
    return found or NewAsset(
        asset.name, asset.asset_id, version, api_version or asset.api_version, asset.type
    )


def set_version(
    actor: User, api: ApiInstance, version: str, api_version: str = "", *, seen: str = ""
) -> ApiInstance:
    """Make the API one of this version. `api_version` is what consumers see of a version that is new."""
    made = version_of(api.asset, version.strip(), api_version.strip())
    return instances.edit_api(actor, api, lambda current: replace(current, asset=made), seen=seen, part=PART)


def seen(api: ApiInstance) -> str:
    """The version of what the form shows."""
    return versions.of_api(api, PART)


@transaction.atomic
def rename(actor: User, api: ApiInstance, name: str) -> None:
    """Call the asset this in all of its versions: every API that is made of it is called so, and its id
    stays. Gateways are told where automated policies go by names alone.
    """
    asset, organization, name = api.asset, api.environment.organization, name.strip()
    _check_own(api, "name")
    if not 1 <= len(name) <= 255:
        raise ValidationError({"name": ["Give the API a name of 1 to 255 characters."]})
    same = Asset.objects.filter(organization=organization, asset_id=asset.asset_id)
    apis = ApiInstance.objects.filter(asset__in=same)
    bookkeeping.lock(*Gateway.objects.filter(pk__in=apis.values("gateway")))
    organization.lock()
    with ExitStack() as stack:
        for environment in Environment.objects.filter(pk__in=apis.values("environment")).order_by("pk"):
            stack.enter_context(followed(environment, apis.filter(environment=environment)))
        for row in same.exclude(name=name).select_for_update(of=("self",)):
            _save(actor, api, row, "name", name)
    asset.name = name


@transaction.atomic
def set_type(actor: User, api: ApiInstance, kind: str) -> None:
    """Of the asset in this version; nothing changes on gateways."""
    api.environment.organization.lock()
    _check_own(api, "type")
    if kind not in Asset.Type.values:
        message = f'"{kind}" is not an asset type; one of {", ".join(Asset.Type.values)}.'
        raise ValidationError({"type": [message]})
    row = Asset.objects.select_for_update(of=("self",)).get(pk=api.asset_id)
    if row.type != kind:
        _save(actor, api, row, "type", kind)
    api.asset.type = kind


def _check_own(api: ApiInstance, field: str) -> None:
    asset = api.asset
    if asset.organization_id != api.environment.organization_id:
        raise ValidationError({field: [f"{asset} belongs to {asset.organization}; change it there."]})


def _save(actor: User, api: ApiInstance, row: Asset, field: str, value: str) -> None:
    before = getattr(row, field)
    setattr(row, field, value)
    row.save(update_fields=[field])
    audit.record(
        actor,
        AuditEntry.Action.UPDATE,
        row,
        organization=row.organization,
        environment=api.environment,
        before={field: before},
        after={field: value},
        of=api,
    )


def versions_of(asset: Asset) -> list[Asset]:
    """Those that there are, the newest first; so many as a person looks at."""
    same = Asset.objects.filter(organization=asset.organization_id, asset_id=asset.asset_id)
    return list(same.order_by("-created_at", "-pk")[:50])
