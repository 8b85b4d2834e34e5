"""The Add API wizard: five steps, nothing lost on the way, messages at their fields."""

import re

import pytest
from django.utils import timezone

from apis.models import ApiInstance, WizardDraft
from apis.tasks import forget_drafts
from console.models import Role
from tests.apis.views.pages import Place, make_place, make_saved_api
from tests.factories import make_gateway, make_tls_context

pytestmark = pytest.mark.django_db


def text(response: object) -> str:
    return response.content.decode()  # type: ignore[attr-defined]


def draft_of(place: Place) -> WizardDraft | None:
    """The one that was begun last."""
    return WizardDraft.objects.filter(user=place.user).order_by("created_at").last()


def address(place: Place, step: str) -> str:
    """Of a step of the draft that was begun last; of the first step, when there is none."""
    draft = draft_of(place)
    return f"/apis/add/{draft.pk}/{step}" if draft else "/apis/add"


def send(place: Place, step: str, **data: object) -> object:
    """Post a step; a double underscore stands for the dot of a field's name."""
    fields = {name.replace("__", "."): value for name, value in data.items()}
    return place.client.post(address(place, step), {"go": "next", **fields})


def show(place: Place, step: str, **options: object) -> object:
    return place.client.get(address(place, step), **options)


def fill(place: Place, upto: str = "review") -> None:
    """Go through the steps before this one."""
    steps = {
        "gateway": {"gateway": str(place.gateway.pk)},
        "api": {
            "mode": "new",
            "asset__name": "Orders",
            "asset__api_version": "v1",
            "asset__version": "1.0.0",
        },
        "downstream": {"protocol": "http", "port": "8081", "base_path": "/orders"},
        "upstream": {"mode": "simple", "uri": "http://backend:8080/"},
    }
    for step, data in steps.items():
        if step == upto:
            return
        assert send(place, step, **data).status_code == 302  # type: ignore[attr-defined]


def test_five_steps_save_and_deploy_an_api() -> None:
    place = make_place()
    fill(place)

    response = send(place, "review", go="deploy")

    api = ApiInstance.objects.get()
    assert response.url == f"/apis/{api.pk}"  # type: ignore[attr-defined]
    assert (api.asset.name, api.port, api.base_path, api.gateway) == (
        "Orders",
        8081,
        "/orders",
        place.gateway,
    )
    assert api.is_deployed
    assert [one.uri for one in api.upstreams.all()] == ["http://backend:8080/"]


def test_save_alone_does_not_deploy() -> None:
    place = make_place()
    fill(place)

    send(place, "review", go="save")

    assert not ApiInstance.objects.get().is_deployed


def test_a_saved_draft_is_forgotten() -> None:
    place = make_place()
    fill(place)
    send(place, "review", go="save")

    assert 'value="Orders"' not in text(place.client.get("/apis/add"))
    assert WizardDraft.objects.get().values == {}


def test_a_later_step_leads_to_the_first_open_one() -> None:
    place = make_place()
    fill(place, upto="downstream")

    assert show(place, "review").url == f"{address(place, 'downstream')}?check"


def test_going_back_keeps_what_is_half_typed() -> None:
    place = make_place()
    fill(place, upto="downstream")

    back = send(place, "downstream", port="80a", base_path="orders", label="half", go="back")

    assert back.url == address(place, "api")  # type: ignore[attr-defined]
    page = text(show(place, "downstream"))
    assert 'value="half"' in page
    assert 'value="orders"' in page
    assert "Orders" in text(show(place, "api"))


def test_a_discarded_draft_is_gone() -> None:
    place = make_place()
    fill(place, upto="downstream")
    gone = address(place, "downstream")

    place.client.post(f"/apis/add/{draft_of(place).pk}/discard")  # type: ignore[union-attr]

    assert place.client.get(gone).status_code == 404
    assert not WizardDraft.objects.exists()


def test_two_tabs_have_a_draft_each() -> None:
    place = make_place()
    fill(place)
    first = draft_of(place)
    second = place.client.post("/apis/add", {"gateway": str(place.gateway.pk), "go": "next"}).url
    send(place, "api", mode="new", asset__name="Payments", asset__api_version="v1", asset__version="1.0.0")

    place.client.post(f"/apis/add/{first.pk}/review", {"go": "save"})  # type: ignore[union-attr]

    assert second == address(place, "api")
    assert ApiInstance.objects.get().asset.name == "Orders"
    assert 'value="Payments"' in text(show(place, "api"))


