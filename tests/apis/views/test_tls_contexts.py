"""The pages of TLS contexts: nothing typed is lost, no stored key comes back, the dialog gives its choice."""

import json
import re

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile

from apis.certificates import self_signed
from apis.desired import DesiredRoute, DesiredUpstream
from apis.models import TlsContext
from console.models import Role
from tests.apis.secret_groups.authority import Authority
from tests.apis.views.pages import Place, make_place, make_saved_api, text
from tests.factories import make_tls_context

pytestmark = pytest.mark.django_db

ADD = "/apis/tls-contexts/add"
CERTIFICATE, KEY = self_signed(["api.example.com"])
PLAIN = {"source": "own", "min_version": "1.2", "max_version": "1.3", "http2": "on"}


def lines(pem: str) -> list[str]:
    return pem.splitlines()[1:-1]


def post(place: Place, path: str = ADD, **fields: object) -> object:
    return place.client.post(path, PLAIN | fields)


def test_pasted_certificate_and_key_are_saved(place: Place) -> None:
    answer = post(place, name="edge", certificate=CERTIFICATE, key=KEY)

    context = TlsContext.objects.get()
    assert answer.url == f"/apis/tls-contexts/{context.pk}"  # type: ignore[attr-defined]
    assert (context.certificate, context.key, context.alpn) == (CERTIFICATE, KEY, ["h2", "http/1.1"])
    page = text(place.client.get(answer.url))  # type: ignore[attr-defined]
    assert "api.example.com" in page
    assert context.facts.fingerprint in page


def test_files_that_were_chosen_survive_a_mistake_elsewhere(place: Place) -> None:
    files = {
        "certificate_file": SimpleUploadedFile("edge.crt", CERTIFICATE.encode()),
        "key_file": SimpleUploadedFile("edge.key", KEY.encode()),
    }

    answer = post(place, name="", **files)

    assert answer.status_code == 422  # type: ignore[attr-defined]
    page = text(answer)
    assert "Give the TLS context a name." in page
    assert lines(CERTIFICATE)[0] in page
    assert lines(KEY)[0] in page


@pytest.mark.parametrize(
    ("content", "words"),
    [(b"\x30\x82\xff\xfe", "is not PEM, which is text"), (b"-" * 100_001, "is longer than 100000 bytes")],
)
def test_a_file_that_is_no_pem_says_how_to_make_it_one(place: Place, content: bytes, words: str) -> None:
    answer = post(place, name="edge", key=KEY, certificate_file=SimpleUploadedFile("edge.p12", content))

    assert answer.status_code == 422  # type: ignore[attr-defined]
    assert f"&quot;edge.p12&quot; {words}" in text(answer)


def test_a_self_signed_one_is_made_for_the_hosts(place: Place) -> None:
    assert 'value="localhost 127.0.0.1"' in text(place.client.get(ADD))

    post(place, name="edge", source="self-signed", hosts="localhost, 10.0.0.7 *.example.com")

    facts = TlsContext.objects.get().facts
    assert facts.names == ("localhost", "*.example.com", "10.0.0.7")
    assert facts.is_self_signed


@pytest.mark.parametrize("hosts", ["", "not/a/host", "-x.example", "a..b"])
def test_hosts_that_are_none_are_refused(place: Place, hosts: str) -> None:
    answer = post(place, name="edge", source="self-signed", hosts=hosts)

    assert answer.status_code == 422  # type: ignore[attr-defined]
    assert "at least one name" in text(answer) or "neither a host name nor an IP address" in text(answer)
    assert not TlsContext.objects.exists()


def test_a_stored_key_never_comes_back(place: Place) -> None:
    context = make_tls_context(place.environment, certificate=CERTIFICATE, key=KEY)

    for path in ("", "/edit"):
        page = text(place.client.get(f"/apis/tls-contexts/{context.pk}{path}"))
        assert lines(CERTIFICATE)[0] in page
        assert not any(line in page for line in lines(KEY))


def test_an_edit_without_a_key_keeps_it(place: Place) -> None:
    context = make_tls_context(place.environment, certificate=CERTIFICATE, key=KEY)

    post(
        place,
        f"/apis/tls-contexts/{context.pk}/edit",
        name="front",
        certificate=CERTIFICATE,
        min_version="1.3",
    )

    saved = TlsContext.objects.get()
    assert (saved.name, saved.key, saved.min_version) == ("front", KEY, "1.3")


