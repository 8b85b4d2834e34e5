"""A copy of an API as a form: what must differ from the origin, and what its policies keep secret."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, Literal

from django.http import QueryDict
from django.utils.text import slugify
from pydantic import BaseModel, Field

from apis.assets.models import Asset
from apis.desired import DesiredUpstream, NewAsset
from apis.forms import parts
from apis.forms.wizard import gateway_errors
from apis.models import ApiInstance, TlsContext, Upstream
from apis.rules import copy_secrets, listeners
from apis.rules.copies import Copy, as_it_is
from apis.rules.copy_secrets import HeldSecret
from console.forms import schema_data, schema_form
from console.models import Environment
from gateways.models import Gateway

SAME, NEW = "same", "new"
_WHEN_NEW: dict[str, Any] = {"needed": True, "when": {"kind": [NEW]}}


class AssetForm(BaseModel):
    kind: Literal["same", "new"] = Field(
        "same",
        title="What the copy is",
        json_schema_extra={
            "labels": {"same": "Another instance", "new": "A new API"},
            "abouts": {
                "same": "Of the same API and version, told apart by its label",
                "new": "With a name of its own, and the same OpenAPI document",
            },
        },
    )
    name: str = Field("", title="Name", examples=["Orders EU"], json_schema_extra=_WHEN_NEW)
    api_version: str = Field("v1", title="API version", json_schema_extra=_WHEN_NEW)
    version: str = Field("1.0.0", title="Asset version", json_schema_extra=_WHEN_NEW)


class MoreForm(BaseModel):
    with_policies: bool = Field(
        True,
        title="Policies",
        description="Without them the copy lets everybody through whom they would stop.",
    )
    with_tests: bool = Field(True, title="Tests")
    keeps_secrets: bool = Field(False, title="Copy the secrets too")


ASSET, MORE = AssetForm.model_json_schema(), MoreForm.model_json_schema()
_ASSET_FIELDS = {"asset.name": "name", "asset.version": "version", "asset.api_version": "api_version"}
"""Where the form shows what the rules say of an asset."""


@dataclass(frozen=True)
class UpstreamFields:
    """Those of one upstream."""

    row: Upstream
    uri: schema_form.Field
    tls_context: schema_form.Field


class CopyForm:
    """`values` is what is typed, or proposed. The origin's secrets are never among it."""

    def __init__(self, api: ApiInstance, environment: Environment, gateways: Sequence[Gateway]) -> None:
        self.api, self.environment, self.gateways = api, environment, gateways
        self.is_here = environment.pk == api.environment_id
        self.upstreams = list(api.upstreams.select_related("tls_context"))
        self.bindings = list(api.policies.order_by("order", "pk"))
        self.secrets = [] if self.is_here else copy_secrets.held(self.bindings)
        self.contexts = {str(one.pk): one for one in environment.tls_contexts.all()}
        self.values: dict[str, Any] = {}
        self.errors: dict[str, list[str]] = {}

    @cached_property
    def usual(self) -> Copy:
        """The copy as the origin is."""
        return as_it_is(self.api, self.environment)

    def propose(self) -> None:
        """Everything as it is, but for what is taken already."""
        usual = self.usual
        connected = [one for one in self.gateways if one.status == Gateway.Status.CONNECTED]
        gateway = usual.gateway if usual.gateway in connected else next(iter(connected), None)
        is_taken = ApiInstance.objects.filter(gateway=gateway, port=usual.port).exists() if gateway else False
        port, base_path = usual.port, usual.base_path
        if is_taken:
            port, base_path = self._free_place(gateway)
        asset = self.api.asset
        self.values = {
            "kind": SAME,
            "name": f"{asset.name} copy",
            "api_version": asset.api_version,
            "version": asset.version,
            "gateway": str(gateway.pk) if gateway else "",
            "protocol": usual.protocol,
            "port": port,
            "base_path": base_path,
            "tls_context": str(usual.tls_context.pk) if usual.tls_context else "",
            "label": self._free_label(),
            "consumer_endpoint": usual.consumer_endpoint if not self.is_here else "",
            "upstreams": {
                str(row.pk): {"uri": row.uri, "tls_context": _key(usual.upstreams[row.pk].tls_context)}
                for row in self.upstreams
            },
            "with_policies": True,
            "with_tests": True,
            "keeps_secrets": False,
            "secrets": {},
        }

    def read(self, data: QueryDict) -> None:
        found = schema_data.read(ASSET, data, prefix="") | parts.read("downstream", data)
        found |= schema_data.read(MORE, data, prefix="")
        self.values = found | {
            "gateway": data.get("gateway", ""),
            "upstreams": {
                str(row.pk): {
                    "uri": data.get(f"upstreams.{row.pk}.uri", "").strip(),
                    "tls_context": data.get(f"upstreams.{row.pk}.tls_context", ""),
                }
                for row in self.upstreams
            },
            "secrets": {one.field: data.get(one.field, "") for one in self.secrets},
        }

    def copy(self) -> Copy:
        """What is typed; what of it cannot be read is in `errors` then."""
        values, listed = self.values, ("downstream", "gateway")
        read, unread = parts.desired(self.environment, dict.fromkeys(listed, values))
        unread.pop("asset", None)
        self.errors = unread | gateway_errors(read.gateway)
        upstreams = {row.pk: self._upstream(row) for row in self.upstreams}
        usual = self.usual
        return replace(
            usual,
            asset=self._asset(usual),
            gateway=read.gateway,
            protocol=read.protocol,
            port=read.port,
            base_path=read.base_path,
            tls_context=read.tls_context,
            label=read.label,
            consumer_endpoint=read.consumer_endpoint,
            upstreams=upstreams,
            with_policies=values.get("with_policies", False),
            with_tests=values.get("with_tests", False),
            secrets=self._secrets(),
            keeps_secrets=values.get("keeps_secrets", False),
        )

    def fields(self) -> dict[str, Any]:
        """The controls, as the page places them."""
        errors = {_ASSET_FIELDS.get(name, name): texts for name, texts in self.errors.items()}
        named = {
            one.name: one
            for schema in (ASSET, MORE)
            for one in schema_form.fields(schema, self.values, errors, prefix="")
        }
        form = named | parts.fields("downstream", self.values, errors) | self._gateway(errors)
        return {
            "form": form,
            "upstream_fields": [self._upstream_fields(row, errors) for row in self.upstreams],
            "secret_fields": [
                (title, self._secret_fields(some, errors)) for title, some in self._by_policy()
            ],
            "general": self._general(form, errors),
        }

    def _gateway(self, errors: Mapping[str, list[str]]) -> dict[str, schema_form.Field]:
        return {"gateway": parts.fields("gateway", self.values, dict(errors))["gateway"]}

    def _free_place(self, gateway: Gateway | None) -> tuple[int, str]:
        word = slugify(self.api.base_path.replace("/", "-")) or self.api.asset.asset_id
        return listeners.proposed(gateway, self.api.protocol, word)

    def _free_label(self) -> str:
        """The origin's own, or one made of it that no instance of the asset has here."""
        same = ApiInstance.objects.filter(environment=self.environment)
        taken = set(same.filter(asset__asset_id=self.api.asset.asset_id).values_list("label", flat=True))
        if self.api.label not in taken:
            return self.api.label
        word = f"{self.api.label} copy".strip()[:240]
        numbered = (f"{word} {number}" for number in range(2, len(taken) + 3))
        return next(one for one in (word, *numbered) if one not in taken)

    def _asset(self, usual: Copy) -> Asset | NewAsset:
        values, was = self.values, self.api.asset
        if values.get("kind") != NEW:
            return usual.asset
        name, api_version = str(values.get("name", "")), str(values.get("api_version", ""))
        version = str(values.get("version", ""))
        return NewAsset(name, "", version, api_version, was.type, was.specification)

    def _upstream(self, row: Upstream) -> DesiredUpstream:
        typed = self.values["upstreams"][str(row.pk)]
        key = typed["tls_context"]
        if key and key not in self.contexts:
            message = f"That TLS context is not in {self.environment}; choose one from the list."
            self.errors[f"upstreams.{row.pk}.tls_context"] = [message]
        return DesiredUpstream(typed["uri"], row.label, tls_context=self.contexts.get(key))

    def _secrets(self) -> dict[int, dict[str, str]]:
        found: dict[int, dict[str, str]] = {}
        for one in self.secrets:
            if value := self.values["secrets"].get(one.field):
                found.setdefault(one.binding.pk, {})[one.path] = value
        return found

    def _upstream_fields(self, row: Upstream, errors: Mapping[str, list[str]]) -> UpstreamFields:
        typed = self.values["upstreams"][str(row.pk)]
        name = f"upstreams.{row.pk}"
        label = f"Upstream URL of {row.label}" if row.label else "Upstream URL"
        uri = schema_form.Field(
            "text",
            f"{name}.uri",
            label,
            help="" if typed["uri"] != row.uri or self.is_here else f"As in {self.api.environment}.",
            is_required=True,
            is_code=True,
            value=typed["uri"],
            errors=tuple(errors.get(f"{name}.uri", ())),
        )
        tls = schema_form.Field(
            "text",
            f"{name}.tls_context",
            "TLS context",
            help=self._missing(row.tls_context, typed["tls_context"]),
            is_required=True,
            value=typed["tls_context"],
            errors=tuple(errors.get(f"{name}.tls_context", ())),
        )
        return UpstreamFields(row, uri, tls)

    def missing_listener(self) -> str:
        """Of the context that the origin serves with."""
        return self._missing(self.api.tls_context, str(self.values.get("tls_context", "")))

    def _missing(self, context: TlsContext | None, chosen: str) -> str:
        if context is None or chosen or self.is_here:
            return ""
        return f"{self.environment} has no TLS context {context}, which {self.api.environment} has."

    def _by_policy(self) -> list[tuple[str, list[HeldSecret]]]:
        found: dict[int, list[HeldSecret]] = {}
        for one in self.secrets:
            found.setdefault(one.binding.pk, []).append(one)
        return [(some[0].binding.label or some[0].binding.title, some) for some in found.values()]

    def _secret_fields(
        self, some: Sequence[HeldSecret], errors: Mapping[str, list[str]]
    ) -> list[schema_form.Field]:
        return [
            schema_form.Field(
                "secret",
                one.field,
                one.label,
                is_required=True,
                value=self.values["secrets"].get(one.field, ""),
                errors=tuple(errors.get(one.field, ())),
            )
            for one in some
        ]

    def _general(self, form: Mapping[str, schema_form.Field], errors: Mapping[str, list[str]]) -> list[str]:
        """What no field shows."""
        shown = {*form, *(one.field for one in self.secrets)}
        shown |= {f"upstreams.{row.pk}.{part}" for row in self.upstreams for part in ("uri", "tls_context")}
        return [text for name, texts in errors.items() if name not in shown for text in texts]


def _key(context: TlsContext | None) -> str:
    return str(context.pk) if context else ""
