"""Any sequence of edits, saves, deployments, discards, rollbacks, deletions and undos, in any environment:
what is saved, what is pending, what the gateway is to run and what history tells of it agree after each step.

Hypothesis draws the sequences, and tells one that fails in as few steps as still fail. By day they are the
same few each time; by night many and other ones, and a real Envoy runs what some of them end with.
"""

from collections.abc import Callable
from dataclasses import replace
from functools import wraps
from pathlib import Path
from typing import Any, ClassVar

import httpx
import pytest
from django.core.exceptions import ValidationError
from django.db import transaction
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, rule, run_state_machine_as_test

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
from gateways.protocol.resources import digest
from tests.apis.deployment.snapshots import resources_of
from tests.apis.deployment.test_push import LIMITS
from tests.apis.deployment.test_revision import an_api
from tests.factories import make_actor, make_gateway
from tests.traffic.gateway import Gateway as Running
from tests.traffic.gateway import running_gateway
from tests.waiting import wait_until

STEPS = 25
EXAMPLES_BY_DAY, EXAMPLES_BY_NIGHT = 2, 150
EACH_TO_ENVOY = 10
"""One in so many sequences ends with a look at a real Envoy."""
MOST_POLICIES = 6
asked = st.sampled_from([None, None, True, False])
"""Whether a change is to be deployed, as its author says."""
which = st.integers(0, MOST_POLICIES)
"""Of what there is then, counted round."""
Step = Callable[..., None]


class World:
    """One API with what may be done to it, and what is known of it beside the database: what it is to run."""

    def __init__(self, **fields: Any) -> None:
        api = an_api(**fields)
        self.pk, self.environment = api.pk, api.environment
        self.people = [make_actor() for _ in range(3)]
        self.gateways = [api.gateway, make_gateway(self.environment)]
        self.runs: Content | None = rows.content_of(api)

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


def a_step(do: Step, **drawn: st.SearchStrategy[Any]) -> Any:
    """A rule that tries it as one of the people, and looks at everything then; a refusal changes nothing."""

    @rule(who=st.integers(0, 2), **drawn)
    @wraps(do)
    def it(self: "Sequences", who: int, **given: Any) -> None:
        world = self.world
        told = AuditEntry.objects.about("apiinstance", [world.pk]).count()
        was, runs = state(world), world.runs
        try:
            with transaction.atomic():
                do(self, world, world.people[who], **given)
        except ValidationError:
            world.runs = runs
        check(world, told, was)

    return it


def step(**drawn: st.SearchStrategy[Any]) -> Callable[[Step], Any]:
    return lambda do: a_step(do, **drawn)


def changed(**drawn: st.SearchStrategy[Any]) -> Callable[[Step], Any]:
    """A step that saves a change, which is deployed or waits."""

    def decorate(do: Step) -> Any:
        @wraps(do)
        def it(self: "Sequences", world: World, actor: User, asked: bool | None, **given: Any) -> None:
            before, was = bool(world.api.pending_since), rows.content_of(world.api)
            do(self, world, actor, asked, **given)
            is_brought = asked and world.api.pending_since is None
            if rows.content_of(world.api) != was or is_brought:
                world.saved(asked, before)

        return a_step(it, asked=asked, **drawn)

    return decorate