def test_the_dialog_answers_with_the_field_in_which_it_is_chosen(place: Place) -> None:
    htmx = {"HX-Request": "true"}
    assert "<dialog" in text(place.client.get(ADD, headers=htmx))
    refused = place.client.post(ADD, PLAIN | {"name": ""}, headers=htmx)
    assert refused.status_code == 422
    assert "<dialog" in text(refused)

    fields = {"name": "edge", "certificate": CERTIFICATE, "key": KEY, "field": "f-tls_context"}
    answer = place.client.post(ADD, PLAIN | fields, headers=htmx)

    chosen = {"field": "f-tls_context", "value": str(TlsContext.objects.get().pk), "text": "edge"}
    assert json.loads(answer["HX-Trigger"]) == {"close-dialog": {}, "choose": chosen}
    assert text(answer) == ""


@pytest.mark.parametrize("away", ["//evil.example/x", "https://evil.example", "javascript:alert(1)"])
def test_it_leads_back_to_pages_of_ours_alone(place: Place, away: str) -> None:
    back = post(place, name="one", certificate=CERTIFICATE, key=KEY, next="/apis/add/downstream")
    elsewhere = post(place, name="two", certificate=CERTIFICATE, key=KEY, next=away)

    assert back.url == "/apis/add/downstream"  # type: ignore[attr-defined]
    assert elsewhere.url.startswith("/apis/tls-contexts/")  # type: ignore[attr-defined]


def test_one_in_use_is_not_deleted(place: Place) -> None:
    context = make_tls_context(place.environment)
    api = make_saved_api(place, protocol="https", port=8443, tls_context=context)

    page = place.client.post(f"/apis/tls-contexts/{context.pk}/delete", follow=True)

    assert f"is used by {api}" in text(page)
    assert TlsContext.objects.exists()


def test_the_list_tells_which_certificates_end(place: Place, django_assert_max_num_queries: object) -> None:
    for name in ("one", "two", "three"):
        make_tls_context(place.environment, name=name)

    with django_assert_max_num_queries(15):  # type: ignore[operator]
        page = text(place.client.get("/apis/tls-contexts"))

    assert page.count("Valid") >= 3
    assert "New TLS context" in page


def test_a_certificate_that_was_announced_is_asked_for_though_trust_would_do(place: Place) -> None:
    answer = post(place, name="edge", source="own", trusted_ca=CERTIFICATE)

    assert answer.status_code == 422  # type: ignore[attr-defined]
    assert "Paste the certificate as PEM, or choose its file." in text(answer)
    assert not TlsContext.objects.exists()


def test_the_list_is_searched_by_name_and_paged(place: Place) -> None:
    for number in range(26):
        make_tls_context(place.environment, name=f"edge-{number:02}")
    make_tls_context(place.environment, name="partners")

    first = text(place.client.get("/apis/tls-contexts"))
    second = text(place.client.get("/apis/tls-contexts", {"page": 2}))
    found = text(place.client.get("/apis/tls-contexts", {"q": "PART"}))
    nothing = text(place.client.get("/apis/tls-contexts", {"q": "zzz"}))

    assert ("edge-24" in first, "edge-25" in first, "27 TLS contexts" in first) == (True, False, True)
    assert ("edge-25" in second, "edge-24" in second) == (True, False)
    assert ("partners" in found, "edge-00" in found) == (True, False)
    assert "No TLS context matches" in nothing


def test_the_overview_names_certificates_in_use_that_end_soon(place: Place) -> None:
    certificate, key = Authority("Acme").issued("localhost", days=20)  # of a life of 80
    ending = {"certificate": certificate, "key": key}
    used = make_tls_context(place.environment, name="ending-used", **ending)
    make_tls_context(place.environment, name="ending-unused", **ending)
    lasting = make_tls_context(place.environment, name="lasting")
    make_saved_api(place, "A", protocol="https", port=8443, tls_context=used, deploy=True)
    make_saved_api(place, "B", protocol="https", port=9443, tls_context=lasting, deploy=True)
    shown = make_tls_context(place.environment, name="ending-upstream", skips_validation=True, **ending)
    upstream = DesiredUpstream("https://backend/", tls_context=shown)
    make_saved_api(place, "C", port=8082, routes=[DesiredRoute(upstreams=[upstream])], deploy=True)

    page = text(place.client.get("/")).partition("Recent changes")[0]

    assert "ending-used</a> expires on" in page
    assert "ending-upstream</a> expires on" in page
    assert "ending-unused" not in page
    assert "lasting" not in page


