"""What every list, page and form does, of API Manager's."""

from dataclasses import replace
from typing import cast

from django.db.models import Model
from django.utils import timezone

from apis.api_test import ApiTest
from apis.bulk.models import BulkChange
from apis.changes.instances import edit_api
from apis.changes.policies import apply_policy, edit_policy
from apis.changes.tls_contexts import desired_of as tls_desired_of
from apis.changes.tls_contexts import edit_tls_context
from apis.changes.versions import DETAILS, ROUTES
from apis.documents.specification import Operation, Specification
from apis.lists.models import SavedView
from apis.models import ApiInstance, PolicyBinding, Route, RouteUpstream, TlsContext, Upstream
from apis.removed import Removed
from apis.secret_groups.models import default_group
from console.models import AuditEntry
from gateways.models import Gateway
from tests.factories import (
    for_long,
    make_actor,
    make_api,
    make_gateway,
    make_replica,
    make_secret,
    make_secret_group,
    make_tls_context,
)
from tests.usual.details import Detail
from tests.usual.forms import Form, FormOfOne, Sent, VersionedForm
from tests.usual.here import Here
from tests.usual.lists import EmptyList, SearchedList, SortedList


def gateway_of(here: Here) -> Gateway:
    """One of the place, the same each time."""
    found = Gateway.objects.filter(environment=here.environment).first()
    return found or make_gateway(here.environment)


def api_of(here: Here) -> ApiInstance:
    """One of the place, the same each time."""
    found = ApiInstance.objects.filter(environment=here.environment).first()
    return found or make_whole_api(gateway_of(here))


def make_whole_api(gateway: Gateway) -> ApiInstance:
    """With a route, so that it can be saved again."""
    api = make_api(gateway, name="orders")
    upstream = Upstream.objects.create(api=api, uri="http://backend:8080/")
    RouteUpstream.objects.create(route=Route.objects.create(api=api, position=0), upstream=upstream)
    return api


def document_of(here: Here) -> Specification:
    """That of the place's API."""
    asset = api_of(here).asset
    if asset.specification is None:
        asset.specification = Specification.objects.create(
            organization=here.environment.organization,
            name="orders.yaml",
            text="openapi: 3.0.3",
            size=14,
            state=Specification.State.ACCEPTED,
        )
        asset.save()
    return asset.specification


class TestApis(SearchedList, SortedList, EmptyList):
    path = "/apis"
    part = "apis"
    noun = "API"
    nothing = "No APIs here yet"
    offers = "/apis/add"
    columns = ("status", "name", "version", "id", "gateway", "errors", "requests")

    def make(self, here: Here, name: str) -> object:
        return make_api(gateway_of(here), name=name)


class TestSavedViews(EmptyList):
    path = "/apis/views"
    part = "views"
    noun = "view"
    nothing = "No saved views yet"

    def make(self, here: Here, name: str) -> object:
        return SavedView.objects.create(user=here.user, environment=here.environment, name=name)


class TestDeletedApis(SearchedList, EmptyList):
    path = "/apis/deleted"
    part = "deleted"
    noun = "deleted API"
    nothing = "Nothing was deleted lately"

    def make(self, here: Here, name: str) -> object:
        number = Removed.objects.count()
        return Removed.objects.create(
            environment=here.environment, kind="api", api_id=number, name=name, saved={}, by=here.user
        )


class TestBulkChanges(EmptyList):
    path = "/apis/bulk"
    part = "bulk-changes"
    noun = "bulk change"
    nothing = "No bulk changes yet"

    def make(self, here: Here, name: str) -> object:
        told = {"action": "tag", "told": name, "state": "done", "begun_at": timezone.now()}
        return BulkChange.objects.create(by=here.user, environment=here.environment, **told)


class TestApisOfAGateway(SearchedList, EmptyList):
    part = "gateway-apis"
    noun = "API"
    nothing = "No API on this gateway"

    def address(self, here: Here) -> str:
        return f"/gateways/{gateway_of(here).pk}/apis"

    def make(self, here: Here, name: str) -> object:
        return make_api(gateway_of(here), name=name)


class TestTlsContexts(SearchedList, EmptyList):
    path = "/apis/tls-contexts"
    part = "tls-contexts"
    noun = "TLS context"
    nothing = "No TLS context yet"
    offers = "/apis/tls-contexts/add"

    def make(self, here: Here, name: str) -> object:
        return make_tls_context(here.environment, name=name)


