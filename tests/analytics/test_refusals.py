"""Why requests were refused, and what policies that observe would have: from the batch to the page."""

import html
import time
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from analytics import conditions, queries, ranges
from analytics.ingest import ingest
from analytics.models import ConditionMinute, ConditionWindow, Sample
from analytics.rollups import roll_up
from apis.automated.models import AutomatedPolicy
from apis.contracts.models import Contract
from apis.models import ApiInstance, PolicyBinding
from console.models import Role, User
from console.roles.models import CustomRole
from gateways.protocol.messages import ObservedCount
from tests.analytics.test_conditions import bind, page
from tests.analytics.test_rest import ask
from tests.analytics.traffic import Shipper, count, sample
from tests.factories import make_api, make_application, make_contract, make_role, make_user

pytestmark = pytest.mark.django_db

REASON = "quota: 100 requests are used up for 3120 more ms"


@pytest.fixture
def api() -> ApiInstance:
    return make_api(name="orders")


def observe(api: ApiInstance, age: timedelta = timedelta(days=3)) -> PolicyBinding:
    return bind(api, age, conditions=[], mode="observe")


def observed(binding: PolicyBinding, requests: int, at: float | None = None) -> ObservedCount:
    return ObservedCount(
        time=int(at or time.time()),
        namespace=str(binding.api.environment_id),
        api=binding.api.resource_name,
        binding=binding.resource_name,
        requests=requests,
    )


def analytics(client: Client, api: ApiInstance, query: str = "", **role: Any) -> str:
    user = make_user()
    make_role(user, api.environment.organization, **(role or {"name": "viewer"}))
    client.force_login(user)
    return " ".join(html.unescape(client.get(f"/apis/{api.pk}/analytics{query}").content.decode()).split())


def test_what_was_observed_is_kept_once(api: ApiInstance) -> None:
    binding = observe(api)
    shipper = Shipper(api)
    batch = shipper.batch(count(api, 5), observed=(observed(binding, 3),))

    for _ in range(3):
        ingest(shipper.gateway, batch)

    kept = ConditionWindow.objects.get()
    assert (kept.requests, kept.would_refuse) == (0, 3)


def test_the_lane_tells_what_would_have_been_refused(client: Client, api: ApiInstance) -> None:
    Shipper(api).ship(count(api, 400), observed=(observed(observe(api), 312),))

    assert "would have refused 312 requests in 24 h" in page(client, api)
    for at in ("/analytics", f"/apis/{api.pk}/analytics"):
        _, _, card = client.get(at).content.decode().partition("Would be refused</h2>")
        assert "IP Allowlist" in card and ">312<" in card.partition("</section>")[0]
    told = ask(User.objects.get(), api).json()["would_refuse"]
    assert told == [{"policy": "ip-allowlist", "requests": 312}]


def test_of_one_that_enforces_nothing_is_told(client: Client, api: ApiInstance) -> None:
    bind(api, conditions=[])
    Shipper(api).ship(count(api, 400))

    assert "would have refused" not in page(client, api)
    assert "Would be refused</h2>" not in analytics(client, api)


def test_what_was_before_the_change_does_not_count(api: ApiInstance) -> None:
    binding = observe(api, timedelta(hours=1))
    early = time.time() - 7200
    Shipper(api).ship(
        count(api, 100, at=int(early)), observed=(observed(binding, 70, early), observed(binding, 10))
    )

    found = conditions.observed([binding], api.pk)[binding]

    assert found.requests == 10
    assert found.since


@pytest.mark.django_db(transaction=True)
def test_rolled_up_it_is_the_same(api: ApiInstance) -> None:
    binding = observe(api)
    at = time.time() - 1800
    Shipper(api).ship(
        count(api, 10, at=int(at)), observed=(observed(binding, 4, at), observed(binding, 2, at))
    )
    before = conditions.observed([binding], api.pk)

    roll_up()
    ConditionWindow.objects.all().delete()

    assert ConditionMinute.objects.get().would_refuse == 6
    assert conditions.observed([binding], api.pk) == before


def automated(api: ApiInstance, age: timedelta = timedelta(days=3), **fields: Any) -> AutomatedPolicy:
    given = {"policy": "ip-allowlist", "config": {"ips": ["10.0.0.1"]}, "order": 1, "mode": "observe"}
    made = AutomatedPolicy.objects.create(environment=api.environment, **given | fields)
    AutomatedPolicy.objects.filter(pk=made.pk).update(updated_at=timezone.now() - age)
    return AutomatedPolicy.objects.get(pk=made.pk)


def by_automated(
    api: ApiInstance, policy: AutomatedPolicy, requests: int, at: float | None = None
) -> ObservedCount:
    return ObservedCount(
        time=int(at or time.time()),
        namespace=str(api.environment_id),
        api=api.resource_name,
        binding=policy.resource_name,
        requests=requests,
    )


def test_automated_policies_tell_what_they_would_have_refused(client: Client, api: ApiInstance) -> None:
    policy, other = automated(api), make_api(api.gateway, name="other")
    own = observe(api)
    PolicyBinding.objects.filter(pk=own.pk).update(policy="cors")
    shipped = (by_automated(api, policy, 312), by_automated(other, policy, 1000), observed(own, 5))
    Shipper(api).ship(count(api, 400), count(other, 1000), observed=shipped)

    assert "would have refused 312 requests in 24 h" in page(client, api)
    for at in ("/apis/automated", f"/apis/automated/{policy.pk}"):
        shown = " ".join(client.get(at).content.decode().split())
        assert "ould have refused 1,312 requests in 24 h" in shown
    of_api, of_all = client.get(f"/apis/{api.pk}/analytics"), client.get("/analytics")
    for answer, most in ((of_api, "312"), (of_all, "1,312")):
        _, _, card = answer.content.decode().partition("Would be refused</h2>")
        assert f">{most}<" in card.partition("</section>")[0]
    told = ask(User.objects.get(), api).json()["would_refuse"]
    assert {one["policy"]: one["requests"] for one in told} == {"ip-allowlist": 312, "cors": 5}