def test_the_command_to_try_it_shows_the_callers_certificate_where_it_is_asked_for(place: Place) -> None:
    context = make_tls_context(place.environment, requires_client_certificate=True)
    api = make_saved_api(place, protocol="https", port=8443, tls_context=context)

    page = text(place.client.get(f"/apis/{api.pk}"))

    assert "curl -i --insecure --cert client.pem --key client-key.pem https://" in page


def test_a_viewer_sees_and_changes_nothing() -> None:
    place = make_place(Role.Name.VIEWER)
    context = make_tls_context(place.environment)

    assert "New TLS context" not in text(place.client.get("/apis/tls-contexts"))
    assert "Edit or renew" not in text(place.client.get(f"/apis/tls-contexts/{context.pk}"))
    assert place.client.get(ADD).status_code == 403
    assert post(place, name="edge").status_code == 403  # type: ignore[attr-defined]


def test_an_api_changes_to_https_under_routes(place: Place) -> None:
    api = make_saved_api(place)
    context = make_tls_context(place.environment)
    form = {"base_path": "/orders", "mode": "simple", "uri": "http://backend:8080/", "port": "8443"}

    place.client.post(f"/apis/{api.pk}/routes", form | {"protocol": "https", "tls_context": str(context.pk)})
    api.refresh_from_db()
    assert (api.address, api.tls_context) == ("https://0.0.0.0:8443/orders", context)
    assert f'<option value="{context.pk}" selected>' in text(place.client.get(f"/apis/{api.pk}/routes"))

    place.client.post(f"/apis/{api.pk}/routes", form | {"protocol": "http", "tls_context": str(context.pk)})
    api.refresh_from_db()
    assert (api.protocol, api.tls_context) == ("http", None)


def test_one_that_only_trusts_is_made_for_an_upstream(place: Place) -> None:
    page = text(place.client.get(f"{ADD}?purpose=upstream&field=f-uri_tls", headers={"HX-Request": "true"}))
    assert re.search('value="none"[^>]* checked', page)
    assert 'value="none"' not in text(place.client.get(f"{ADD}?purpose=listener"))

    refused = post(place, name="trust", source="none")
    assert "Paste the CA as PEM" in text(refused)
    post(place, name="trust", source="none", trusted_ca=CERTIFICATE)

    context = TlsContext.objects.get()
    assert (context.certificate, context.key, context.trusted_ca) == ("", "", CERTIFICATE)
    assert "no API can serve with it" in text(place.client.get(f"/apis/tls-contexts/{context.pk}"))
    assert "api.example.com" in text(place.client.get("/apis/tls-contexts"))


def test_an_upstream_is_given_one_under_routes(place: Place) -> None:
    api = make_saved_api(place)
    context = make_tls_context(place.environment, name="trust", trusted_ca=CERTIFICATE)
    form = {"protocol": "http", "port": "8081", "base_path": "/orders", "mode": "simple"}

    place.client.post(f"/apis/{api.pk}/routes", form | {"uri": "https://backend", "uri_tls": str(context.pk)})

    assert api.upstreams.get().tls_context == context
    assert f'<option value="{context.pk}" selected>trust' in text(place.client.get(f"/apis/{api.pk}/routes"))
    assert "TLS: trust" in text(place.client.get(f"/apis/{api.pk}"))
    for uri, key, words in (
        ("http://backend", str(context.pk), "is reached without TLS"),
        ("https://backend", "nothing", "That TLS context is not in this environment"),
    ):
        answer = place.client.post(f"/apis/{api.pk}/routes", form | {"uri": uri, "uri_tls": key})
        assert answer.status_code == 422
        assert words in text(answer)


def test_each_upstream_of_a_route_may_have_its_own(place: Place) -> None:
    api = make_saved_api(place)
    context = make_tls_context(place.environment, trusted_ca=CERTIFICATE)
    row = "routes.0.upstreams."
    form = {"protocol": "http", "port": "8081", "base_path": "/orders", "mode": "routes", "routes": "0"}
    form |= {f"{row}0.uri": "https://one", f"{row}0.weight": "40", f"{row}0.tls_context": str(context.pk)}
    form |= {f"{row}1.uri": "https://two", f"{row}1.weight": "60", f"{row}1.tls_context": ""}

    place.client.post(f"/apis/{api.pk}/routes", form | {"routes.0.upstreams": ["0", "1"]})

    assert {one.uri: one.tls_context for one in api.upstreams.all()} == {
        "https://one": context,
        "https://two": None,
    }