class TestSecrets(SearchedList, EmptyList):
    path = "/apis/secrets"
    part = "secrets"
    noun = "secret"
    nothing = "No secrets yet"
    offers = "/apis/secrets/add"

    def make(self, here: Here, name: str) -> object:
        return make_secret(default_group(here.environment), name=name)


class TestSecretGroups(SearchedList, EmptyList):
    path = "/apis/secret-groups"
    part = "secret-groups"
    noun = "secret group"
    nothing = "No secret groups yet"
    offers = "/apis/secret-groups/add"

    def make(self, here: Here, name: str) -> object:
        return make_secret_group(here.environment, name=name)


class TestOperationsOfADocument(SearchedList):
    part = "operations-found"
    noun = "operation"
    size = 50

    def address(self, here: Here) -> str:
        document_of(here)
        return f"/apis/{api_of(here).pk}/document"

    def make(self, here: Here, name: str) -> object:
        document = document_of(here)
        position = document.operations.count()
        return Operation.objects.create(
            specification=document, position=position, method="GET", path=f"/{name}"
        )


class TestHistoryOfAnApi(SearchedList, EmptyList):
    part = "changes"
    noun = "change"
    nothing = "Nothing has changed yet"
    size = 20

    def address(self, here: Here) -> str:
        return f"/apis/{api_of(here).pk}/history"

    def make(self, here: Here, name: str) -> object:
        api = api_of(here)
        return AuditEntry.objects.create(
            actor_name="grace",
            organization=here.environment.organization,
            environment=here.environment,
            action="create",
            object_type="policybinding",
            object_id=f"{name}",
            object_name=name,
            of_type="apiinstance",
            of_id=str(api.pk),
            of_name="orders",
        )


class TestApi(Detail):
    tabs = ("", "/policies", "/routes", "/document", "/deployments", "/history", "/analytics", "/settings")
    tabs += ("/findings", "/review")
    is_numbered = True

    def make(self, here: Here) -> Model:
        gateway = gateway_of(here)
        make_replica(gateway, last_heartbeat_at=for_long())
        api = make_whole_api(gateway)
        PolicyBinding.objects.create(api=api, policy="cors", order=1)
        return api


class TestTlsContext(Detail):
    def make(self, here: Here) -> Model:
        return make_tls_context(here.environment)


class TestSecret(Detail):
    def make(self, here: Here) -> Model:
        return make_secret(make_secret_group(here.environment))


class TestSecretGroup(Detail):
    def make(self, here: Here) -> Model:
        return make_secret_group(here.environment)


class TestDetailsOfAnApi(VersionedForm):
    bad = {"consumer_endpoint": "nowhere"}
    at = "f-consumer_endpoint"
    words = "nowhere"
    typed = {"label": "kept", "description": "Kept, too"}
    is_seen_by_viewers = True

    def make(self, here: Here) -> Model:
        return api_of(here)

    def address(self, row: Model) -> str:
        return f"/apis/{row.pk}/settings"

    def good(self, here: Here) -> Sent:
        return {
            "label": "eu",
            "consumer_endpoint": "https://x.example.com",
            "tags": "a",
            "description": "Ours",
        }

    def is_saved(self, row: Model) -> bool:
        return ApiInstance.objects.filter(pk=row.pk, label="eu", description="Ours").exists()

    def change_meanwhile(self, row: Model, here: Here) -> None:
        api = cast(ApiInstance, row)
        edit_api(make_actor(), api, lambda current: replace(current, description="Theirs"), part=DETAILS)


class TestRoutesOfAnApi(VersionedForm):
    bad = {"base_path": "x y"}
    at = "f-base_path"
    words = "x y"
    typed = {"label": "kept", "uri": "http://kept/"}
    is_seen_by_viewers = True

    def make(self, here: Here) -> Model:
        return api_of(here)

    def address(self, row: Model) -> str:
        return f"/apis/{row.pk}/routes"

    def good(self, here: Here) -> Sent:
        downstream = {"protocol": "http", "port": "8082", "base_path": "/mine", "label": ""}
        return {**downstream, "mode": "simple", "uri": "http://mine/"}

    def is_saved(self, row: Model) -> bool:
        return ApiInstance.objects.filter(pk=row.pk, port=8082, base_path="/mine").exists()

    def change_meanwhile(self, row: Model, here: Here) -> None:
        api = cast(ApiInstance, row)
        edit_api(make_actor(), api, lambda current: replace(current, base_path="/theirs"), part=ROUTES)


