"""Changes in words: on the API's, the gateway's and the audit's pages, and with each deployment."""

import html
import re
from dataclasses import replace
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from apis import history
from apis.changes.instances import deploy_api, edit_api
from apis.changes.policies import apply_policy, edit_policy, remove_policy, reorder_policies
from apis.changes.tls_contexts import desired_of as desired_context
from apis.changes.tls_contexts import edit_tls_context
from apis.deployment import brought
from apis.desired import DesiredRoute, DesiredUpstream
from apis.history import FieldChange
from apis.models import ApiInstance
from console import audit
from console.models import AuditEntry
from gateways.models import Deployment
from tests.apis.views.pages import Place, allow, make_place, make_saved_api
from tests.factories import make_tls_context

pytestmark = pytest.mark.django_db

BASIC = {"username": "ann", "password": "first-secret"}
LIMIT = {"rateLimits": [{"maximumRequests": 5, "timePeriodInMilliseconds": 60_000}]}


@pytest.fixture
def place() -> Place:
    return make_place()


def text(place: Place, path: str) -> str:
    answer = place.client.get(path)
    assert answer.status_code == 200
    return " ".join(html.unescape(re.sub(r"<[^>]+>", " ", answer.content.decode())).split())


def last(target: Any) -> list[FieldChange]:
    entry = audit.history(target).first()
    assert entry
    return history.lines(entry)


def entry(diff: dict[str, Any], **fields: Any) -> AuditEntry:
    given = {"action": "update", "object_type": "apiinstance", "object_id": "1", "object_name": "Orders"}
    return AuditEntry(**given | fields, diff=diff)


def test_a_field_is_told_with_its_label(place: Place) -> None:
    api = make_saved_api(place)
    binding = apply_policy(place.user, api, "rate-limiting", LIMIT)

    edit_policy(
        place.user,
        binding,
        {"rateLimits": [{"maximumRequests": 7, "timePeriodInMilliseconds": 3_600_000}]},
    )

    told = {line.label: (line.before, line.after) for line in last(binding)}
    assert list(told.values()) == [("5", "7"), ("1 minute", "1 hour")]
    assert all("maximumRequests" not in label and label.startswith("Limit") for label in told), told


def test_lists_are_told_item_by_item(place: Place) -> None:
    binding = allow(place, make_saved_api(place), "10.0.0.1", "10.0.0.2")

    edit_policy(place.user, binding, {"ips": ["10.0.0.1", "10.0.0.3"]})  # type: ignore[arg-type]

    assert [(line.before, line.after, line.kind) for line in last(binding)] == [
        ("10.0.0.2", "", "removed"),
        ("", "10.0.0.3", "added"),
    ]


def test_of_a_secret_it_is_told_that_it_changed(place: Place) -> None:
    binding = apply_policy(place.user, make_saved_api(place), "http-basic-authentication", BASIC)

    created = last(binding)
    edit_policy(place.user, binding, {"username": "ann", "password": "second-secret"})

    assert last(binding) == [FieldChange("Secrets", after="changed", kind="is")]
    shown = text(place, f"/apis/{binding.api_id}/history")
    assert "first-secret" not in shown and "second-secret" not in shown
    assert any("not shown" in line.after for line in created)


def test_routes_are_told_by_their_parts(place: Place) -> None:
    api = make_saved_api(place)

    routes = [
        DesiredRoute(path="/v2/.*", upstreams=[DesiredUpstream("http://backend:8080/")]),
        DesiredRoute(label="rest", upstreams=[DesiredUpstream("http://other:9000/")]),
    ]
    edit_api(place.user, api, lambda desired: replace(desired, routes=routes))

    assert [(line.label, line.before, line.after) for line in last(api)] == [
        ("Route 1, path", "none", "/v2/.*"),
        ("Route", "", "label rest; upstream address http://other:9000/; weight 100"),
    ]


def test_another_order_is_one_line(place: Place) -> None:
    api = make_saved_api(place)
    first, second = allow(place, api), apply_policy(place.user, api, "rate-limiting", LIMIT)

    reorder_policies(place.user, api, [second.pk, first.pk])  # type: ignore[attr-defined]

    assert last(api) == [
        FieldChange("Policies, in order", "IP Allowlist, Rate Limiting", "Rate Limiting, IP Allowlist")
    ]


