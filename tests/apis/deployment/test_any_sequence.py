"""Any sequence of edits, saves, deployments, discards, rollbacks, deletions and undos, in any environment:
what is saved, what is pending, what the gateway is to run and what history tells of it agree after each step.

Sequences are drawn by their seed; one that fails is told in as few steps as still fail.
"""

import random
import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from django.core.exceptions import ValidationError
from django.db import transaction

from apis.changes import discarding, instances, policies, removal, review, upstreams
from apis.deployment.pending import entries, pending
from apis.deployment.rollback import rollback
from apis.desired import DesiredRoute, DesiredUpstream
from apis.models import ApiInstance, PolicyBinding
from apis.removed import Removed
from apis.revision import Brought, Content, Revision
from apis.revisions import rows, store
from console.models import AuditEntry, Environment, User
from gateways.models import Gateway
from tests.apis.deployment.test_push import LIMITS
from tests.apis.deployment.test_revision import an_api
from tests.factories import make_actor, make_gateway

SECONDS = 12
LEAST, STEPS = 4, 25
ASKED = (None, None, True, False)


class World:
    """One API with what may be done to it, and what is known of it beside the database: what it is to run."""

    def __init__(self) -> None:
        api = an_api()
        self.pk, self.environment = api.pk, api.environment
        self.people = [make_actor() for _ in range(3)]
        self.gateways = [api.gateway, make_gateway(self.environment)]
        self.runs: Content | None = rows.content_of(api)
        self.kept: list[Revision] = []

    @property
    def api(self) -> ApiInstance:
        found = ApiInstance.objects.select_related("environment__organization", "gateway", "asset")
        return found.get(pk=self.pk)

    def saved(self, asked: bool | None, before: bool) -> None:
        """What a change that was saved is to mean for what runs."""
        place, api = Environment.objects.get(pk=self.environment.pk), self.api
        at_once = not place.needs_second_person and asked is not False
        at_once = at_once and (bool(asked) or (place.deploys_on_save and not before))
        if api.is_deployed and at_once:
            self.runs = rows.content_of(api)


Step = Callable[[World, random.Random, User, bool | None], None]
STEPS_KNOWN: dict[str, Step] = {}


def step(do: Step) -> Step:
    STEPS_KNOWN[do.__name__] = do
    return do


def changed(do: Step) -> Step:
    """A step that saves a change, which is deployed or waits."""

    def it(world: World, chance: random.Random, actor: User, asked: bool | None) -> None:
        before, was = bool(world.api.pending_since), rows.content_of(world.api)
        do(world, chance, actor, asked)
        if rows.content_of(world.api) != was:
            world.saved(asked, before)
        elif asked:
            world.saved(asked, before) if world.api.pending_since is None else None

    STEPS_KNOWN[do.__name__] = it
    return it


@changed
def edit_address(world: World, chance: random.Random, actor: User, asked: bool | None) -> None:
    path = f"/{chance.choice('abc')}"
    instances.edit_api(actor, world.api, lambda it: replace(it, base_path=path), deploy=asked)


@changed
def edit_routes(world: World, chance: random.Random, actor: User, asked: bool | None) -> None:
    hosts = chance.sample(["one", "two", "three"], chance.randint(1, 2))
    routes = [
        DesiredRoute(path=f"/{host}", upstreams=[DesiredUpstream(f"http://{host}:1/")]) for host in hosts
    ]
    instances.edit_api(actor, world.api, lambda it: replace(it, routes=routes), deploy=asked)


@changed
def edit_upstream(world: World, chance: random.Random, actor: User, asked: bool | None) -> None:
    row = chance.choice(list(world.api.upstreams.all()))
    wanted = {row.pk: DesiredUpstream(f"http://new{chance.randint(1, 3)}:1/", label=row.label)}
    upstreams.edit(actor, world.api, wanted, deploy=asked)


@changed
def apply(world: World, chance: random.Random, actor: User, asked: bool | None) -> None:
    if world.api.policies.count() < 6:
        is_off = chance.random() < 0.3
        policies.apply_policy(actor, world.api, "rate-limiting", LIMITS, is_disabled=is_off, deploy=asked)


@changed
def edit_policy(world: World, chance: random.Random, actor: User, asked: bool | None) -> None:
    if row := a_policy(world, chance, policy="http-basic-authentication"):
        config = {"username": chance.choice(["ann", "eve"]), "password": chance.choice(["", "new"])}
        policies.edit_policy(actor, row, config, label=chance.choice(["", "named"]), deploy=asked)


@changed
def switch(world: World, chance: random.Random, actor: User, asked: bool | None) -> None:
    if row := a_policy(world, chance):
        policies.set_policy_disabled(actor, row, not row.is_disabled, deploy=asked)


@changed
def remove_policy(world: World, chance: random.Random, actor: User, asked: bool | None) -> None:
    if row := a_policy(world, chance):
        policies.remove_policy(actor, row, deploy=asked)


@changed
def reorder(world: World, chance: random.Random, actor: User, asked: bool | None) -> None:
    ids = [row.pk for row in world.api.policies.inbound()]
    chance.shuffle(ids)
    policies.reorder_policies(actor, world.api, ids, deploy=asked)


@step
def restore_policy(world: World, chance: random.Random, actor: User, asked: bool | None) -> None:
    removed = Removed.objects.filter(api_id=world.pk, kind=Removed.Kind.POLICY).first()
    if removed and world.api.policies.count() < 6:
        before = bool(world.api.pending_since)
        policies.restore_policy(actor, world.api, removed)
        world.saved(None, before)