class TestPolicyOfAnApi(VersionedForm):
    bad = {"config.ips": "10.0.0.300"}
    at = "f-config.ips"
    words = "10.0.0.300"
    typed = {"label": "kept"}
    is_seen_by_viewers = True

    def make(self, here: Here) -> Model:
        return apply_policy(here.user, api_of(here), "ip-allowlist", {"ips": ["10.0.0.1"]})

    def address(self, row: Model) -> str:
        binding = cast(PolicyBinding, row)
        return f"/apis/{binding.api_id}/policies/{binding.pk}"

    def good(self, here: Here) -> Sent:
        return {"config.ips": "10.0.0.2", "applies": "all", "label": ""}

    def is_saved(self, row: Model) -> bool:
        return PolicyBinding.objects.get(pk=row.pk).config["ips"] == ["10.0.0.2"]

    def change_meanwhile(self, row: Model, here: Here) -> None:
        edit_policy(make_actor(), cast(PolicyBinding, row), {"ips": ["10.0.0.9"]})


class TestNewTlsContext(Form):
    bad = {"name": "", "hosts": "kept.example"}
    at = "id_name"
    words = "Give the TLS context a name."

    def make(self, here: Here) -> Model:
        return here.environment

    def address(self, row: Model) -> str:
        return "/apis/tls-contexts/add"

    def good(self, here: Here) -> Sent:
        versions = {"min_version": "1.2", "max_version": "1.3", "http2": "on"}
        return {"name": "edge", "source": "self-signed", "hosts": "localhost", **versions}

    def is_saved(self, row: Model) -> bool:
        return TlsContext.objects.filter(environment=row, name="edge").exists()


class TestEditedTlsContext(VersionedForm):
    bad = {"min_version": "1.3", "max_version": "1.2", "name": "kept"}
    at = "id_max_version"
    words = "1.2"

    def make(self, here: Here) -> Model:
        return make_tls_context(here.environment, name="edge")

    def address(self, row: Model) -> str:
        return f"/apis/tls-contexts/{row.pk}/edit"

    def good(self, here: Here) -> Sent:
        context = TlsContext.objects.latest("created_at")
        kept = {"certificate": context.certificate, "min_version": "1.2", "max_version": "1.3"}
        return {"name": "front", "source": "own", "http2": "on", **kept}

    def is_saved(self, row: Model) -> bool:
        return TlsContext.objects.filter(pk=row.pk, name="front").exists()

    def change_meanwhile(self, row: Model, here: Here) -> None:
        context = TlsContext.objects.get(pk=row.pk)
        edit_tls_context(make_actor(), context, replace(tls_desired_of(context), name="theirs"))


class TestTestsOfAnApi(SearchedList, EmptyList):
    part = "tests"
    noun = "test"
    nothing = "No tests yet"

    def address(self, here: Here) -> str:
        return f"/apis/{api_of(here).pk}/tests"

    def make(self, here: Here, name: str) -> object:
        api = api_of(here)
        case = {"name": name, "expect": {"status": 200}}
        return ApiTest.objects.create(api=api, name=name, position=api.tests.count(), case=case)


class TestCopiesOfAnApi(Detail):
    """Both pages."""

    tabs = ("/copy", "/copies")
    is_numbered = True
    seen_by_viewers = False

    def make(self, here: Here) -> Model:
        return api_of(here)


class TestCopyOfAnApi(FormOfOne):
    bad = {"base_path": "x y"}
    at = "f-base_path"
    words = "x y"
    typed = {"label": "kept", "consumer_endpoint": "https://kept.example"}

    def make(self, here: Here) -> Model:
        return api_of(here)

    def address(self, row: Model) -> str:
        return f"/apis/{row.pk}/copy"

    def good(self, here: Here) -> Sent:
        upstream = api_of(here).upstreams.get()
        listener = {"protocol": "http", "port": "8081", "base_path": "/copied", "label": "copied"}
        return {"kind": "same", "gateway": "", **listener, f"upstreams.{upstream.pk}.uri": upstream.uri}

    def is_saved(self, row: Model) -> bool:
        return ApiInstance.objects.filter(asset=cast(ApiInstance, row).asset, label="copied").exists()