def test_what_an_automated_policy_found_before_it_was_changed_does_not_count(api: ApiInstance) -> None:
    old, new = automated(api), automated(api, timedelta(hours=1), order=2)
    early = time.time() - 7200
    shipped = [by_automated(api, one, 70, early) for one in (old, new)]
    Shipper(api).ship(count(api, 100, at=int(early)), observed=(*shipped, by_automated(api, new, 10)))

    found = conditions.observed_by_automated([old, new])

    assert (found[old].requests, found[old].since) == (70, None)
    assert found[new].requests == 10
    assert found[new].since
    assert conditions.observed([old, new], api.pk) == found


def test_of_an_automated_policy_of_another_environment_nothing_is_kept(api: ApiInstance) -> None:
    foreign = automated(make_api(name="foreign"))
    Shipper(api).ship(count(api), observed=(by_automated(api, foreign, 3),))

    assert not ConditionWindow.objects.exists()


def test_refusals_are_counted_by_check(client: Client, api: ApiInstance) -> None:
    Shipper(api).ship(
        count(api, 7, status=429, policy="rate-limiting", policy_check="quota"),
        count(api, 2, status=429, policy="rate-limiting"),
    )

    found = analytics(client, api)

    assert "Rate Limiting · quota" in found
    assert queries.checks([api.pk], _day()) == [("rate-limiting", "quota", 7), ("rate-limiting", "", 2)]


def test_a_single_request_tells_its_reason(client: Client, api: ApiInstance) -> None:
    told = {"status": 429, "policy": "rate-limiting", "policy_check": "quota", "reason": REASON}
    seen = "address: 10.0.0.7 is not in the list"
    Shipper(api).ship(
        count(api, 2),
        samples=(
            sample(api, **told, request_id="one"),
            sample(api, observed=f"ip-allowlist-1: {seen}; cors-automated.3: origin"),
        ),
    )

    assert REASON in analytics(client, api)
    assert f"Would be refused by IP Allowlist: {seen}; CORS: origin" in analytics(
        client, api, "?samples=observed"
    )
    assert REASON not in analytics(client, api, "?samples=observed")


def test_a_request_is_found_by_its_id(client: Client, api: ApiInstance) -> None:
    foreign = make_api(name="foreign")
    Shipper(api).ship(
        count(api, 2),
        samples=(
            sample(api, path="/mine", request_id="a-1"),
            sample(api, path="/other", request_id="a-2"),
        ),
    )
    Shipper(foreign).ship(count(foreign), samples=(sample(foreign, path="/foreign", request_id="a-1"),))

    found = analytics(client, api, "?request=a-1")

    assert "/mine" in found
    assert "/other" not in found
    assert "/foreign" not in found
    assert "No request with this id is kept" in analytics(client, api, "?request=a-3")


def test_rest_tells_reason_and_id(api: ApiInstance) -> None:
    user = make_user()
    make_role(user, api.environment.organization, "viewer")
    told = {"status": 429, "policy": "rate-limiting", "policy_check": "quota", "reason": REASON}
    Shipper(api).ship(
        count(api, 2), samples=(sample(api, **told, request_id="a-1"), sample(api, request_id="a-2"))
    )

    (body,) = ask(user, api, end="requests?request_id=a-1").json()

    assert (body["policy"], body["check"], body["refusal"]) == ("rate-limiting", "quota", REASON)
    assert body["request_id"] == "a-1"
    assert Sample.objects.count() == 2


def test_a_long_id_is_found_over_rest_as_on_the_page(api: ApiInstance) -> None:
    """Gateways tell of its first 64 characters."""
    user = make_user()
    make_role(user, api.environment.organization, "viewer")
    Shipper(api).ship(count(api), samples=(sample(api, request_id="a" * 64),))

    (body,) = ask(user, api, end=f"requests?request_id={'a' * 300}").json()

    assert body["request_id"] == "a" * 64


def _day() -> ranges.Range:
    return ranges.last(timedelta(days=1))


def test_whose_contract_a_gateway_does_not_know_is_told_to_who_may_see_contracts(
    client: Client, api: ApiInstance
) -> None:
    wanted = {
        "aaaa": "probably Shop, whose contract waits for approval",
        "bbbb": "probably Old, whose contract is revoked",
        "cccc": "probably Other, which has not asked for access",
        "dddd": "no application here has a client id that begins so",
    }
    organization = api.environment.organization
    for name, start in (("Shop", "aaaa"), ("Old", "bbbb"), ("Other", "cccc")):
        application = make_application(organization, name=name, client_id=start + "1" * 60)
        status = {"Shop": Contract.Status.PENDING, "Old": Contract.Status.REVOKED}.get(name)
        if status:
            make_contract(api, application=application, status=status)
    reason = "client: {}... has no contract with this API"
    told = {"policy": "client-id-enforcement", "policy_check": "client", "status": 401}
    samples = tuple(sample(api, reason=reason.format(start), **told) for start in wanted)
    Shipper(api).ship(count(api, 4, **told), samples=samples)

    shown = analytics(client, api)

    for start, words in wanted.items():
        assert f"{reason.format(start)}: {words}<" in shown
    custom = CustomRole.objects.create(organization=organization, name="A", permissions=["view:traffic"])
    alone = analytics(client, api, name=Role.CUSTOM, custom=custom)
    assert reason.format("aaaa") in alone
    assert not any(words in alone for words in wanted.values())
