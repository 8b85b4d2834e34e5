"""Makes an API of what was carried from elsewhere: checked as any new API and any new policy is."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from uuid import UUID

from django.core.exceptions import ValidationError
from django.db import transaction

from apis.assets.models import Asset
from apis.changes import bookkeeping, instances, upstreams
from apis.changes.policies import apply_policy
from apis.models import ApiInstance, PolicyBinding
from apis.portable import beside, shared
from apis.portable import wanted as rules
from apis.portable.shape import PolicyPart
from apis.portable.wanted import WantedApi
from apis.rules.policy_config import merged
from apis.rules.problem import Problem, refuse
from console.models import AuditEntry, User

NEEDED = "Write the value for {}."
DOCUMENT_STAYS = "{} keeps the OpenAPI document that it has in {}; replace it there if it is to be this one."


@dataclass(frozen=True)
class MadeApi:
    """`notes` say what of it is otherwise than where it comes from, and was not asked for."""

    api: ApiInstance
    notes: tuple[str, ...] = ()


@transaction.atomic
def make(actor: User, wanted: WantedApi, *, deploy: bool = False) -> MadeApi:
    """Raises ValidationError by the fields of an API, by "upstreams.KEY.…", "policies.KEY.…" and
    "secrets.KEY.PATH". Where a second person is needed, or tests have to pass, it is saved alone.
    """
    known = rules.contexts_of(wanted)
    refuse([*rules.missing(wanted, known), *_unknown_secrets(wanted)])
    asset = rules.asset_of(wanted)
    with told_by_keys(wanted):
        api = instances.create_api(actor, wanted.environment, rules.desired(wanted, asset, known))
    if deploy and wanted.gateway is None:
        raise ValidationError({"gateway": [instances.NO_GATEWAY]})
    ids = _upstreams(actor, api, wanted, known)
    notes = list(shared.put(actor, wanted))
    named: dict[str, PolicyBinding] = {}
    for one in wanted.whole.policies if "policies" in wanted.parts else ():
        named[one.key] = applied(actor, api, one, ids)
    notes += [*document_note(wanted, asset), *beside.put(actor, api, wanted, named)]
    place, has_tests = wanted.environment, bool(wanted.whole.tests) and "tests" in wanted.parts
    if deploy and not place.needs_second_person and not (place.failing_tests_stop and has_tests):
        instances.deploy_api(actor, api)
    after = {"made_of": wanted.origin or "a file"}
    bookkeeping.record(actor, AuditEntry.Action.UPDATE, api, after=after)
    return MadeApi(api, tuple(notes))


def applied(
    actor: User, api: ApiInstance, one: PolicyPart, ids: Mapping[str, UUID], order: int | None = None
) -> PolicyBinding:
    """With its secrets; the last of its side, or at this place."""
    config = merged(one.config, {path: value for path, value in one.secrets.items() if value})
    with of_policy(one):
        return apply_policy(
            actor,
            api,
            one.policy,
            config,
            conditions=one.conditions,
            upstreams=[ids[key] for key in one.upstreams if key in ids],
            order=order,
            label=one.label,
            is_disabled=one.is_disabled,
            mode=one.mode,
            version=one.version,
            deploy=False,
        )


def document_note(wanted: WantedApi, asset: object) -> Iterator[str]:
    """An asset that is there keeps its document: other APIs are made of it."""
    document = wanted.whole.document
    if not isinstance(asset, Asset) or document is None:
        return
    own = asset.specification
    if own is None or own.text != document.text:
        yield DOCUMENT_STAYS.format(asset, wanted.environment.organization)


@contextmanager
def of_policy(one: PolicyPart) -> Iterator[None]:
    """Raise what is wrong with a policy by "policies.KEY" and by the fields of its secrets."""
    try:
        yield
    except ValidationError as error:
        refuse(
            Problem(
                f"policies.{one.key}", f"{one.label or one.policy}: {_where(name)}{' '.join(_words(faults))}"
            )
            for name, faults in error.error_dict.items()
        )


@contextmanager
def told_by_keys(wanted: WantedApi) -> Iterator[None]:
    """Raise what is wrong with an upstream once, by its key."""
    places = rules.fields(wanted.whole)
    try:
        yield
    except ValidationError as error:
        found: dict[str, list[ValidationError]] = {}
        for name, faults in error.error_dict.items():
            start = next((one for one in places if name.startswith(f"{one}.")), "")
            shown = f"{places[start]}{name.removeprefix(start)}" if start else name
            found.setdefault(shown, faults)
        raise ValidationError(found) from error


def _where(name: str) -> str:
    return f"{name.removeprefix('config.')}: " if name.startswith("config.") else ""


def _words(faults: list[ValidationError]) -> list[str]:
    return [text for one in faults for text in one.messages]


def _unknown_secrets(wanted: WantedApi) -> Iterator[Problem]:
    if "policies" not in wanted.parts:
        return
    for one in wanted.whole.policies:
        for path, value in one.secrets.items():
            if not value:
                yield Problem(f"secrets.{one.key}.{path}", NEEDED.format(wanted.environment))


def _upstreams(
    actor: User, api: ApiInstance, wanted: WantedApi, known: Mapping[str, object]
) -> dict[str, UUID]:
    """The ids of all of its upstreams, by their keys; those to which no route leads are made."""
    ids: dict[str, UUID] = {}
    for route, row in zip(wanted.whole.routes, api.routes.prefetch_related("targets"), strict=True):
        for part, target in zip(route.targets, row.targets.all(), strict=True):
            ids.setdefault(part.upstream, target.upstream_id)
    for one in wanted.whole.upstreams:
        if one.key not in ids:
            with of_upstream(one.key):
                ids[one.key] = upstreams.add(actor, api, rules.upstream(one, known, {})).pk  # type: ignore[arg-type]
    return ids


@contextmanager
def of_upstream(key: str) -> Iterator[None]:
    try:
        yield
    except ValidationError as error:
        raise ValidationError(
            {f"upstreams.{key}.{name}": faults for name, faults in error.error_dict.items()}
        ) from error
