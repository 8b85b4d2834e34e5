"""REST: who reaches an API instance, and what everybody else gets."""

import pytest

from apis.models import ApiInstance
from console.models import Environment, Role
from gateways.models import Gateway
from tests.apis.rest.bodies import refused
from tests.factories import make_api, make_environment, make_gateway, make_role, make_user
from tests.rest import Rest

pytestmark = pytest.mark.django_db


class TestAccess:
    @pytest.mark.parametrize(
        ("method", "path"),
        [
            ("GET", "AM"),
            ("POST", "AM"),
            ("GET", "AM/{api}"),
            ("PATCH", "AM/{api}"),
            ("DELETE", "AM/{api}"),
            ("GET", "AM/{api}/policies"),
            ("POST", "AM/{api}/policies"),
            ("GET", "AM/{api}/upstreams"),
            ("GET", "AMX/gateway-targets"),
            ("GET", "PX/{api}/deployments"),
            ("POST", "PX/{api}/deployments"),
        ],
    )
    def test_another_organizations_ids_are_404(self, rest: Rest, method: str, path: str) -> None:
        foreign = make_api()
        path = path.format(api=foreign.pk)
        outsider = Rest(None, foreign.environment)
        outsider.headers = rest.headers

        refused(outsider(method, path, {}), 404)
        if "{api}" in path:
            refused(rest(method, path, {}), 404)
        assert ApiInstance.objects.filter(pk=foreign.pk).exists()

    def test_an_api_of_another_environment_is_404(self, rest: Rest, environment: Environment) -> None:
        other = make_api(make_gateway(make_environment(environment.organization)))

        refused(rest("GET", f"AM/{other.pk}"), 404)

    def test_an_id_beyond_any_row_is_404(self, rest: Rest) -> None:
        refused(rest("GET", f"AM/{10**30}"), 404)

    def test_a_viewer_reads_and_does_not_write(self, environment: Environment, gateway: Gateway) -> None:
        user, api = make_user(), make_api(gateway)
        make_role(user, environment.organization, Role.Name.VIEWER)
        viewer = Rest(user, environment)

        assert viewer("GET", f"AM/{api.pk}").status_code == 200
        for method, path in (
            ("POST", "AM"),
            ("PATCH", f"AM/{api.pk}"),
            ("DELETE", f"AM/{api.pk}"),
            ("POST", f"AM/{api.pk}/policies"),
            ("PATCH", f"AM/{api.pk}/policies"),
            ("POST", f"PX/{api.pk}/deployments"),
        ):
            refused(viewer(method, path, {}), 403, "This needs the permission")

    def test_without_a_token_nothing_is_read(self, environment: Environment) -> None:
        refused(Rest(None, environment)("GET", "AM"), 401)
