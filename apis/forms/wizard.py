"""The Add API wizard: its steps, the draft that it keeps between them, and what each step checks."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django.core.exceptions import ValidationError
from django.utils import timezone

from apis.assets.models import Asset
from apis.desired import DesiredApi
from apis.documents import reading
from apis.documents.specification import Specification
from apis.forms import parts
from apis.lint.routes import warnings
from apis.rules.instances import validate
from apis.wizard_draft import WizardDraft
from console.models import Environment
from console.numbers import number
from console.scope import Request
from gateways.models import Gateway

DOCUMENT, UPLOADED, REFUSED = "specification", "specification_uploaded", "specification_refused"
"""Of the API step: the document that the API gets, the one that is being read, why one was not taken."""
_VERSION = re.compile(r"[^A-Za-z0-9._+-]+")
DISCONNECTED = "Gateway {} is Disconnected and cannot be deployed to; start it, or decide later."


@dataclass(frozen=True)
class WizardStep:
    """`owns` are the first parts of the error names that belong to the step."""

    name: str
    title: str
    owns: tuple[str, ...]


STEPS = (
    WizardStep("gateway", "Runtime & gateway", ("gateway",)),
    WizardStep("api", "API", ("asset",)),
    WizardStep(
        "downstream",
        "Downstream",
        ("protocol", "port", "base_path", "tls_context", "label", "consumer_endpoint"),
    ),
    WizardStep("upstream", "Upstream", ("routes",)),
    WizardStep("review", "Review", ()),
)


def step(name: str) -> WizardStep | None:
    return next((one for one in STEPS if one.name == name), None)


def beside(one: WizardStep, by: int) -> WizardStep:
    """The step after (1) or before (-1) this one; the first and the last have none and stay."""
    return STEPS[max(0, min(len(STEPS) - 1, STEPS.index(one) + by))]


class Draft:
    """What was filled in so far, and what is wrong with it; `row` keeps it, once anything was said."""

    def __init__(self, row: WizardDraft) -> None:
        self.row, self.environment = row, row.environment
        self.values: dict[str, dict[str, Any]] = row.values
        self._made: tuple[DesiredApi, parts.Errors] | None = None

    @property
    def is_kept(self) -> bool:
        return not self.row._state.adding

    def keep(self, one: WizardStep, values: Mapping[str, Any], seen: str = "") -> bool:
        """Keep what a step was told. False when another page of this draft was first: `seen` is the version
        that the form showed. The draft then says what was typed here, and nothing is kept.
        """
        self.values = {**self.values, one.name: dict(values)}
        self._made = None
        self.row.values, self.row.step = self.values, one.name
        self.row.title = self.made()[0].asset.name[:255]
        if not self.is_kept:
            self.row.save()
            self._drop_oldest()
            return True
        known = self.row.version if (sent := number(seen)) is None else sent
        told = {name: getattr(self.row, name) for name in ("values", "step", "title")}
        row = WizardDraft.objects.filter(pk=self.row.pk, version=known, api=None)
        if row.update(**told, version=known + 1, updated_at=timezone.now()):
            self.row.version = known + 1
            return True
        return False

    def _drop_oldest(self) -> None:
        mine = WizardDraft.objects.filter(user=self.row.user, environment=self.environment)
        mine.exclude(pk__in=list(mine.values_list("pk", flat=True)[: WizardDraft.MOST])).delete()

    def made(self) -> tuple[DesiredApi, parts.Errors]:
        """The whole draft and everything that is wrong with it, checked once for each content."""
        if self._made is None:
            desired, unread = parts.desired(self.environment, self.values)
            found = gateway_errors(desired.gateway) | validate(self.environment, desired)
            found |= self.unread_file() | self.refused_file()
            self._made = desired, parts.joined(found, unread)
        return self._made

    def unread_file(self) -> parts.Errors:
        """What is still being read is waited for."""
        api = self.values.get("api", {})
        document = parts.document(self.environment, api.get(UPLOADED, "")) if api.get(UPLOADED) else None
        if document is None or not self._wants_file():
            return {}
        return {"asset.specification": [f"{document} is still being read; wait until it is."]}

    def _wants_file(self) -> bool:
        api = self.values.get("api", {})
        return api.get("mode") == "new" and api.get("asset", {}).get("type") == Asset.Type.REST

    def refused_file(self) -> parts.Errors:
        """Why the file that was chosen last is not taken, as long as the API would have one."""
        api = self.values.get("api", {})
        refused = api.get(REFUSED) if self._wants_file() else ""
        return {"asset.specification": [refused]} if refused else {}

    def errors(self, one: WizardStep) -> parts.Errors:
        """What is wrong in one step."""
        return {name: texts for name, texts in self.made()[1].items() if name.split(".")[0] in one.owns}

    def warnings(self) -> parts.Errors:
        return warnings(self.made()[0])

    def first_open(self, before: WizardStep) -> WizardStep:
        """The first step before this one that is missing or wrong, else this one."""
        for one in STEPS[: STEPS.index(before)]:
            if one.name not in self.values or self.errors(one):
                return one
        return before


def with_specification(values: dict[str, Any], request: Request, draft: Draft) -> dict[str, Any]:
    """The API step's values with the document that was just uploaded, or with the one from before."""
    kept = draft.values.get("api", {})
    values = values | {name: kept.get(name, "") for name in (DOCUMENT, UPLOADED, REFUSED)}
    upload = request.FILES.get("specification")
    if upload is not None or "drop_uploaded" in request.POST:
        if unread := parts.document(draft.environment, values[UPLOADED]):
            reading.cancel(unread)
        values[UPLOADED] = ""
    if "drop_specification" in request.POST:
        values[DOCUMENT] = ""
    if upload is not None or "drop_refused" in request.POST:
        values[REFUSED] = ""
    if upload is not None:
        try:
            values[UPLOADED] = str(reading.upload(request.user, draft.environment.organization, upload).pk)
        except ValidationError as error:
            values[REFUSED] = " ".join(error.messages)
    return settled(draft.environment, values)


def settled(environment: Environment, values: dict[str, Any]) -> dict[str, Any]:
    """The values with what reading the upload has come to meanwhile.

    A document that was read fills in a name and versions that were left as they come. One that is refused
    leaves the one before, and why, until there is another or the user goes on without it.
    """
    document = parts.document(environment, values.get(UPLOADED, ""))
    if document is None:
        return {**values, UPLOADED: ""}
    if document.is_unread:
        return values
    if document.reason:
        return {**values, UPLOADED: "", REFUSED: document.reason}
    asset = _filled(dict(values.get("asset", {})), document)
    return {**values, UPLOADED: "", REFUSED: "", DOCUMENT: str(document.pk), "asset": asset}


def _filled(asset: dict[str, Any], document: Specification) -> dict[str, Any]:
    asset["name"] = asset.get("name") or document.title
    version = _VERSION.sub("-", document.version).strip("-.")[:40]
    if version and asset.get("version", "1.0.0") in {"", "1.0.0"}:
        asset["version"] = version
    if version and asset.get("api_version", "v1") in {"", "v1"}:
        asset["api_version"] = f"v{version.split('.')[0].removeprefix('v')}"
    return asset


def gateway_errors(gateway: Gateway | None) -> parts.Errors:
    if gateway is None or gateway.status == Gateway.Status.CONNECTED:
        return {}
    return {"gateway": [DISCONNECTED.format(gateway)]}
