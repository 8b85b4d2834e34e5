"""Changes that are made at the same moment: each answer is one that some order of them gives."""

import threading
from collections.abc import Callable
from typing import Any

import pytest
from django.core.exceptions import ValidationError
from django.db import connection, transaction
from django.http import Http404

from apis.assets.models import Asset
from apis.changes import bookkeeping, instances, policies
from apis.models import ApiInstance, PolicyBinding
from console.models import Environment, User
from gateways import change as gateway_change
from gateways.models import Gateway
from tests.factories import (
    make_actor,
    make_api,
    make_environment,
    make_gateway,
    make_role,
    make_tls_context,
)
from tests.rest import Rest

AT_ONCE = 6


@pytest.fixture
def user(db: None) -> User:
    return make_actor()


@pytest.fixture
def environment(user: User) -> Environment:
    environment = make_environment()
    make_role(user, environment.organization)
    return environment


def together(user: User, environment: Environment, ask: Callable[[Rest, int], Any]) -> list[int]:
    """The status codes, sorted, of requests that begin at the same moment."""
    clients, codes = [Rest(user, environment) for _ in range(AT_ONCE)], []
    start = threading.Barrier(AT_ONCE)

    def send(number: int) -> None:
        start.wait()
        codes.append(ask(clients[number], number).status_code)
        connection.close()

    threads = [threading.Thread(target=send, args=[number]) for number in range(AT_ONCE)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return sorted(codes)


@pytest.mark.django_db(transaction=True)
class TestTogether:
    def test_one_of_several_makes_the_asset_and_the_environment(
        self, user: User, environment: Environment
    ) -> None:
        body = {"spec": {"assetId": "orders", "version": "1"}, "endpoint": {"uri": "http://a"}}
        places = f"/accounts/api/organizations/{environment.organization_id}/environments"

        apis = together(user, environment, lambda rest, _: rest("POST", "AM", body))
        environments = together(user, environment, lambda rest, _: rest("POST", places, {"name": "Test"}))

        assert apis == environments == [201] + [409] * (AT_ONCE - 1)
        assert (ApiInstance.objects.count(), Asset.objects.count()) == (1, 1)

    def test_policies_get_a_place_each(self, user: User, environment: Environment) -> None:
        body = {"spec": {"assetId": "orders", "version": "1"}, "endpoint": {"uri": "http://a"}}
        api = Rest(user, environment)("POST", "AM", body).data["id"]
        allowlist = {"assetId": "ip-allowlist", "configurationData": {"ips": ["10.0.0.1"]}}
        path = f"AM/{api}/policies"

        many = together(
            user, environment, lambda rest, _: rest("POST", f"{path}?allowDuplicated=true", allowlist)
        )
        once = together(
            user,
            environment,
            lambda rest, _: rest("POST", path, {"assetId": "cors", "configurationData": {}}),
        )

        assert many == [201] * AT_ONCE
        assert once == [201] + [409] * (AT_ONCE - 1)
        orders = PolicyBinding.objects.values_list("order", flat=True)
        assert sorted(orders) == list(range(1, AT_ONCE + 2))

    def test_what_several_delete_is_deleted_once(self, user: User, environment: Environment) -> None:
        body = {"spec": {"assetId": "orders", "version": "1"}, "endpoint": {"uri": "http://a"}}
        api = Rest(user, environment)("POST", "AM", body).data["id"]

        codes = together(user, environment, lambda rest, _: rest("DELETE", f"AM/{api}"))

        assert codes == [204] + [404] * (AT_ONCE - 1)

    def test_what_each_patch_says_is_kept(self, user: User, environment: Environment) -> None:
        rest = Rest(user, environment)
        body = {"spec": {"assetId": "orders", "version": "1"}, "endpoint": {"uri": "http://a"}}
        one = f"AM/{rest('POST', 'AM', body).data['id']}"
        patches: list[dict[str, Any]] = [
            {"instanceLabel": "label"},
            {"description": "words"},
            {"tags": ["tag"]},
            {"endpointUri": "http://edge.test"},
            {"providerId": "provider"},
            {"approvalMethod": "manual"},
        ]

        codes = together(user, environment, lambda rest, number: rest("PATCH", one, patches[number]))

        found = rest("GET", one).data
        assert codes == [200] * AT_ONCE
        assert found | {name: value for patch in patches for name, value in patch.items()} == found

    def test_what_each_patch_of_a_policy_says_is_kept(self, user: User, environment: Environment) -> None:
        rest = Rest(user, environment)
        body = {"spec": {"assetId": "orders", "version": "1"}, "endpoint": {"uri": "http://a"}}
        path = f"AM/{rest('POST', 'AM', body).data['id']}/policies"
        rest("POST", path, {"assetId": "ip-blocklist", "configurationData": {"ips": ["10.0.0.1"]}})
        made = rest("POST", path, {"assetId": "ip-allowlist", "configurationData": {"ips": ["10.0.0.1"]}})
        patches: list[dict[str, Any]] = [
            {"label": "label"},
            {"configurationData": {"ips": ["10.0.0.2"]}},
            {"pointcutData": [{"methodRegex": "GET", "uriTemplateRegex": "/a"}]},
            {"disabled": True},
            {"order": 1},
            {"assetVersion": "1.1.1"},
        ]
        one = f"{path}/{made.data['id']}"

        codes = together(user, environment, lambda rest, number: rest("PATCH", one, patches[number]))

        found = rest("GET", one).data
        assert codes == [200] * AT_ONCE
        assert found | {name: value for patch in patches for name, value in patch.items()} == found

    def test_a_policys_place_is_taken_while_others_go(self, user: User, environment: Environment) -> None:
        rest = Rest(user, environment)
        body = {"spec": {"assetId": "orders", "version": "1"}, "endpoint": {"uri": "http://a"}}
        path = f"AM/{rest('POST', 'AM', body).data['id']}/policies"
        allowlist = {"assetId": "ip-allowlist", "configurationData": {"ips": ["10.0.0.1"]}}
        first, *others = [
            rest("POST", f"{path}?allowDuplicated=true", allowlist).data["id"] for _ in range(AT_ONCE)
        ]

        def ask(rest: Rest, number: int) -> Any:
            if number < AT_ONCE - 2:
                return rest("DELETE", f"{path}/{others[number]}")
            return rest("PATCH", f"{path}/{first}", {"order": number})

        assert together(user, environment, ask) == [200] * 2 + [204] * (AT_ONCE - 2)

    def test_what_each_patch_of_a_context_says_is_kept(self, user: User, environment: Environment) -> None:
        rest, context = Rest(user, environment), make_tls_context(environment)
        scope = f"organizations/{environment.organization_id}/environments/{environment.pk}"
        one = f"/apimanager/api/v1/{scope}/tls-contexts/{context.pk}"
        patches: list[dict[str, Any]] = [
            {"name": "other"},
            {"minTlsVersion": "TLSv1.3"},
            {"alpnProtocols": ["h2"]},
            {"trustedCA": context.certificate},
            {"cipherSuites": ["TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256"]},
            {"target": "FlexGateway"},
        ]

        codes = together(user, environment, lambda rest, number: rest("PATCH", one, patches[number]))

        found = rest("GET", one).data
        assert codes == [200] * AT_ONCE
        assert found | {name: value for patch in patches for name, value in patch.items()} == found


@pytest.mark.django_db
class TestMeanwhile:
    @pytest.mark.parametrize(
        "late",
        [
            lambda actor, seen: policies.apply_policy(actor, seen, "cors", {}),
            instances.undeploy_api,
            instances.delete_api,
        ],
    )
    def test_the_gateway_that_an_api_was_moved_to_meanwhile_is_told(
        self, late: Callable[[User, ApiInstance], Any]
    ) -> None:
        actor, seen = make_actor(), make_api()
        other = make_gateway(seen.environment, name="other")
        ApiInstance.objects.update(gateway=other)

        late(actor, seen)

        assert Gateway.objects.get(pk=other.pk).generation == 1

    def test_a_policy_removed_meanwhile_does_not_come_back(self) -> None:
        actor, api = make_actor(), make_api()
        seen = policies.apply_policy(actor, api, "cors", {})
        policies.remove_policy(actor, PolicyBinding.objects.get())

        for late in (
            lambda: policies.set_policy_disabled(actor, seen, True),
            lambda: policies.edit_policy(actor, seen, {}),
            lambda: policies.remove_policy(actor, seen),
        ):
            with pytest.raises(Http404):
                late()

        assert not PolicyBinding.objects.exists()

    def test_an_api_deleted_meanwhile_does_not_come_back(self) -> None:
        actor, seen = make_actor(), make_api(is_deployed=False)
        instances.delete_api(actor, ApiInstance.objects.get())

        for late in (
            lambda: instances.set_deprecated(actor, seen, True),
            lambda: instances.deploy_api(actor, seen),
            lambda: policies.apply_policy(actor, seen, "cors", {}),
            lambda: instances.delete_api(actor, seen),
        ):
            with pytest.raises(Http404):
                late()

        assert not ApiInstance.objects.exists()

    def test_a_gateway_deleted_meanwhile_is_told(self) -> None:
        actor, api = make_actor(), make_api(is_deployed=False)
        seen = make_gateway(api.environment, name="other")
        gateway_change.delete(actor, Gateway.objects.get(pk=seen.pk))

        with pytest.raises(ValidationError) as refused:
            instances.deploy_api(actor, api, seen)

        assert refused.value.message_dict["gateway"] == [
            "Gateway other was deleted meanwhile; choose another."
        ]

    def test_an_api_undeployed_meanwhile_stays_so_when_it_is_edited(self) -> None:
        actor, seen = make_actor(), make_api()
        instances.undeploy_api(actor, ApiInstance.objects.get())

        instances.set_deprecated(actor, seen, True)

        api = ApiInstance.objects.get()
        assert (api.is_deployed, api.is_deprecated) == (False, True)


@pytest.mark.django_db(transaction=True)
def test_whoever_holds_an_api_holds_nothing_of_its_asset(user: User, environment: Environment) -> None:
    """Renaming locks the asset before APIs: with both held by an edit, the two waited for each other."""
    api, free = make_api(make_gateway(environment)), []

    def look() -> None:
        asset = Asset.objects.select_for_update(skip_locked=True).filter(pk=api.asset_id)
        with transaction.atomic():
            free.extend(asset)
        connection.close()

    with transaction.atomic():
        bookkeeping.lock(api.gateway, api=api)
        other = threading.Thread(target=look)
        other.start()
        other.join()

    assert free == [api.asset]


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("noted_at_once", [0, 1000])
def test_changes_of_what_many_share_wait_for_each_other(
    environment: Environment, noted_at_once: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Those that took gateways in the order in which they found them waited for each other without end."""
    monkeypatch.setattr(bookkeeping, "NOTED_AT_ONCE", noted_at_once)
    for number in range(30):
        make_api(make_gateway(environment), base_path=f"/{number}")
    start, faults = threading.Barrier(AT_ONCE), []

    def change(number: int) -> None:
        ways = ("-gateway", "gateway", "pk", "-pk")
        start.wait()
        try:
            for turn in range(10):
                with transaction.atomic():
                    order = ways[(number + turn) % len(ways)]
                    pks = list(ApiInstance.objects.order_by(order).values_list("pk", flat=True))
                    bookkeeping.bump_all(ApiInstance.objects.filter(pk__in=pks))
        except Exception as error:
            faults.append(error)
        connection.close()

    before = dict(Gateway.objects.values_list("pk", "generation"))
    threads = [threading.Thread(target=change, args=[number]) for number in range(AT_ONCE)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert faults == []
    after = dict(Gateway.objects.values_list("pk", "generation"))
    assert {after[pk] - generation for pk, generation in before.items()} == {10 * AT_ONCE}
