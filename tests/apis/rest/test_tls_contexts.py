"""TLS contexts over REST, and instances that serve with them."""

import json
from typing import Any

import jsonschema
import pytest
from django.test import Client

from apis.certificates import self_signed
from apis.models import ApiInstance, TlsContext
from console.models import AuditEntry, Environment
from gateways.models import Gateway
from tests.factories import make_environment, make_tls_context
from tests.rest import Rest

pytestmark = pytest.mark.django_db

CERTIFICATE, KEY = self_signed(["api.example.com"])
RENEWED, RENEWED_KEY = self_signed(["api.example.com"])
BODY = {"name": "edge", "certificate": CERTIFICATE, "key": KEY}


def path(environment: Environment, context: object = "") -> str:
    scope = f"organizations/{environment.organization_id}/environments/{environment.pk}"
    return f"/apimanager/api/v1/{scope}/tls-contexts" + (f"/{context}" if context else "")


def instance(**fields: Any) -> dict[str, Any]:
    endpoint = {"uri": "http://backend.test/", "proxyUri": "https://0.0.0.0:8443/orders", **fields}
    return {"spec": {"assetId": "orders", "version": "1.0.0"}, "endpoint": endpoint}


def test_made_read_changed_and_deleted(rest: Rest, environment: Environment) -> None:
    made = rest("POST", path(environment), BODY)
    assert made.status_code == 201
    one = path(environment, made.data["id"])
    assert (made.data["names"], made.data["minTlsVersion"]) == (["api.example.com"], "TLSv1.2")
    assert made.data["secretGroupId"] == str(environment.pk)

    changes = {
        "certificate": RENEWED,
        "key": RENEWED_KEY,
        "minTlsVersion": "TLSv1.3",
        "alpnProtocols": ["http/1.1"],
        "trustedCA": CERTIFICATE,
        "inboundSettings": {"enableClientCertValidation": True},
    }
    assert rest("PATCH", one, changes).status_code == 200

    found = rest("GET", one).data
    assert {name: found[name] for name in changes if name != "key"} == {
        name: value for name, value in changes.items() if name != "key"
    }
    assert rest("GET", path(environment)).data["tlsContexts"] == [found]
    assert rest("DELETE", one).status_code == 204
    assert rest("GET", one).status_code == 404


def test_a_key_is_never_given_back(rest: Rest, environment: Environment) -> None:
    made = rest("POST", path(environment), BODY)
    one = path(environment, made.data["id"])
    answers = [
        made,
        rest("GET", one),
        rest("PATCH", one, {"key": "x" * 200}),
        rest("PATCH", one, {"key": ["x" * 200]}),
    ]

    assert [answer.status_code for answer in answers] == [201, 200, 400, 400]
    told = "".join(answer.content.decode() for answer in answers)
    assert KEY.splitlines()[1] not in told
    assert "xxx" not in told
    assert KEY.splitlines()[1] not in str([entry.diff for entry in AuditEntry.objects.all()])


@pytest.mark.parametrize(
    ("fields", "status", "words"),
    [
        ({"key": RENEWED_KEY}, 400, "key: The key belongs to another certificate"),
        ({"certificate": "hello"}, 400, "certificate: The certificate is not a PEM"),
        ({"name": ""}, 400, "name"),
        ({"minTlsVersion": "SSLv3"}, 400, "minTlsVersion"),
        ({"minTlsVersion": "TLSv1.3", "maxTlsVersion": "TLSv1.2"}, 400, "maxTlsVersion: TLS 1.2 is older"),
        ({"alpnProtocols": ["h3"]}, 400, "alpnProtocols"),
        ({"cipherSuites": ["NULL"]}, 400, 'cipherSuites: "NULL" is not a cipher suite'),
        ({"inboundSettings": {"enableClientCertValidation": True}}, 400, "trustedCA"),
        ({"name": "taken"}, 409, "name"),
    ],
)
def test_bad_bodies_are_refused(
    rest: Rest, environment: Environment, fields: dict[str, Any], status: int, words: str
) -> None:
    make_tls_context(environment, name="taken")

    answer = rest("POST", path(environment), BODY | fields)

    assert answer.status_code == status
    assert words in answer.data["message"]
    assert TlsContext.objects.count() == 1


def test_an_instance_serves_with_one_as_the_command_line_names_it(
    rest: Rest, environment: Environment
) -> None:
    context = make_tls_context(environment)
    named = {"secretGroupId": str(environment.pk), "tlsContextId": str(context.pk)}

    made = rest("POST", "AM", instance(tlsContexts={"inbound": named}))

    assert made.status_code == 201
    assert made.data["endpoint"]["tlsContexts"]["inbound"] == named | {"name": context.name}
    one = f"AM/{made.data['id']}"
    described = rest("GET", f"{one}?includeTlsContexts=true").data
    assert rest("PATCH", one, {"endpoint": described["endpoint"]}).status_code == 200
    assert rest("PATCH", one, {"instanceLabel": "eu"}).status_code == 200
    assert ApiInstance.objects.get().tls_context == context
    assert rest("DELETE", path(environment, context.pk)).status_code == 409

    plain = rest("PATCH", one, {"endpoint": {"proxyUri": "http://0.0.0.0:8081/orders"}})
    assert plain.data["endpoint"]["tlsContexts"]["inbound"] is None