@step
def describe(world: World, chance: random.Random, actor: User, asked: bool | None) -> None:
    before = bool(world.api.pending_since)
    words = chance.choice(["x", "y"])
    is_same = world.api.description == words
    instances.edit_api(actor, world.api, lambda it: replace(it, description=words), deploy=asked)
    if not is_same:
        world.saved(asked, before)


@step
def deploy(world: World, chance: random.Random, actor: User, asked: bool | None) -> None:
    review.deploy_pending(actor, world.api, seen=review.token(world.api), comment="because")
    world.runs = rows.content_of(world.api)


@step
def discard(world: World, chance: random.Random, actor: User, asked: bool | None) -> None:
    told = [(one.pk, one.label) for one in world.api.policies.all()]
    discarding.discard(actor, world.api, seen=review.token(world.api))
    assert rows.content_of(world.api) == world.runs, "what is saved is not what runs"
    labels = dict(told)
    now = [(one.pk, one.label) for one in world.api.policies.all() if one.pk in labels]
    assert all(labels[pk] == label for pk, label in now), "a label was lost"


@step
def undo_discard(world: World, chance: random.Random, actor: User, asked: bool | None) -> None:
    if removed := Removed.objects.filter(api_id=world.pk, kind=Removed.Kind.PENDING).first():
        discarding.restore(actor, world.api, removed)
        assert world.api.pending_since


@step
def roll_back(world: World, chance: random.Random, actor: User, asked: bool | None) -> None:
    wanted = chance.choice(list(Revision.objects.filter(api=world.pk).order_by("pk")))
    rollback(actor, world.api, wanted)
    world.runs = wanted.content


@step
def undeploy(world: World, chance: random.Random, actor: User, asked: bool | None) -> None:
    instances.undeploy_api(actor, world.api)
    world.runs = None


@step
def deploy_again(world: World, chance: random.Random, actor: User, asked: bool | None) -> None:
    was_off = not world.api.is_deployed
    instances.deploy_api(actor, world.api, chance.choice([None, *world.gateways]))
    if was_off or world.api.pending_since is None:
        world.runs = rows.content_of(world.api)


@step
def delete_and_restore(world: World, chance: random.Random, actor: User, asked: bool | None) -> None:
    removal.restore_api(actor, instances.delete_api(actor, world.api))


@step
def other_rule(world: World, chance: random.Random, actor: User, asked: bool | None) -> None:
    Environment.objects.filter(pk=world.environment.pk).update(
        deploys=chance.choice(Environment.Deploys.values)
    )


def a_policy(world: World, chance: random.Random, **of: Any) -> PolicyBinding | None:
    found = list(world.api.policies.filter(**of))
    return chance.choice(found) if found else None


def check(world: World, entries_before: int, was: tuple[Any, ...]) -> None:
    """That rows, what is pending, what runs and history agree."""
    api = world.api
    content = rows.content_of(api)
    difference = pending(api, content)
    assert api.is_deployed == (world.runs is not None)
    assert bool(api.pending_since) == bool(difference) == bool(api.pending_digest)
    if difference:
        assert api.pending_digest == content.digests[0]
        assert api.pending_by and difference.lines
        assert entries(api).exists()
    if api.is_deployed:
        assert api.revision and api.revision.content == world.runs, "another thing runs"
        assert api.revision_generation == api.changed_generation
    on_gateway = {one.api_id: one for one in store.deployed(Gateway.objects.get(pk=api.gateway_id))}
    assert (api.pk in on_gateway) == api.is_deployed
    assert not any(one.is_stale for one in on_gateway.values())
    last = Brought.objects.filter(api=api, gateway=api.gateway).order_by("-generation").first()
    assert last and last.generation == api.changed_generation
    assert last.revision_id == (api.revision_id if api.is_deployed else None)
    orders = list(api.policies.inbound().values_list("order", flat=True))
    assert len(set(orders)) == len(orders), "two policies in one place"
    if was != state(world):
        told = AuditEntry.objects.about("apiinstance", [api.pk]).count()
        assert told > entries_before, "a change is in no history"


def state(world: World) -> tuple[Any, ...]:
    api = world.api
    return rows.content_of(api).digests[0], api.revision_id, api.is_deployed, api.description


def run(seed: int, names: list[str]) -> None:
    """In a transaction that is taken back. Raises what went wrong, with the steps until then."""
    done: list[str] = []
    try:
        with transaction.atomic():
            world = World()
            for at, name in enumerate(names):
                chance = random.Random(f"{seed} {name} {at}")
                done.append(name)
                told = AuditEntry.objects.about("apiinstance", [world.pk]).count()
                was, runs = state(world), world.runs
                try:
                    with transaction.atomic():
                        STEPS_KNOWN[name](world, chance, chance.choice(world.people), chance.choice(ASKED))
                except ValidationError:
                    world.runs = runs
                check(world, told, was)
            transaction.set_rollback(True)
    except AssertionError as error:
        raise AssertionError(f"seed {seed}: {' → '.join(done)}: {error}") from error


@pytest.mark.django_db
@pytest.mark.timeout(120)
def test_rows_pending_and_what_runs_agree_after_any_sequence() -> None:
    ends, seed = time.monotonic() + SECONDS, 0
    while seed < LEAST or time.monotonic() < ends:
        chance = random.Random(seed)
        names = [chance.choice(list(STEPS_KNOWN)) for _ in range(STEPS)]
        try:
            run(seed, names)
        except AssertionError:
            run(seed, shortened(seed, names))
            raise
        seed += 1


def shortened(seed: int, names: list[str]) -> list[str]:
    """The beginning of the sequence that still fails."""
    for count in range(1, len(names)):
        try:
            run(seed, names[:count])
        except AssertionError:
            return names[:count]
    return names
