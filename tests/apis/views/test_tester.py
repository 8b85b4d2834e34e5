"""Test a request on an API and on a gateway: what is typed or copied, and what a gateway would do."""

import html
import re
from collections.abc import Iterator

import pytest
from django.core.cache import cache
from django.db.models import Model

from apis.changes.policies import apply_policy
from apis.desired import DesiredRoute, DesiredUpstream
from apis.models import ApiInstance
from apis.testing import jobs
from console.models import Role
from tests.analytics.traffic import NOW, Shipper, count, sample
from tests.apis.views.pages import Place, make_place, make_saved_api, text
from tests.factories import make_api, make_gateway, make_tls_context
from tests.usual.details import Detail
from tests.usual.here import Here

pytestmark = pytest.mark.django_db
BASIC = {"username": "ann", "password": "of-ann-alone"}


@pytest.fixture(autouse=True)
def worker(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """What would go to the workers, by key."""
    from apis.tasks import prepare_rehearsal, rehearse

    asked: list[str] = []
    monkeypatch.setattr(rehearse, "apply_async", lambda args, **_: asked.append(*args))
    monkeypatch.setattr(prepare_rehearsal, "apply_async", lambda **_: asked.append("prepare"))
    yield asked
    cache.clear()


class TestTesterOfAnApi(Detail):
    tabs = ("/try",)
    is_numbered = True
    seen_by_viewers = False

    def make(self, here: Here) -> Model:
        return make_api(make_gateway(here.environment))


def routed(place: Place, name: str = "Orders", **fields: object) -> ApiInstance:
    one = [DesiredUpstream("http://one/v2", weight=90), DesiredUpstream("http://two/v2", weight=10)]
    other = [DesiredUpstream("http://three:8080/")]
    routes = [
        DesiredRoute(label="writes", methods="POST", upstreams=other),
        DesiredRoute(path="/items.*", upstreams=one),
        DesiredRoute(upstreams=other),
    ]
    return make_saved_api(place, name, routes=routes, **fields)


def tried(place: Place, page: str, **sent: object) -> str:
    """What the page shows when a worker is done."""
    asked = text(place.client.post(f"{page}/run", {f"try.{name}": value for name, value in sent.items()}))
    if not (found := re.findall(r'hx-get="([^"]+)"', asked)):
        return asked
    jobs.work(found[0].rpartition("/")[2])
    return re.sub(r"\s+", " ", text(place.client.get(found[0])))


@pytest.mark.envoy
def test_it_is_told_which_route_takes_a_request_and_why_no_other(place: Place) -> None:
    api = routed(place)
    apply_policy(place.user, api, "http-basic-authentication", BASIC)

    page = tried(place, f"/apis/{api.pk}/try", target="/orders/items/4", method="GET")

    assert "Refused" in page
    assert "Method <code>POST</code> does not match <code>GET</code>" in page
    assert "<code>one:80</code> 90 %" in page
    assert "<code>two:80</code> 10 %" in page
    assert "fits, but comes later" in page
    assert "The upstream would see <code>/v2/items/4</code>" in page
    assert "Keep as a test" in page
    assert "of-ann-alone" not in page


@pytest.mark.envoy
def test_what_is_deployed_and_what_is_saved_are_two_answers(place: Place) -> None:
    api = routed(place, deploy=True)
    api.routes.update(methods="DELETE")
    page = f"/apis/{api.pk}/try"

    saved = tried(place, page, target="/orders/items", on="saved")
    deployed = tried(place, page, target="/orders/items", on="deployed")

    assert "No route" in saved
    assert "Upstream answered" in deployed
    assert "The upstream sees <code>/v2/items</code>" in deployed


def test_what_is_not_deployed_cannot_be_tried_as_such(place: Place) -> None:
    api = routed(place)

    assert "Nothing is deployed" in tried(place, f"/apis/{api.pk}/try", target="/orders", on="deployed")
    assert 'name="try.on"' not in text(place.client.get(f"/apis/{api.pk}/try"))


@pytest.mark.envoy
def test_on_a_gateway_the_api_is_found_too(place: Place) -> None:
    context = make_tls_context(place.environment)
    routed(place, deploy=True)
    routed(place, "Bills", deploy=True)
    routed(place, "Users", deploy=True, protocol="https", port=8443, tls_context=context)
    page = f"/gateways/{place.gateway.pk}/try"

    took = tried(place, page, target="http://gw.example:8081/bills/x", on="deployed")
    nobody = tried(place, page, target="http://gw.example:8081/nothing")
    secured = tried(place, page, target="https://gw.example:8443/users")
    which = tried(place, page, target="/bills")

    assert re.search(r'mono break">/bills</b>.*?Took it', took)
    assert "No API" in nobody
    assert nobody.count("another path") == 2
    assert '<small class="break">Bills v1:' in nobody and "apii-" not in nobody
    assert "Upstream answered" in secured
    assert "say for which port the request is" in which


def test_a_curl_command_fills_the_form_and_is_told_what_is_wrong_with_it(place: Place) -> None:
    api = routed(place)
    command = "curl -X PUT 'https://h:8443/orders/1?a=b' -H 'X-A: <1>' -u ann:pw --data-raw '{}'"

    filled = text(place.client.post(f"/apis/{api.pk}/try", {"try.curl": command}))
    wrong = place.client.post(f"/apis/{api.pk}/try", {"try.curl": "curl --proxy http://p http://h"})

    assert 'value="http://h:8443/orders/1?a=b"' in filled
    assert "X-A: &lt;1&gt;" in filled
    assert "Authorization: Basic YW5uOnB3" in filled
    assert 'value="PUT"' in filled
    assert wrong.status_code == 422
    assert "--proxy of curl is not understood" in text(wrong)


@pytest.mark.parametrize("page", ["try", "analytics"])
def test_a_recent_request_is_taken_up_again(place: Place, page: str) -> None:
    api = routed(place, deploy=True)
    odd = sample(api, method="PUT", path="/orders/7&x=+%2F", user_agent="a&on=b", at=NOW - 1.0)
    Shipper(api).ship(count(api, 1), samples=(odd,))

    shown = text(place.client.get(f"/apis/{api.pk}/{page}"))
    (link,) = re.findall(r'href="(/apis/\d+/try\?method=[^"]+)"', shown)
    filled = place.client.get(html.unescape(link)).context["try_fields"]

    assert (filled["method"].value, filled["target"].value) == ("PUT", "/orders/7&x=+%2F")
    assert filled["headers"].value == "User-Agent: a&on=b"


@pytest.mark.envoy
def test_a_verdict_has_a_link_without_what_may_be_secret(place: Place) -> None:
    api = routed(place)

    page = tried(
        place,
        f"/apis/{api.pk}/try",
        target="/orders/items?token=of-a-caller",
        method="POST",
        caller="203.0.113.9",
    )
    (link,) = re.findall(r'href="(/apis/\d+/try\?[^"]+)"', page)
    begun = text(place.client.get(link.replace("&amp;", "&")))

    assert "of-a-caller" not in link
    assert 'value="/orders/items"' in begun
    assert 'value="203.0.113.9"' in begun


def test_who_may_not_change_the_api_may_not_test_on_it(place: Place) -> None:
    api = routed(place)
    viewer, stranger = make_place(Role.Name.VIEWER, place.environment), make_place()

    for page in (f"/apis/{api.pk}/try", f"/gateways/{place.gateway.pk}/try"):
        assert viewer.client.get(page).status_code == 403
        assert viewer.client.post(f"{page}/run", {"try.target": "/orders"}).status_code == 403
        assert stranger.client.get(page).status_code == 404
        assert stranger.client.post(f"{page}/run", {"try.target": "/orders"}).status_code == 404


def test_a_rehearsal_of_a_gateway_is_its_askers_alone(place: Place, worker: list[str]) -> None:
    other = make_place(Role.Name.MANAGER, place.environment)
    routed(place, deploy=True)
    place.client.post(f"/gateways/{place.gateway.pk}/try/run", {"try.target": "/orders"})

    found = f"/gateways/{place.gateway.pk}/try/{worker[0]}"

    assert place.client.get(found).status_code == 200
    assert other.client.get(found).status_code == 404
    assert place.client.get(f"/gateways/{other.gateway.pk}/try/{worker[0]}").status_code == 404


@pytest.mark.parametrize(
    "sent",
    [
        {"target": "x y"},
        {"target": "ftp://h/a"},
        {"target": "http://h:99999/"},
        {"caller": "nobody"},
        {"headers": "no header"},
        {"method": "GET /x"},
    ],
)
def test_what_is_no_request_is_told(place: Place, sent: dict[str, str]) -> None:
    api = routed(place)

    assert "The request cannot be tried." in tried(place, f"/apis/{api.pk}/try", **{"target": "/", **sent})
