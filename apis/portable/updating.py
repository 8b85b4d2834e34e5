"""Makes an API that is there as one that was carried from elsewhere: its counterpart.

What is the same stays the same row, so that gateways go on with it, and secrets that nobody gives stay. One
change in all: it is pending, or goes to the gateway, as the environment has it.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any
from uuid import UUID

from django.db import transaction

from apis.assets.models import Asset
from apis.changes import bookkeeping, deploying, instances, policies, upstreams
from apis.desired import NewAsset
from apis.models import ApiInstance, PolicyBinding, Upstream
from apis.portable import beside, rows, shared
from apis.portable import wanted as rules
from apis.portable.making import NEEDED, MadeApi, applied, document_note, of_policy, of_upstream, told_by_keys
from apis.portable.shape import PolicyPart, UpstreamPart
from apis.portable.wanted import WantedApi
from apis.rules import kept_secrets
from apis.rules.policy_config import merged
from apis.rules.problem import Problem, refuse
from console.models import AuditEntry, User
from policies import catalog


@dataclass(frozen=True)
class RowMatches:
    """Which row is which, by the keys of what is wanted; `gone` are the policies that nobody wants."""

    upstreams: Mapping[str, UUID]
    policies: Mapping[str, PolicyBinding]
    gone: Sequence[PolicyBinding]


@transaction.atomic
def update(actor: User, api: ApiInstance, wanted: WantedApi, *, deploy: bool | None = None) -> MadeApi:
    """Raises ValidationError as `make` does. `deploy` as in `deploying.saved`."""
    bookkeeping.lock(api.gateway, wanted.gateway, api=api)
    wanted = replace(wanted, gateway=wanted.gateway or api.gateway)
    known = rules.contexts_of(wanted)
    match = matched(api, wanted)
    kept = _with_kept_secrets(wanted, match)
    refuse([*rules.missing(wanted, known), *_unknown_secrets(kept, wanted)])
    at_once = api.is_deployed and deploying.goes_at_once(api, deploy, actor)
    asset = rules.asset_of(wanted)
    if "policies" in wanted.parts:
        for binding in match.gone:
            binding.api = api
            policies.remove_policy(actor, binding, deploy=False)
    ids = _rows_of_upstreams(actor, api, wanted, match, asset)
    named, notes = dict(match.policies), list(shared.put(actor, wanted))
    if "policies" in wanted.parts:
        named = _policies(actor, api, kept, match, ids)
    notes += [*document_note(wanted, asset), *beside.put(actor, api, wanted, named)]
    if at_once and api.pending_since:
        bookkeeping.bump(api, api.gateway)
    after = {"updated_from": wanted.origin or "a file"}
    bookkeeping.record(actor, AuditEntry.Action.UPDATE, api, after=after)
    return MadeApi(api, tuple(notes))


def matched(api: ApiInstance, wanted: WantedApi) -> RowMatches:
    found = _matched_upstreams(list(rows.upstreams_of(api).values()), wanted.whole.upstreams)
    left = list(rows.policies_of(api).values())
    chosen: dict[str, PolicyBinding] = {}
    for is_labelled in (True, False):
        for one in wanted.whole.policies:
            if one.key in chosen:
                continue
            alike = (
                row
                for row in left
                if (row.policy, row.is_outbound) == (one.policy, bool(one.upstreams))
                and (not is_labelled or row.label == one.label)
                and _acts_on_what_stays(row, found)
            )
            if row := next(alike, None):
                left.remove(row)
                chosen[one.key] = row
    return RowMatches(found, chosen, left)


def _acts_on_what_stays(row: PolicyBinding, found: Mapping[str, UUID]) -> bool:
    """One that acts on upstreams that go alone goes too, and is applied anew."""
    return not row.is_outbound or bool(set(row.upstreams) & set(found.values()))


def _matched_upstreams(known: list[Upstream], wanted: Sequence[UpstreamPart]) -> dict[str, UUID]:
    """By URI and label, then by label, then by URI, then one after another."""
    left, found = list(known), dict[str, UUID]()
    looks: tuple[Any, ...] = (
        lambda row, one: (row.uri, row.label) == (one.uri, one.label),
        lambda row, one: bool(one.label) and row.label == one.label,
        lambda row, one: row.uri == one.uri,
        lambda row, one: True,
    )
    for is_same in looks:
        for one in wanted:
            if one.key not in found and (row := next((row for row in left if is_same(row, one)), None)):
                left.remove(row)
                found[one.key] = row.pk
    return found


def _rows_of_upstreams(
    actor: User, api: ApiInstance, wanted: WantedApi, match: RowMatches, asset: Asset | NewAsset
) -> dict[str, UUID]:
    """Make upstreams and routes, and the API itself, as wanted. Answers the ids by their keys."""
    routed = {target.upstream for route in wanted.whole.routes for target in route.targets}
    ids, known = dict(match.upstreams), rules.contexts_of(wanted)
    desired = rules.desired(wanted, asset, known, ids)
    with told_by_keys(wanted):
        instances.edit_api(actor, api, desired, deploy=False)
    for route, row in zip(wanted.whole.routes, api.routes.prefetch_related("targets"), strict=True):
        for part, target in zip(route.targets, row.targets.all(), strict=True):
            ids[part.upstream] = target.upstream_id
    there = set(api.upstreams.values_list("pk", flat=True))
    for one in wanted.whole.upstreams:
        if one.key in routed:
            continue
        with of_upstream(one.key):
            own = rules.upstream(one, known, ids if ids.get(one.key) in there else {})
            if own.id:
                upstreams.edit(actor, api, {own.id: own}, deploy=False)
            else:
                ids[one.key] = upstreams.add(actor, api, own).pk
    for gone in api.upstreams.exclude(pk__in=ids.values()):
        upstreams.remove(actor, api, gone)
    return ids


def _policies(
    actor: User, api: ApiInstance, wanted: WantedApi, match: RowMatches, ids: Mapping[str, UUID]
) -> dict[str, PolicyBinding]:
    named: dict[str, PolicyBinding] = {}
    for one in wanted.whole.policies:
        if row := match.policies.get(one.key):
            row.api = api
            named[one.key] = _edited(actor, row, one, ids)
        else:
            named[one.key] = applied(actor, api, one, ids)
    order = [named[one.key].pk for one in wanted.whole.policies if not named[one.key].is_outbound]
    if order:
        policies.reorder_policies(actor, api, order, deploy=False)
    return named


def _edited(actor: User, row: PolicyBinding, one: PolicyPart, ids: Mapping[str, UUID]) -> PolicyBinding:
    """A secret that it has and the other has not is taken away: null says so."""
    config = merged(one.config, {path: value for path, value in one.secrets.items() if value})
    for path in row.secrets.keys() - one.secrets.keys():
        _take(config, path.split("."))
    acted_on = [ids[key] for key in one.upstreams if key in ids] if one.upstreams else None
    with of_policy(one):
        found = policies.edit_policy(
            actor,
            row,
            config,
            conditions=one.conditions,
            upstreams=acted_on,
            label=one.label,
            version=one.version or None,
            mode=one.mode,
            deploy=False,
        )
        return policies.set_policy_disabled(actor, found, one.is_disabled, deploy=False)


def _take(config: Any, path: list[str]) -> None:
    for part in path[:-1]:
        if isinstance(config, list):
            config = config[int(part)] if part.isdecimal() and int(part) < len(config) else None
        else:
            config = config.get(part) if isinstance(config, dict) else None
    if isinstance(config, dict) and path[-1] not in config:
        config[path[-1]] = None


def _with_kept_secrets(wanted: WantedApi, match: RowMatches) -> WantedApi:
    """Each secret that nobody gives is the one that is there."""
    found = []
    for one in wanted.whole.policies:
        kept = kept_of(match.policies.get(one.key), one)
        secrets = {path: value or kept.get(path, "") for path, value in one.secrets.items()}
        found.append(one.model_copy(update={"secrets": secrets}))
    return replace(wanted, whole=wanted.whole.model_copy(update={"policies": tuple(found)}))


def kept_of(row: PolicyBinding | None, one: PolicyPart) -> dict[str, str]:
    """Those of its secrets that stay where nobody gives others: of what is the same entry of a list, and goes
    to the same address.
    """
    if row is None:
        return {}
    policy = catalog.find(row.policy)
    return {
        path: row.secrets[path]
        for path in one.secrets.keys() & row.secrets.keys()
        if _is_same_entry(row.config, one.config, path)
        and kept_secrets.stays(policy, path, row.config, one.config)
    }


def _is_same_entry(before: Any, after: Any, path: str) -> bool:
    """Whether each entry of a list on the way is what it was: the password of another user is another one."""
    for part in path.split(".")[:-1]:
        if isinstance(before, list):
            at = int(part) if part.isdecimal() else -1
            if not (isinstance(after, list) and 0 <= at < min(len(before), len(after))):
                return False
            before, after = before[at], after[at]
            if before != after:
                return False
        elif isinstance(before, dict) and isinstance(after, dict):
            before, after = before.get(part), after.get(part)
    return True


def _unknown_secrets(kept: WantedApi, wanted: WantedApi) -> Iterator[Problem]:
    if "policies" not in wanted.parts:
        return
    for one in kept.whole.policies:
        for path, value in one.secrets.items():
            if not value:
                yield Problem(f"secrets.{one.key}.{path}", NEEDED.format(wanted.environment))
