"""Bodies of imports, and how reading a file goes."""

from typing import Any

from rest_framework import serializers as s

from apis.portable import shared
from apis.portable.written import variables_of
from apis.promotions import importing
from apis.promotions.models import Upload
from apis.promotions.promoting import PromotionPreview
from apis.rest.strict import StrictSerializer


class FaultShape(s.Serializer[Any]):
    line = s.IntegerField()
    message = s.CharField()


class ImportedApiShape(s.Serializer[Any]):
    """`existing` is the API of the environment that the file is of; `id` what was made of it already."""

    name = s.CharField()
    assetId = s.CharField()
    instanceLabel = s.CharField(allow_null=True)
    basePath = s.CharField()
    port = s.IntegerField()
    upstreams = s.DictField(child=s.CharField(), help_text="URIs by the names that the file gives them.")
    secrets = s.ListField(
        child=s.CharField(), help_text="Names of variables, as the file's ApiDetails has them."
    )
    sharedSecrets = s.ListField(
        child=s.CharField(), help_text='Those that policies mention, as "group/name".'
    )
    secretGroups = s.DictField(
        child=s.ListField(child=s.CharField()),
        help_text="Those that are made for them, with the servers to which the file's policies send them.",
    )
    existing = s.IntegerField(allow_null=True)
    id = s.IntegerField(allow_null=True)


class ImportShape(s.Serializer[Any]):
    id = s.UUIDField()
    name = s.CharField()
    state = s.ChoiceField(Upload.State.choices)
    faults = FaultShape(many=True)
    apis = ImportedApiShape(many=True)


class ImportBody(StrictSerializer):
    update = s.BooleanField(
        default=True, help_text="Whether the API that is there is brought up to date; else a new one is made."
    )
    targetId = s.UUIDField(
        required=False, allow_null=True, help_text="The gateway. Left out: its own, or the only one."
    )
    proxyUri = s.CharField(required=False, max_length=512, help_text="http(s)://0.0.0.0:PORT/BASE-PATH")
    instanceLabel = s.CharField(required=False, allow_blank=True, max_length=255)
    upstreams = s.DictField(child=s.CharField(max_length=1024), required=False)
    tlsContexts = s.DictField(
        child=s.CharField(max_length=120, allow_blank=True),
        required=False,
        help_text="Names of the environment's, by those of the file.",
    )
    sharedSecrets = s.DictField(
        child=s.CharField(max_length=241),
        required=False,
        help_text='Those of the environment, by those of the file: {"shop/database": "prod/database"}.',
    )
    sentTo = s.DictField(
        child=s.ListField(child=s.CharField(max_length=300), allow_empty=True),
        required=False,
        help_text="By secret groups that are made, where their shared secrets may go; none: anywhere."
        " Left out: as secretGroups says.",
    )
    secrets = s.DictField(child=s.CharField(max_length=20_000), required=False, help_text="By variables.")
    deploy = s.BooleanField(default=False)
    dryRun = s.BooleanField(default=False, help_text="Say what would change, and change nothing.")


class DifferenceLine(s.Serializer[Any]):
    label = s.CharField()
    before = s.CharField()
    after = s.CharField()
    kind = s.CharField()


class ImportPreviewShape(s.Serializer[Any]):
    changes = DifferenceLine(many=True)
    yaml = s.ListField(child=s.CharField())
    notes = s.ListField(child=s.CharField())


def shape(row: Upload) -> dict[str, Any]:
    apis = []
    for at, whole in enumerate(importing.apis_of(row)):
        there = importing.counterpart(row.environment, whole)
        apis.append(
            {
                "name": whole.asset.name,
                "assetId": whole.asset.asset_id,
                "instanceLabel": whole.label or None,
                "basePath": whole.base_path,
                "port": whole.port,
                "upstreams": {one.key: one.uri for one in whole.upstreams},
                "secrets": [name for name, _, _ in variables_of(whole)],
                "sharedSecrets": [one.reference for one in whole.shared_secrets],
                "secretGroups": shared.new_groups(row.environment, whole),
                "existing": there.pk if there else None,
                "id": row.done.get(str(at)),
            }
        )
    faults = [{"line": line, "message": text} for line, text in row.faults]
    told = {"id": row.pk, "name": row.name, "state": row.state, "faults": faults, "apis": apis}
    return dict(ImportShape(told).data)


def previewed(shown: PromotionPreview) -> dict[str, Any]:
    return {
        "changes": [*shown.difference.lines, *shown.beside],
        "yaml": shown.difference.yaml,
        "notes": shown.notes,
    }