@pytest.mark.parametrize(
    ("diff", "line"),
    [
        ({"deprecated": [False, True]}, FieldChange("Deprecated", "no", "yes")),
        ({"consumer_endpoint": ["", "https://a"]}, FieldChange("Consumer endpoint", "none", "https://a")),
        ({"description": ["a " * 200, None]}, FieldChange("Description", "a " * 59 + "a…", "none")),
        ({"tls_context": [None, "edge"]}, FieldChange("TLS context", "none", "edge")),
        ({"password": ["old", "new"]}, FieldChange("Password", after="changed", kind="is")),
        ({"unheard_of": [{"aB": 1}, {"aB": 2}]}, FieldChange("Unheard of, a b", "1", "2")),
        ({"mixed": [[1], "x"]}, FieldChange("Mixed", "1", "x")),
        ({"end": ["", "2026-12-07T18:42:42.9+00:00"]}, FieldChange("End", "none", "2026-12-07 18:42:42 UTC")),
    ],
)  # fmt: skip
def test_values_are_told_as_people_read_them(diff: dict[str, Any], line: FieldChange) -> None:
    assert history.lines(entry(diff)) == [line]


def test_of_what_is_gone_its_last_values_are_told(place: Place) -> None:
    binding = allow(place, make_saved_api(place))
    remove_policy(place.user, binding)  # type: ignore[arg-type]
    gone = AuditEntry.objects.filter(action="delete").get()

    assert FieldChange("Allowed address", after="10.0.0.1", kind="is") in history.lines(gone)
    assert all(line.after != "none" for line in history.lines(gone))


def test_large_lists_are_compared_in_time() -> None:
    before, after = [f"10.0.{n // 250}.{n % 250}" for n in range(20_000)], ["x"] * 20_000

    lines = history.lines(entry({"ips": [before, after]}))

    assert lines == [
        FieldChange("Ips", before="10.0.0.0, 10.0.0.1, 10.0.0.2 and 19,997 more", kind="removed"),
        FieldChange("Ips", after="x, x, x and 19,997 more", kind="added"),
    ]


def test_of_many_that_came_a_few_are_named_and_the_others_counted() -> None:
    names = [f"Orders {n} v1:{n}" for n in range(5000)]
    some = FieldChange(
        "APIs", after="Orders 0 v1:0, Orders 1 v1:1, Orders 2 v1:2 and 4,997 more", kind="added"
    )
    few = [FieldChange("API", after=name, kind="added") for name in names[:12]]

    assert history.lines(entry({"apis": [[], names]})) == [some]
    assert history.lines(entry({"apis": [["one"], ["one", *names]]})) == [some]
    assert history.lines(entry({"apis": [[], names[:12]]})) == few
    assert history.lines(entry({"apis": [names, names[:-1]]})) == [
        FieldChange("API", before="Orders 4999 v1:4999", kind="removed")
    ]


def test_names_of_any_length_leave_the_count() -> None:
    names = [f"{n} {'x' * 250}" for n in range(5000)]

    [line] = history.lines(entry({"apis": [[], names]}))

    assert line.after.endswith(" and 4,997 more") and len(line.after) < 150


@pytest.mark.parametrize(("first", "then"), [(0, 5000), (5000, 0), (5000, 4999), (300, 5000), (1, 101)])
def test_an_entry_keeps_a_few_of_thousands_of_names_and_tells_the_same(
    place: Place, first: int, then: int
) -> None:
    api = make_saved_api(place)
    before, after = ([f"Orders {n} v1:{n}" for n in range(count)] for count in (first, then))

    written = audit.record(
        place.user,
        AuditEntry.Action.UPDATE,
        api,
        organization=place.environment.organization,
        before={"apis": before},
        after={"apis": after},
    )

    assert written and len(str(written.diff)) < 6000
    written.refresh_from_db()
    assert history.lines(written) == history.lines(entry({"apis": [before, after]}))


def test_an_entry_keeps_what_is_no_long_list_of_names_as_it_is(place: Place) -> None:
    api = make_saved_api(place)
    names = [f"policy {n}" for n in range(150)]
    routes = [{"path": f"/{n}"} for n in range(150)]
    before: dict[str, Any] = {"policies": names, "routes": routes, "tags": ["a", "b"]}
    after: dict[str, Any] = {"policies": names[::-1], "routes": [], "tags": ["b"]}

    written = audit.record(
        place.user,
        AuditEntry.Action.UPDATE,
        api,
        organization=place.environment.organization,
        before=before,
        after=after,
    )

    assert written and written.diff == {name: [before[name], after[name]] for name in before}
    assert history.lines(written)[0].label == "Policies, in order"