def test_a_second_page_of_one_draft_overwrites_nothing_unseen() -> None:
    place = make_place()
    fill(place, upto="downstream")
    shown = text(show(place, "api"))
    seen = re.search(r'name="seen" value="(\d+)"', shown)
    assert seen is not None
    typed = {"mode": "new", "asset__api_version": "v1", "asset__version": "1.0.0", "seen": seen[1]}
    send(place, "api", asset__name="First", **typed)

    late = send(place, "api", asset__name="Second", **typed)

    assert late.status_code == 409  # type: ignore[attr-defined]
    assert "changed in another tab" in text(late)
    assert 'value="Second"' in text(late)
    assert str(draft_of(place)) == "First"
    typed["seen"] = re.search(r'name="seen" value="(\d+)"', text(late))[1]  # type: ignore[index]
    assert send(place, "api", asset__name="Second", **typed).status_code == 302  # type: ignore[attr-defined]
    assert str(draft_of(place)) == "Second"


def test_an_unfinished_draft_is_offered_until_it_is_finished() -> None:
    place = make_place()
    fill(place)

    assert f'href="{address(place, "upstream")}">Orders</a>' in text(place.client.get("/apis/add"))
    send(place, "review", go="save")
    assert "Unfinished drafts" not in text(place.client.get("/apis/add"))


def test_saving_twice_makes_one_api() -> None:
    place = make_place()
    fill(place)

    first, second = send(place, "review", go="deploy"), send(place, "review", go="deploy")

    assert ApiInstance.objects.count() == 1
    assert second.url == first.url  # type: ignore[attr-defined]
    assert show(place, "gateway").url == first.url  # type: ignore[attr-defined]


def test_nobody_else_sees_a_draft() -> None:
    place = make_place()
    fill(place, upto="downstream")
    other = make_place(environment=place.environment)

    assert other.client.get(address(place, "api")).status_code == 404
    assert other.client.post(address(place, "api"), {"go": "next"}).status_code == 404
    assert "Unfinished drafts" not in text(other.client.get("/apis/add"))


def test_drafts_are_bounded_and_expire() -> None:
    place = make_place()
    for _ in range(WizardDraft.MOST + 2):
        place.client.post("/apis/add", {"gateway": "", "go": "next"})
    kept = list(WizardDraft.objects.all())
    old = kept[0]
    WizardDraft.objects.filter(pk=old.pk).update(updated_at=timezone.now() - WizardDraft.LIFETIME)

    assert len(kept) == WizardDraft.MOST
    assert place.client.get(f"/apis/add/{old.pk}/gateway").status_code == 404
    forget_drafts()
    assert not WizardDraft.objects.filter(pk=old.pk).exists()


def test_a_draft_survives_the_session() -> None:
    place = make_place()
    fill(place, upto="downstream")
    send(place, "downstream", protocol="http", port="80a", base_path="/half", go="stay")

    place.client.logout()
    place.client.force_login(place.user)

    assert 'value="/half"' in text(show(place, "downstream"))


@pytest.mark.parametrize(
    ("name", "others", "port", "path"),
    [
        ("Orders", [], "8081", "/orders"),
        ("Orders", [("/orders", 8081)], "8081", "/orders-2"),
        ("Orders", [("/orders/old", 8081), ("/orders-2", 8081)], "8081", "/orders-3"),
        ("Orders", [("/payments", 9000)], "9000", "/orders"),
        ("Orders", [("/", 8081)], "8082", "/orders"),
        ("Überweisung & mehr", [], "8081", "/uberweisung-mehr"),
    ],
)
def test_port_and_path_that_are_proposed_are_free(
    name: str, others: list[tuple[str, int]], port: str, path: str
) -> None:
    place = make_place()
    for count, (base_path, taken) in enumerate(others):
        make_saved_api(place, f"Other {count}", base_path=base_path, port=taken)
    send(place, "gateway", gateway=str(place.gateway.pk))
    send(place, "api", mode="new", asset__name=name, asset__api_version="v1", asset__version="1.0.0")

    page = text(show(place, "downstream"))
    answer = send(place, "downstream", protocol="http", port=port, base_path=path)

    assert re.search(rf'value="{port}" id="f-port"', page)
    assert re.search(rf'value="{path}" id="f-base_path"', page)
    assert answer.status_code == 302  # type: ignore[attr-defined]