class Sequences(RuleBasedStateMachine):
    """Each in a transaction that is taken back."""

    gateway: ClassVar[Running | None] = None
    begun: ClassVar[int] = 0

    def __init__(self) -> None:
        super().__init__()
        self.transaction = transaction.atomic()
        self.transaction.__enter__()
        self.world = World(**({"port": self.gateway.port} if self.gateway else {}))
        Sequences.begun += 1

    def teardown(self) -> None:
        try:
            if self.gateway and self.begun % EACH_TO_ENVOY == 0:
                agrees(self.gateway, self.world)
        finally:
            transaction.set_rollback(True)
            self.transaction.__exit__(None, None, None)

    @changed(path=st.sampled_from("abc"))
    def edit_address(self, world: World, actor: User, asked: bool | None, path: str) -> None:
        instances.edit_api(actor, world.api, lambda it: replace(it, base_path=f"/{path}"), deploy=asked)

    @changed(hosts=st.lists(st.sampled_from(["one", "two", "three"]), min_size=1, max_size=2, unique=True))
    def edit_routes(self, world: World, actor: User, asked: bool | None, hosts: list[str]) -> None:
        routes = [
            DesiredRoute(path=f"/{host}", upstreams=[DesiredUpstream(f"http://{host}:1/")]) for host in hosts
        ]
        instances.edit_api(actor, world.api, lambda it: replace(it, routes=routes), deploy=asked)

    @changed(which=which, host=st.integers(1, 3))
    def edit_upstream(self, world: World, actor: User, asked: bool | None, which: int, host: int) -> None:
        found = list(world.api.upstreams.all())
        row = found[which % len(found)]
        wanted = {row.pk: DesiredUpstream(f"http://new{host}:1/", label=row.label)}
        upstreams.edit(actor, world.api, wanted, deploy=asked)

    @changed(is_off=st.booleans())
    def apply(self, world: World, actor: User, asked: bool | None, is_off: bool) -> None:
        if world.api.policies.count() < MOST_POLICIES:
            policies.apply_policy(actor, world.api, "rate-limiting", LIMITS, is_disabled=is_off, deploy=asked)

    @changed(
        which=which,
        username=st.sampled_from(["ann", "eve"]),
        password=st.sampled_from(["", "new"]),
        label=st.sampled_from(["", "named"]),
    )
    def edit_policy(
        self, world: World, actor: User, asked: bool | None, which: int, label: str, **config: str
    ) -> None:
        if row := a_policy(world, which, policy="http-basic-authentication"):
            policies.edit_policy(actor, row, config, label=label, deploy=asked)

    @changed(which=which)
    def switch(self, world: World, actor: User, asked: bool | None, which: int) -> None:
        if row := a_policy(world, which):
            policies.set_policy_disabled(actor, row, not row.is_disabled, deploy=asked)

    @changed(which=which)
    def remove_policy(self, world: World, actor: User, asked: bool | None, which: int) -> None:
        if row := a_policy(world, which):
            policies.remove_policy(actor, row, deploy=asked)

    @changed(order=st.permutations(range(MOST_POLICIES)))
    def reorder(self, world: World, actor: User, asked: bool | None, order: list[int]) -> None:
        ids = [row.pk for row in world.api.policies.inbound()]
        places = [place for place in order if place < len(ids)]
        policies.reorder_policies(actor, world.api, [ids[place] for place in places], deploy=asked)

    @step()
    def restore_policy(self, world: World, actor: User) -> None:
        removed = Removed.objects.filter(api_id=world.pk, kind=Removed.Kind.POLICY).first()
        if removed and world.api.policies.count() < MOST_POLICIES:
            before = bool(world.api.pending_since)
            policies.restore_policy(actor, world.api, removed)
            world.saved(None, before)

    @step(asked=asked, words=st.sampled_from("xy"))
    def describe(self, world: World, actor: User, asked: bool | None, words: str) -> None:
        before, is_same = bool(world.api.pending_since), world.api.description == words
        instances.edit_api(actor, world.api, lambda it: replace(it, description=words), deploy=asked)
        if not is_same:
            world.saved(asked, before)

    @step()
    def deploy(self, world: World, actor: User) -> None:
        review.deploy_pending(actor, world.api, seen=review.token(world.api), comment="because")
        world.runs = rows.content_of(world.api)

    @step()
    def discard(self, world: World, actor: User) -> None:
        labels = {one.pk: one.label for one in world.api.policies.all()}
        discarding.discard(actor, world.api, seen=review.token(world.api))
        assert rows.content_of(world.api) == world.runs, "what is saved is not what runs"
        now = [(one.pk, one.label) for one in world.api.policies.all() if one.pk in labels]
        assert all(labels[pk] == label for pk, label in now), "a label was lost"

    @step()
    def undo_discard(self, world: World, actor: User) -> None:
        if removed := Removed.objects.filter(api_id=world.pk, kind=Removed.Kind.PENDING).first():
            discarding.restore(actor, world.api, removed)
            assert world.api.pending_since

    @step(which=st.integers(0, STEPS))
    def roll_back(self, world: World, actor: User, which: int) -> None:
        found = list(Revision.objects.filter(api=world.pk).order_by("pk"))
        wanted = found[which % len(found)]
        rollback(actor, world.api, wanted)
        world.runs = wanted.content

    @step()
    def undeploy(self, world: World, actor: User) -> None:
        instances.undeploy_api(actor, world.api)
        world.runs = None

    @step(to=st.sampled_from([None, 0, 1]))
    def deploy_again(self, world: World, actor: User, to: int | None) -> None:
        was_off = not world.api.is_deployed
        instances.deploy_api(actor, world.api, None if to is None else world.gateways[to])
        if was_off or world.api.pending_since is None:
            world.runs = rows.content_of(world.api)

    @step()
    def delete_and_restore(self, world: World, actor: User) -> None:
        removal.restore_api(actor, instances.delete_api(actor, world.api))

    @step(deploys=st.sampled_from(Environment.Deploys.values))
    def other_rule(self, world: World, actor: User, deploys: str) -> None:
        Environment.objects.filter(pk=world.environment.pk).update(deploys=deploys)


def a_policy(world: World, which: int, **of: Any) -> PolicyBinding | None:
    found = list(world.api.policies.filter(**of))
    return found[which % len(found)] if found else None


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


def agrees(running: Running, world: World) -> None:
    """A real gateway takes what its own is to run, and serves the API if it is deployed, and then alone."""
    api = world.api
    assert api.gateway
    resources = resources_of(api.gateway)
    ack = running.applier.apply(resources, running.applier.generation + 1, digest(resources))
    assert ack.applied, ack.reason
    assert not [one for one in ack.resources if one.reason], ack.resources
    served = world.runs
    path = f"{served.address.path}/x" if served else "/"
    wait_until(lambda: answers(running.port, path) == bool(served))


def answers(port: int, path: str) -> bool:
    """Whether an API does."""
    try:
        answer = httpx.get(f"http://127.0.0.1:{port}{path}", trust_env=False)
    except httpx.TransportError:
        return False
    return answer.status_code != 404 or "this API" in answer.text


def run(examples: int, *, same_each_time: bool) -> None:
    chosen = settings(
        max_examples=examples,
        stateful_step_count=STEPS,
        derandomize=same_each_time,
        database=None,
        deadline=None,
        suppress_health_check=list(HealthCheck),
        print_blob=True,
    )
    run_state_machine_as_test(Sequences, settings=chosen)  # type: ignore[no-untyped-call]


@pytest.mark.django_db
@pytest.mark.timeout(600)
def test_rows_pending_and_what_runs_agree_after_any_sequence() -> None:
    run(EXAMPLES_BY_DAY, same_each_time=True)


@pytest.mark.long
@pytest.mark.envoy
@pytest.mark.django_db
@pytest.mark.timeout(1800)
def test_they_agree_with_a_gateway_after_any_of_many_sequences(tmp_path: Path) -> None:
    with running_gateway("", tmp_path) as running:
        Sequences.gateway = running
        try:
            run(EXAMPLES_BY_NIGHT, same_each_time=False)
        finally:
            Sequences.gateway = None
