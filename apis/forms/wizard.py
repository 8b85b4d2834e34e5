"""The Add API wizard: its steps, the draft that it keeps between them, and what each step checks."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django.core.exceptions import ValidationError
from django.core.files.uploadedfile import UploadedFile
from django.http import HttpRequest
from django.utils import timezone

from apis import specification
from apis.drafts import ApiDraft
from apis.forms import parts
from apis.models import Asset, WizardDraft
from apis.validate import validate, warnings
from gateways.models import Gateway

DOCUMENT = ("specification", "specification_name")
REFUSED = "specification_refused"
DISCONNECTED = "Gateway {} is Disconnected and cannot be deployed to; start it, or decide later."


@dataclass(frozen=True)
class Step:
    """`owns` are the first parts of the error names that belong to the step."""

    name: str
    title: str
    owns: tuple[str, ...]


STEPS = (
    Step("gateway", "Runtime & gateway", ("gateway",)),
    Step("api", "API", ("asset",)),
    Step(
        "downstream",
        "Downstream",
        ("protocol", "port", "base_path", "tls_context", "label", "consumer_endpoint"),
    ),
    Step("upstream", "Upstream", ("routes",)),
    Step("review", "Review", ()),
)
FORMS = STEPS[:-1]


def step(name: str) -> Step | None:
    return next((one for one in STEPS if one.name == name), None)


def beside(one: Step, by: int) -> Step:
    """The step after (1) or before (-1) this one; the first and the last have none and stay."""
    return STEPS[max(0, min(len(STEPS) - 1, STEPS.index(one) + by))]


class Draft:
    """What was filled in so far, and what is wrong with it; `row` keeps it, once anything was said."""

    def __init__(self, row: WizardDraft) -> None:
        self.row, self.environment = row, row.environment
        self.values: dict[str, dict[str, Any]] = row.values
        self._made: tuple[ApiDraft, parts.Errors] | None = None

    @property
    def is_kept(self) -> bool:
        return not self.row._state.adding

    def keep(self, one: Step, values: Mapping[str, Any], seen: str = "") -> bool:
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
        known = int(seen) if seen.isdecimal() else self.row.version
        told = {name: getattr(self.row, name) for name in ("values", "step", "title")}
        row = WizardDraft.objects.filter(pk=self.row.pk, version=known, api=None)
        if row.update(**told, version=known + 1, updated_at=timezone.now()):
            self.row.version = known + 1
            return True
        return False

    def _drop_oldest(self) -> None:
        mine = WizardDraft.objects.filter(user=self.row.user, environment=self.environment)
        mine.exclude(pk__in=list(mine.values_list("pk", flat=True)[: WizardDraft.MOST])).delete()

    def made(self) -> tuple[ApiDraft, parts.Errors]:
        """The whole draft and everything that is wrong with it, checked once for each content."""
        if self._made is None:
            draft, unread = parts.draft(self.environment, self.values)
            found = _gateway_errors(draft.gateway) | validate(self.environment, draft) | self.refused_file()
            self._made = draft, parts.joined(found, unread)
        return self._made

    def refused_file(self) -> parts.Errors:
        """Why the file that was chosen last is not taken, as long as the API would have one."""
        api = self.values.get("api", {})
        wants_one = api.get("mode") == "new" and api.get("asset", {}).get("type") == Asset.Type.REST
        return {"asset.specification": [api[REFUSED]]} if wants_one and api.get(REFUSED) else {}

    def errors(self, one: Step) -> parts.Errors:
        """What is wrong in one step."""
        return {name: texts for name, texts in self.made()[1].items() if name.split(".")[0] in one.owns}

    def warnings(self) -> parts.Errors:
        return warnings(self.made()[0])

    def first_open(self, before: Step) -> Step:
        """The first step before this one that is missing or wrong, else this one."""
        for one in STEPS[: STEPS.index(before)]:
            if one.name not in self.values or self.errors(one):
                return one
        return before


def with_specification(
    values: dict[str, Any], request: HttpRequest, kept: Mapping[str, Any]
) -> dict[str, Any]:
    """The API step's values with the uploaded document, or with the one that was uploaded before.

    A document fills in a name and an API version that were left as they come. A file that is none leaves
    the one before, and why it was "refused", until there is another or the user goes on without it.
    """
    upload = request.FILES.get("specification")
    before = () if "drop_specification" in request.POST else DOCUMENT
    if upload is None:
        refused = () if "drop_refused" in request.POST else (REFUSED,)
        return {**values, **{name: kept[name] for name in (*before, *refused) if kept.get(name)}}
    try:
        text = _text_of(upload)
        found = specification.check(text)
    except ValidationError as error:
        reason = f"{upload.name}: {' '.join(error.messages)}"
        return {**values, **{name: kept[name] for name in before if kept.get(name)}, REFUSED: reason}
    asset = dict(values.get("asset", {}))
    asset["name"] = asset.get("name") or found.title
    if asset.get("version", "1.0.0") in {"", "1.0.0"}:
        asset["version"] = found.version
    if asset.get("api_version", "v1") in {"", "v1"}:
        asset["api_version"] = f"v{found.version.split('.')[0].removeprefix('v')}"
    return {**values, "asset": asset, "specification": text, "specification_name": str(upload.name)}


def _text_of(upload: UploadedFile) -> str:
    try:
        return bytes(upload.read()).decode()
    except UnicodeDecodeError as error:
        raise ValidationError("The file is not an OpenAPI document: it is not text in UTF-8.") from error


def _gateway_errors(gateway: Gateway | None) -> parts.Errors:
    if gateway is None or gateway.status == Gateway.Status.CONNECTED:
        return {}
    return {"gateway": [DISCONNECTED.format(gateway)]}