def test_a_base_path_gets_the_slash_that_was_not_typed() -> None:
    place = make_place()
    fill(place, upto="downstream")
    send(place, "downstream", protocol="http", port="8081", base_path="orders")
    send(place, "upstream", mode="simple", uri="http://backend")
    send(place, "review", go="save")

    assert ApiInstance.objects.get().base_path == "/orders"


def test_disconnected_gateway_is_shown_and_refused() -> None:
    place = make_place()
    away = make_gateway(place.environment, name="away")

    page = text(place.client.get("/apis/add"))
    answer = send(place, "gateway", gateway=str(away.pk))

    assert "away" in page
    assert "start a replica to deploy to it" in page
    assert answer.status_code == 422  # type: ignore[attr-defined]
    assert "is Disconnected and cannot be deployed to" in text(answer)


@pytest.mark.parametrize("key", ["nonsense", "11111111-1111-1111-1111-111111111111"])
def test_gateway_of_elsewhere_is_refused(key: str) -> None:
    assert "not in this environment" in text(send(make_place(), "gateway", gateway=key))


def test_gateway_may_be_decided_later() -> None:
    place = make_place()
    fill(place)
    send(place, "gateway", gateway="")

    page = text(show(place, "review"))

    assert "Decided later" in page
    assert 'value="deploy"' not in page


def test_existing_asset_is_found_and_used_again() -> None:
    place = make_place()
    asset = make_saved_api(place, "Petstore").asset
    make_saved_api(place, "Payments")
    fill(place, upto="api")

    found = text(show(place, "api", data={"asset_q": "pets"}))
    send(place, "api", mode="existing", key=str(asset.pk))
    send(place, "downstream", protocol="http", port="8081", base_path="/again", label="second")
    send(place, "upstream", mode="simple", uri="http://backend")
    send(place, "review", go="save")

    assert "Petstore" in found
    assert "Payments" not in found
    assert asset.instances.count() == 2


def test_asset_of_another_organization_is_refused() -> None:
    theirs = make_saved_api(make_place()).asset
    place = make_place()
    fill(place, upto="api")

    assert "Choose an API from the list" in text(send(place, "api", mode="existing", key=str(theirs.pk)))


def test_name_is_asked_for_at_the_field() -> None:
    place = make_place()
    fill(place, upto="api")

    page = text(
        send(place, "api", mode="new", asset__name="", asset__api_version="v7", asset__version="1.0.0")
    )

    assert "Give the API a name." in page
    assert 'id="e-asset.name"' in page
    assert 'value="v7"' in page


@pytest.mark.parametrize(
    ("field", "value", "message"),
    [
        ("base_path", "http://x/orders", "must start with"),
        ("base_path", "", "Write a base path"),
        ("port", "70000", "70000 is not a port"),
        ("port", "abc", "is not a port"),
        ("port", "", "Write a port"),
        ("protocol", "https", "needs a TLS context"),
        ("consumer_endpoint", "nowhere", "is not a URL"),
    ],
)
def test_downstream_faults_stand_at_their_fields(field: str, value: str, message: str) -> None:
    place = make_place()
    fill(place, upto="downstream")

    answer = send(
        place, "downstream", **{"protocol": "http", "port": "8081", "base_path": "/orders", field: value}
    )

    assert answer.status_code == 422  # type: ignore[attr-defined]
    assert message in text(answer)


def test_https_serves_with_the_tls_context_that_is_chosen() -> None:
    place = make_place()
    context = make_tls_context(place.environment, name="edge")
    fill(place, upto="downstream")
    page = text(show(place, "downstream"))
    assert f'<option value="{context.pk}">edge, until ' in page

    listener = {"protocol": "https", "port": "8443", "base_path": "/orders"}
    send(place, "downstream", **listener, tls_context=str(context.pk))
    send(place, "upstream", mode="simple", uri="http://backend:8080/")
    assert "<dt>TLS context</dt><dd>edge</dd>" in text(show(place, "review"))
    send(place, "review", go="deploy")

    api = ApiInstance.objects.get()
    assert (api.protocol, api.tls_context) == ("https", context)
    shown = text(place.client.get(f"/apis/{api.pk}"))
    assert "curl -i --insecure https://" in shown