def test_the_audit_names_the_api_of_a_policy_and_leads_to_it(place: Place) -> None:
    api = make_saved_api(place, "Orders")
    other = make_saved_api(place, "Payments")
    apply_policy(place.user, api, "rate-limiting", LIMIT)
    apply_policy(place.user, other, "rate-limiting", LIMIT)

    whole = place.client.get("/administration/audit?type=policybinding").content.decode()
    found = text(place, "/administration/audit?type=policybinding&q=payments")

    assert f'href="/apis/{api.pk}">Orders' in whole
    assert "Rate Limiting of API Payments" in found
    assert "Orders" not in found


def test_what_is_gone_is_named_without_a_link(place: Place) -> None:
    api = make_saved_api(place, "Orders")
    binding = apply_policy(place.user, api, "rate-limiting", LIMIT)
    remove_policy(place.user, binding)
    place.client.post(f"/apis/{api.pk}/delete")

    page = place.client.get("/administration/audit").content.decode()

    assert "Rate Limiting" in page and "Orders" in page
    assert f'href="/apis/{api.pk}"' not in page


def test_histories_are_searched(place: Place) -> None:
    api = make_saved_api(place, deploy=True)
    allow(place, api)
    apply_policy(place.user, api, "rate-limiting", LIMIT)

    for path in (f"/apis/{api.pk}/history", f"/gateways/{place.gateway.pk}/history"):
        found = text(place, f"{path}?q=rate")
        assert "Rate Limiting" in found and "IP Allowlist" not in found
        assert "No change matches" in text(place, f"{path}?q=nothing-like-it")


def test_the_questions_of_the_audit_do_not_grow_with_it(place: Place) -> None:
    def asked() -> int:
        with CaptureQueriesContext(connection) as seen:
            place.client.get("/administration/audit")
        return len(seen)

    apply_policy(place.user, make_saved_api(place, "First"), "rate-limiting", LIMIT)
    asked()
    few = asked()
    for name in ("Second", "Third", "Fourth"):
        apply_policy(place.user, make_saved_api(place, name), "rate-limiting", LIMIT)

    assert asked() == few


def deployed(place: Place) -> Deployment:
    """What a worker does after a change."""
    place.gateway.refresh_from_db()
    return Deployment.objects.create(
        gateway=place.gateway, generation=place.gateway.generation, digest="d", resources_count=1
    )


def words(api: ApiInstance) -> list[tuple[int, str]]:
    found = brought.why(api, brought.deployments(api))
    return [(one.deployment.generation, one.words) for one in found]


def test_a_deployment_is_listed_with_the_apis_that_it_changed(place: Place) -> None:
    api, other = make_saved_api(place, "Orders", deploy=True), make_saved_api(place, "Other", deploy=True)
    first = deployed(place)
    allow(place, api)
    second = deployed(place)
    apply_policy(place.user, other, "rate-limiting", LIMIT)
    third = deployed(place)

    who = place.user.get_username()
    assert words(api) == [
        (second.generation, f"{who} created policy IP Allowlist"),
        (first.generation, f"{who} created the API"),
    ]
    assert words(other)[0] == (third.generation, f"{who} created policy Rate Limiting")
    assert "Rate Limiting" not in text(place, f"/apis/{api.pk}/deployments")
    assert f"{who} created policy IP Allowlist" in text(place, f"/apis/{api.pk}/deployments")


def test_quick_changes_go_in_one_deployment(place: Place) -> None:
    api = make_saved_api(place, deploy=True)
    deployed(place)
    binding = allow(place, api)
    remove_policy(place.user, binding)  # type: ignore[arg-type]
    together = deployed(place)

    generation, said = words(api)[0]

    assert generation == together.generation
    assert said.endswith("created policy IP Allowlist and 1 more change")


def test_to_deploy_again_is_a_deployment_of_the_api(place: Place) -> None:
    api = make_saved_api(place, deploy=True)
    deployed(place)
    deploy_api(place.user, api)
    again = deployed(place)

    assert words(api)[0] == (again.generation, "deployed again")


def test_a_shared_tls_context_changes_each_of_its_apis(place: Place) -> None:
    context = make_tls_context(place.environment)
    secure = {"protocol": "https", "tls_context": context, "deploy": True}
    api = make_saved_api(place, "Orders", port=8443, **secure)
    plain = make_saved_api(place, "Plain", deploy=True)
    deployed(place)
    desired = desired_context(context)

    edit_tls_context(place.user, context, replace(desired, min_version="1.3"))
    renewed = deployed(place)

    assert words(api)[0] == (
        renewed.generation,
        f"{place.user.get_username()} changed TLS context {context}",
    )
    assert renewed.generation not in dict(words(plain))
