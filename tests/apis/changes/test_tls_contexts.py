"""TLS contexts: what may be saved, what it changes on gateways, and that no key comes out again."""

from dataclasses import replace

import pytest
from django.core.exceptions import ValidationError
from django.db import connection

from apis.certificates import read, self_signed
from apis.changes import instances
from apis.changes.tls_contexts import (
    DesiredTlsContext,
    create_tls_context,
    delete_tls_context,
    edit_tls_context,
)
from apis.changes.tls_contexts import desired_of as context_draft_of
from apis.desired import DesiredApi, DesiredRoute, DesiredUpstream, NewAsset, desired_of
from apis.models import ApiInstance, TlsContext
from apis.rules.instances import validate
from console.models import AuditEntry, Environment, User
from gateways.agent.translate import tls
from gateways.agent.translate.apis import translate
from gateways.models import Gateway
from gateways.protocol.tls import DEFAULT_CIPHERS
from tests.apis.deployment.snapshots import resources_of
from tests.factories import make_environment, make_gateway, make_tls_context

pytestmark = pytest.mark.django_db

CERTIFICATE, KEY = self_signed(["api.example.com"])
RENEWED, RENEWED_KEY = self_signed(["api.example.com"])


@pytest.fixture
def gateway() -> Gateway:
    return make_gateway(name="local")


@pytest.fixture
def environment(gateway: Gateway) -> Environment:
    return gateway.environment


def desired(**fields: object) -> DesiredTlsContext:
    return replace(DesiredTlsContext("edge", CERTIFICATE, KEY), **fields)


def https(
    gateway: Gateway | None, context: TlsContext | None, path: str = "/orders", **fields: object
) -> DesiredApi:
    whole = DesiredApi(
        asset=NewAsset(path.strip("/")),
        gateway=gateway,
        protocol="https",
        port=8443,
        base_path=path,
        tls_context=context,
        routes=[DesiredRoute(upstreams=[DesiredUpstream("http://backend:9000")])],
    )
    return replace(whole, **fields)


def generation(gateway: Gateway) -> int:
    return Gateway.objects.get(pk=gateway.pk).generation


def test_a_key_is_stored_encrypted_and_no_part_of_the_audit(actor: User, environment: Environment) -> None:
    context = create_tls_context(actor, environment, desired())
    edit_tls_context(actor, context, desired(certificate=RENEWED, key=RENEWED_KEY))

    with connection.cursor() as cursor:
        cursor.execute("SELECT key FROM apis_tlscontext")
        (stored,) = cursor.fetchone()
    created, edited = AuditEntry.objects.filter(object_id=str(context.pk)).order_by("at")
    secrets = [line for key in (KEY, RENEWED_KEY) for line in key.splitlines()[1:-1]]
    assert not any(line in stored or line in str(created.diff) + str(edited.diff) for line in secrets)
    assert read(RENEWED).fingerprint in edited.diff["certificate"][1]


def test_one_text_may_hold_both_and_keeps_the_key_apart(actor: User, environment: Environment) -> None:
    whole = f"Bag Attributes\n  friendlyName: edge\n{KEY}{CERTIFICATE}"

    context = create_tls_context(actor, environment, desired(certificate=whole, key=""))

    assert (context.certificate, context.key) == (CERTIFICATE, KEY)


@pytest.mark.parametrize(
    ("fields", "field", "words"),
    [
        ({"name": " "}, "name", "Give the TLS context a name"),
        ({"name": "n" * 121}, "name", "longer than 120"),
        ({"certificate": ""}, "certificate", "Paste the certificate"),
        ({"certificate": "hello"}, "certificate", "The certificate is not a PEM certificate"),
        ({"certificate": "-" * 100_001}, "certificate", "longer than 100000"),
        ({"key": ""}, "key", "Paste the private key"),
        ({"key": "hello"}, "key", "The key is not a PEM private key"),
        ({"key": RENEWED_KEY}, "key", "The key belongs to another certificate"),
        ({"certificate": RENEWED + CERTIFICATE}, "certificate", "put it first"),
        ({"trusted_ca": "hello"}, "trusted_ca", "not a PEM certificate"),
        ({"requires_client_certificate": True}, "trusted_ca", "who signs the clients' certificates"),
        ({"min_version": "1.3", "max_version": "1.2"}, "max_version", "TLS 1.2 is older than the oldest"),
        ({"min_version": "2"}, "min_version", '"2" is not a version of TLS'),
        ({"alpn": ("h3",)}, "alpn", '"h3" is not a protocol'),
        ({"ciphers": ("TLS_AES",)}, "ciphers", '"TLS_AES" is not a cipher suite'),
        (
            {"ciphers": ("TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256",), "max_version": "1.2"},
            "ciphers",
            "None of the cipher suites fits an ECDSA key up to TLS 1.2",
        ),
    ],
)
def test_bad_fields_are_refused_with_the_remedy(
    actor: User, environment: Environment, fields: dict[str, object], field: str, words: str
) -> None:
    with pytest.raises(ValidationError) as refused:
        create_tls_context(actor, environment, desired(**fields))

    assert words in refused.value.message_dict[field][0]
    assert not TlsContext.objects.exists()