def test_a_context_that_was_chosen_before_http_is_left_out() -> None:
    place = make_place()
    context = make_tls_context(place.environment)
    fill(place, upto="downstream")

    listener = {"protocol": "http", "port": "8081", "base_path": "/orders"}
    send(place, "downstream", **listener, tls_context=str(context.pk))
    send(place, "upstream", mode="simple", uri="http://backend:8080/")
    send(place, "review", go="save")

    assert ApiInstance.objects.get().tls_context is None


@pytest.mark.parametrize("elsewhere", [True, False])
def test_a_context_that_is_not_here_cannot_be_chosen(elsewhere: bool) -> None:
    place = make_place()
    key = str(make_tls_context().pk) if elsewhere else "none"
    fill(place, upto="downstream")

    listener = {"protocol": "https", "port": "8443", "base_path": "/orders"}
    answer = send(place, "downstream", **listener, tls_context=key)

    assert answer.status_code == 422  # type: ignore[attr-defined]
    assert "That TLS context is not in this environment" in text(answer)


def test_no_other_context_stands_in_for_one_that_is_gone() -> None:
    place = make_place()
    chosen = make_tls_context(place.environment)
    make_tls_context(place.environment)
    fill(place, "downstream")
    send(place, "downstream", protocol="https", port="8443", base_path="/", tls_context=str(chosen.pk))
    chosen.delete()

    response = show(place, "upstream", follow=True)

    page = text(response)
    assert response.redirect_chain == [(f"{address(place, 'downstream')}?check", 302)]
    assert "That TLS context is not in this environment; choose one from the list." in page
    assert '<option value="">Choose a TLS context…</option>' in page
    assert re.search(r"<option [^>]*selected", page) is None


def test_overlapping_base_path_names_the_other_api() -> None:
    place = make_place()
    make_saved_api(place, "Payments", base_path="/orders/old")
    fill(place, upto="downstream")

    page = text(send(place, "downstream", protocol="http", port="8081", base_path="/orders"))

    assert "overlaps" in page
    assert "Payments" in page


@pytest.mark.parametrize(
    ("uri", "message"),
    [
        ("", "Write the upstream"),
        ("backend:8080", "has no scheme"),
        ("ftp://x", "not supported"),
        ("/v1", "http://backend:8080/v1"),
    ],
)
def test_upstream_faults_stand_at_the_field(uri: str, message: str) -> None:
    place = make_place()
    fill(place, upto="upstream")

    page = text(send(place, "upstream", mode="simple", uri=uri))

    assert message in page
    assert 'id="e-uri"' in page


def test_full_resource_is_warned_about_and_may_go_on() -> None:
    place = make_place()
    fill(place, upto="upstream")

    answer = send(place, "upstream", mode="simple", uri="http://backend/orders/17")

    assert answer.status_code == 302  # type: ignore[attr-defined]
    assert "looks like the id of a resource" in text(show(place, "review"))


def test_bundled_upstream_is_offered(settings: object) -> None:
    settings.ECHO_URL = "http://127.0.0.1:8099/"  # type: ignore[attr-defined]
    place = make_place()
    fill(place, upto="upstream")

    page = text(show(place, "upstream"))
    for field in ("f-uri", "f-routes.0.upstreams.0.uri"):
        assert f'data-fill="{field}" data-value="http://127.0.0.1:8099/"' in page
        assert f'id="{field}"' in page


ROUTES = {
    "mode": "routes",
    "routes": ["0", "1"],
    "routes.0.label": "canary",
    "routes.0.methods": ["GET", "POST"],
    "routes.0.path": "/v2(/.*)",
    "routes.0.headers": ["0"],
    "routes.0.headers.0.name": "X-Beta",
    "routes.0.headers.0.pattern": "yes",
    "routes.0.upstreams": ["0", "1"],
    "routes.0.upstreams.0.uri": "http://a/",
    "routes.0.upstreams.0.weight": "90",
    "routes.0.upstreams.1.uri": "http://b/",
    "routes.0.upstreams.1.weight": "10",
    "routes.1.upstreams": ["0"],
    "routes.1.upstreams.0.uri": "http://c/",
    "routes.1.upstreams.0.weight": "100",
}