def test_an_https_listener_without_one_is_refused(rest: Rest, environment: Environment) -> None:
    foreign = {"inbound": {"tlsContextId": str(make_tls_context().pk)}}
    own = {"inbound": {"tlsContextId": str(make_tls_context(environment).pk)}}

    bare = rest("POST", "AM", instance())
    other = rest("POST", "AM", instance(tlsContexts=foreign))
    grouped = {"inbound": own["inbound"] | {"secretGroupId": str(make_environment().pk)}}
    elsewhere = rest("POST", "AM", instance(tlsContexts=grouped))
    plain = rest("POST", "AM", instance(tlsContexts=own, proxyUri="http://0.0.0.0:8081/orders"))

    for answer, words in (
        (bare, "needs a TLS context"),
        (other, "has no TLS context"),
        (elsewhere, f"secretGroupId: write {environment.pk}"),
        (plain, "HTTP has no"),
    ):
        assert answer.status_code == 400
        assert "endpoint.tlsContexts.inbound: " in answer.data["message"]
        assert words in answer.data["message"]
    assert not ApiInstance.objects.exists()


def test_a_certificate_that_is_renewed_is_pushed(
    rest: Rest, environment: Environment, gateway: Gateway
) -> None:
    made = rest("POST", path(environment), BODY)
    body = instance(tlsContexts={"inbound": {"tlsContextId": made.data["id"]}})
    rest("POST", "AM", body | {"deployment": {"targetId": str(gateway.pk)}})
    before = Gateway.objects.get().generation

    rest("PATCH", path(environment, made.data["id"]), {"certificate": RENEWED, "key": RENEWED_KEY})

    assert Gateway.objects.get().generation == before + 1


def test_an_upstream_is_trusted_by_one(rest: Rest, environment: Environment) -> None:
    made = rest("POST", path(environment), {"name": "trust", "trustedCA": CERTIFICATE})
    assert (made.status_code, made.data["subject"], made.data["expirationDate"]) == (201, None, None)
    named = {"secretGroupId": str(environment.pk), "tlsContextId": made.data["id"]}
    routing = [{"upstreams": [{"uri": "https://backend.test/", "tlsContext": named}]}]
    plain = instance(proxyUri="http://0.0.0.0:8081/orders")

    api = rest("POST", "AM", plain | {"routing": routing})

    assert api.status_code == 201
    upstream = api.data["routing"][0]["upstreams"][0]
    assert upstream["tlsContext"] == named | {"name": "trust"}
    one = f"AM/{api.data['id']}"
    assert rest("GET", f"{one}/upstreams").data["upstreams"][0]["tlsContext"] == upstream["tlsContext"]
    by_id = [{"upstreams": [{"id": upstream["id"], "weight": 100}]}]
    assert rest("PATCH", one, {"routing": by_id}).data["routing"][0]["upstreams"][0]["tlsContext"] is not None
    cleared = [{"upstreams": [{"id": upstream["id"], "tlsContext": None}]}]
    assert rest("PATCH", one, {"routing": cleared}).data["routing"][0]["upstreams"][0]["tlsContext"] is None


def test_an_upstreams_context_that_is_not_here_is_refused(rest: Rest, environment: Environment) -> None:
    foreign = {"tlsContextId": str(make_tls_context(trusted_ca=CERTIFICATE).pk)}
    routing = [{"upstreams": [{"uri": "https://backend.test/", "tlsContext": foreign}]}]

    answer = rest("POST", "AM", instance(proxyUri="http://0.0.0.0:8081/orders") | {"routing": routing})

    assert answer.status_code == 400
    assert "routing.0.upstreams.0.tlsContext: Sandbox has no TLS context" in answer.data["message"]


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"trustedCa": "x"}, 'trustedCa: There is no such field; did you mean "trustedCA"?'),
        (
            {"inboundSettings": {"enableClientCertificateValidation": True}},
            "inboundSettings.enableClientCertificateValidation: There is no such field; "
            'did you mean "enableClientCertValidation"?',
        ),
    ],
)
def test_a_misspelt_field_is_refused(
    rest: Rest, environment: Environment, fields: dict[str, Any], message: str
) -> None:
    answer = rest("POST", path(environment), {**BODY, **fields})

    assert (answer.status_code, answer.data["message"]) == (400, message)
    assert not TlsContext.objects.exists()


def test_an_answer_may_be_sent_back(rest: Rest, environment: Environment) -> None:
    made = rest("POST", path(environment), BODY)

    answer = rest("PATCH", path(environment, made.data["id"]), {**made.data, "name": "other"})

    assert (answer.status_code, answer.data["name"]) == (200, "other")


def test_the_schema_describes_the_answer(rest: Rest, environment: Environment) -> None:
    made = rest("POST", path(environment), BODY)
    found = json.loads(Client().get("/api/schema", headers={"Accept": "application/json"}).content)
    schemas = found["components"]["schemas"]

    jsonschema.validate(made.data, schemas["TlsContextShape"] | {"components": {"schemas": schemas}})

    assert schemas["TlsContextBody"]["required"] == ["name"]
    assert "left out" not in schemas["InstanceBody"].get("description", "")


def test_a_key_in_another_field_is_not_repeated(rest: Rest, environment: Environment) -> None:
    answer = rest("POST", path(environment), {**BODY, "cipherSuites": [KEY]})

    assert answer.status_code == 400
    assert KEY.splitlines()[1] not in answer.content.decode()