def test_a_name_is_taken_once_in_an_environment(actor: User, environment: Environment) -> None:
    create_tls_context(actor, environment, desired())
    create_tls_context(actor, make_environment(), desired())

    with pytest.raises(ValidationError) as refused:
        create_tls_context(actor, environment, desired())

    assert refused.value.error_dict["name"][0].code == "conflict"


def test_an_empty_key_keeps_the_stored_one_of_the_same_certificate(
    actor: User, environment: Environment
) -> None:
    context = create_tls_context(actor, environment, desired())

    edit_tls_context(actor, context, replace(context_draft_of(context), name="front"))
    assert TlsContext.objects.get().name == "front"
    assert TlsContext.objects.get().key == KEY

    with pytest.raises(ValidationError, match="The stored key belongs to another certificate"):
        edit_tls_context(actor, context, desired(certificate=RENEWED, key=""))
    assert TlsContext.objects.get().certificate == CERTIFICATE


def test_what_is_saved_is_what_the_gateway_takes(actor: User, environment: Environment) -> None:
    given = desired(trusted_ca=RENEWED, requires_client_certificate=True, ciphers=DEFAULT_CIPHERS[:1])

    context = create_tls_context(actor, environment, given)

    served = tls.InboundConfig.model_validate(context.inbound_config).to_ir()
    assert (served.certificate, served.key, served.trusted_ca) == (CERTIFICATE, KEY, RENEWED)
    assert (served.requires_client_certificate, served.ciphers) == (True, DEFAULT_CIPHERS[:1])
    reached = tls.OutboundConfig.model_validate(context.outbound_config).to_ir()
    assert (reached.certificate, reached.trusted_ca, reached.skips_validation) == (
        CERTIFICATE,
        RENEWED,
        False,
    )


def test_clients_are_asked_for_a_certificate_only_where_one_is_required(
    actor: User, environment: Environment
) -> None:
    context = create_tls_context(actor, environment, desired(trusted_ca=RENEWED))

    assert tls.InboundConfig.model_validate(context.inbound_config).to_ir().trusted_ca == ""


def test_every_api_of_the_port_serves_with_it_on_the_gateway(actor: User, gateway: Gateway) -> None:
    context = make_tls_context(gateway.environment)
    for path in ("/orders", "/stock"):
        instances.create_api(actor, gateway.environment, https(gateway, context, path), deploy=True)
    instances.create_api(
        actor, gateway.environment, https(gateway, make_tls_context(gateway.environment), "/later", port=9443)
    )

    resources = resources_of(gateway)

    found = translate(resources)
    assert found.faults == ()
    assert [api.listener.tls.key for api in found.gateway.apis] == [context.key] * 2
    assert sum(str(context.key.splitlines()[1]) in one.model_dump_json() for one in resources) == 1
    assert len([one for one in resources if one.metadata.name.startswith("tls-")]) == 1


def test_an_edit_is_pushed_to_every_gateway_that_serves_with_it(actor: User, gateway: Gateway) -> None:
    environment = gateway.environment
    other, idle = make_gateway(environment), make_gateway(environment)
    context = create_tls_context(actor, environment, desired())
    served = instances.create_api(actor, environment, https(gateway, context), deploy=True)
    instances.create_api(actor, environment, https(other, context, "/stock"), deploy=True)
    instances.create_api(actor, environment, https(idle, context, "/later"))
    before = generation(gateway), generation(other), generation(idle)

    edit_tls_context(actor, context, desired(certificate=RENEWED, key=RENEWED_KEY))

    assert (generation(gateway), generation(other)) == (before[0] + 1, before[1] + 1)
    assert generation(idle) == before[2]
    assert ApiInstance.objects.get(pk=served.pk).changed_generation == generation(gateway)


def test_another_name_alone_pushes_nothing(actor: User, gateway: Gateway) -> None:
    context = create_tls_context(actor, gateway.environment, desired())
    instances.create_api(actor, gateway.environment, https(gateway, context), deploy=True)
    before = generation(gateway)

    edit_tls_context(actor, context, desired(name="front"))

    assert generation(gateway) == before
    entry = AuditEntry.objects.get(object_id=str(context.pk), action="update")
    assert entry.diff == {"name": ["edge", "front"]}


def test_one_that_an_api_has_cannot_be_deleted(actor: User, gateway: Gateway) -> None:
    context = create_tls_context(actor, gateway.environment, desired())
    api = instances.create_api(actor, gateway.environment, https(None, context))

    with pytest.raises(ValidationError, match="is used by"):
        delete_tls_context(actor, context)

    instances.delete_api(actor, api)
    delete_tls_context(actor, context)
    assert not TlsContext.objects.exists()


def test_one_of_another_environment_is_refused(actor: User, gateway: Gateway) -> None:
    found = validate(gateway.environment, https(gateway, make_tls_context()))

    assert "is not in environment" in found["tls_context"][0]