def test_several_routes_are_saved_as_typed() -> None:
    place = make_place()
    fill(place, upto="upstream")
    send(place, "upstream", **ROUTES)
    send(place, "review", go="save")

    first, second = ApiInstance.objects.get().routes.all()
    assert (first.label, first.methods, first.path) == ("canary", "GET|POST", "/v2(/.*)")
    assert first.headers == {"x-beta": "yes"}
    assert [(one.upstream.uri, one.weight) for one in first.targets.all()] == [
        ("http://a/", 90),
        ("http://b/", 10),
    ]
    assert second.methods == ""


def test_weights_must_sum_to_100() -> None:
    place = make_place()
    fill(place, upto="upstream")

    answer = send(place, "upstream", **{**ROUTES, "routes.0.upstreams.1.weight": "20"})

    assert answer.status_code == 422  # type: ignore[attr-defined]
    assert "90 + 20 sum to 110" in text(answer)
    assert "Weights: 110 of 100 %" in text(answer)


def test_added_upstream_gets_the_weight_that_is_left() -> None:
    place = make_place()
    fill(place, upto="upstream")

    typed = {**ROUTES, "routes.0.upstreams.1.weight": "3", "rows": "add:routes.0.upstreams"}
    page = text(send(place, "upstream", **typed))

    assert "Weights: 100 of 100 %" in page
    assert re.search(r'value="7"[^>]*name="routes.0.upstreams.2.weight"', page)


def test_mistyped_weight_is_named_alone() -> None:
    place = make_place()
    fill(place, upto="upstream")

    page = text(send(place, "upstream", **{**ROUTES, "routes.0.upstreams.1.weight": "ten"}))

    assert "&quot;ten&quot; is not a whole number" in page
    assert "they must sum to 100" not in page


@pytest.mark.parametrize(
    ("action", "shown"),
    [
        ("add:routes", "routes.2.label"),
        ("add:routes.0.upstreams", "routes.0.upstreams.2.uri"),
        ("add:routes.1.headers", "routes.1.headers.0.name"),
    ],
)
def test_rows_are_added_without_losing_input(action: str, shown: str) -> None:
    place = make_place()
    fill(place, upto="upstream")

    page = text(send(place, "upstream", **ROUTES, rows=action))

    assert f'name="{shown}"' in page
    for value in ("canary", "/v2(/.*)", "X-Beta", "http://a/", "http://c/"):
        assert f'value="{value}"' in page


def test_routes_are_moved_and_removed() -> None:
    place = make_place()
    fill(place, upto="upstream")

    moved = text(send(place, "upstream", **ROUTES, rows="down:routes:0"))
    removed = text(send(place, "upstream", **ROUTES, rows="remove:routes:0"))

    assert moved.index('value="http://c/"') < moved.index('value="http://a/"')
    assert 'value="http://a/"' not in removed


def test_viewer_may_neither_see_nor_post_the_wizard() -> None:
    place = make_place(Role.Name.VIEWER)

    assert place.client.get("/apis/add").status_code == 403
    assert send(place, "gateway", gateway="").status_code == 403  # type: ignore[attr-defined]


def test_unknown_step_is_not_found() -> None:
    place = make_place()
    fill(place, upto="api")

    assert show(place, "nowhere").status_code == 404  # type: ignore[attr-defined]


def test_what_became_wrong_meanwhile_is_said_on_review() -> None:
    place = make_place()
    fill(place)
    make_saved_api(place, "Payments", base_path="/orders")

    answer = send(place, "review", go="deploy")

    assert answer.status_code == 422  # type: ignore[attr-defined]
    assert "overlaps" in text(answer)
    assert ApiInstance.objects.count() == 1


def test_a_hundred_routes_are_taken() -> None:
    place = make_place()
    fill(place, upto="upstream")
    sent: dict[str, object] = {"mode": "routes", "routes": [str(number) for number in range(100)]}
    for number in range(100):
        sent[f"routes.{number}.path"] = f"/{number}/.*"
        sent[f"routes.{number}.upstreams"] = [str(upstream) for upstream in range(5)]
        for upstream in range(5):
            sent[f"routes.{number}.upstreams.{upstream}.uri"] = f"http://backend{upstream}/"
            sent[f"routes.{number}.upstreams.{upstream}.weight"] = "20"

    assert send(place, "upstream", **sent).status_code == 302  # type: ignore[attr-defined]
    send(place, "review", go="save")

    assert ApiInstance.objects.get().routes.count() == 100