def test_a_port_is_spoken_in_one_way(actor: User, gateway: Gateway) -> None:
    environment = gateway.environment
    context, other = make_tls_context(environment, name="one"), make_tls_context(environment)
    api = instances.create_api(actor, environment, https(gateway, context))

    plain = validate(environment, https(gateway, None, "/stock", protocol="http"))
    differing = validate(environment, https(gateway, other, "/stock"))

    assert "speaks HTTPS for orders" in plain["port"][0]
    assert 'with TLS context "one"; choose that one' in differing["tls_context"][0]
    assert validate(environment, https(gateway, context, "/stock")) == {}
    assert validate(environment, replace(desired_of(api), tls_context=other), api) == {}


def test_http_has_none(actor: User, gateway: Gateway) -> None:
    context = make_tls_context(gateway.environment)

    found = validate(gateway.environment, https(gateway, context, protocol="http"))

    assert "HTTP has no TLS context" in found["tls_context"][0]


def trusting(context: TlsContext, uri: str = "https://backend:9443") -> list[DesiredRoute]:
    return [DesiredRoute(upstreams=[DesiredUpstream(uri, tls_context=context)])]


def test_one_without_a_certificate_trusts_upstreams_and_serves_nobody(actor: User, gateway: Gateway) -> None:
    environment = gateway.environment
    context = create_tls_context(actor, environment, DesiredTlsContext("trust", trusted_ca=CERTIFICATE))
    assert "has no certificate" in validate(environment, https(gateway, context))["tls_context"][0]

    plain = https(gateway, None, protocol="http", routes=trusting(context))
    instances.create_api(actor, environment, plain, deploy=True)

    (api,) = translate(resources_of(gateway)).gateway.apis
    upstream = api.routes[0].targets[0].upstream
    assert upstream.tls is not None
    assert (upstream.tls.trusted_ca, upstream.tls.certificate) == (CERTIFICATE, "")


def test_a_trusted_ca_that_changes_is_pushed_with_the_upstreams_it_is_for(
    actor: User, gateway: Gateway
) -> None:
    context = make_tls_context(gateway.environment, trusted_ca=CERTIFICATE)
    plain = https(gateway, None, protocol="http", routes=trusting(context))
    instances.create_api(actor, gateway.environment, plain, deploy=True)
    before = generation(gateway)
    resources_of(gateway)

    edit_tls_context(actor, context, replace(context_draft_of(context), trusted_ca=RENEWED))

    assert generation(gateway) == before + 1
    (api,) = translate(resources_of(gateway)).gateway.apis
    assert api.routes[0].targets[0].upstream.tls.trusted_ca == RENEWED


@pytest.mark.parametrize(
    ("fields", "uri", "words"),
    [
        ({}, "https://backend", "trusts nobody"),
        ({"trusted_ca": CERTIFICATE}, "http://backend", "is reached without TLS; write https://"),
    ],
)
def test_an_upstream_needs_tls_and_a_context_that_trusts(
    gateway: Gateway, fields: dict[str, object], uri: str, words: str
) -> None:
    context = make_tls_context(gateway.environment, **fields)

    plain = https(gateway, None, protocol="http", routes=trusting(context, uri))
    found = validate(gateway.environment, plain)

    assert words in found["routes.0.upstreams.0.tls_context"][0]


def test_an_upstream_cannot_have_one_of_another_environment(gateway: Gateway) -> None:
    context = make_tls_context(trusted_ca=CERTIFICATE)

    plain = https(gateway, None, protocol="http", routes=trusting(context))
    found = validate(gateway.environment, plain)

    assert "is not in environment" in found["routes.0.upstreams.0.tls_context"][0]


def test_what_is_in_use_stays_usable(actor: User, gateway: Gateway) -> None:
    environment = gateway.environment
    context = create_tls_context(actor, environment, desired(trusted_ca=RENEWED))
    instances.create_api(actor, environment, https(gateway, context, routes=trusting(context)))

    with pytest.raises(ValidationError) as refused:
        edit_tls_context(actor, context, DesiredTlsContext("edge", trusted_ca=RENEWED))
    assert "serves with it" in refused.value.message_dict["certificate"][0]
    with pytest.raises(ValidationError) as refused:
        edit_tls_context(actor, context, desired())
    assert "is trusted by it" in refused.value.message_dict["trusted_ca"][0]


def test_two_upstreams_of_one_uri_may_be_trusted_in_two_ways(actor: User, gateway: Gateway) -> None:
    environment = gateway.environment
    context = make_tls_context(environment, trusted_ca=CERTIFICATE)
    halves = [
        DesiredUpstream("https://b", weight=50),
        DesiredUpstream("https://b", weight=50, tls_context=context),
    ]
    draft_ = https(gateway, None, protocol="http", routes=[DesiredRoute(upstreams=halves)])

    api = instances.create_api(actor, environment, draft_)
    instances.edit_api(actor, api, desired_of(api))

    assert sorted(str(one.tls_context) for one in api.upstreams.all()) == sorted(["None", str(context)])
