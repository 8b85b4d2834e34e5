"""REST: what is found in an API is listed, muted and told again."""

import pytest

from apis.muted_finding import MutedFinding
from console.models import Role
from gateways.models import Gateway
from tests.factories import make_api, make_role, make_user
from tests.rest import Rest

pytestmark = pytest.mark.django_db


def test_a_finding_is_listed_muted_and_told_again(rest: Rest, gateway: Gateway) -> None:
    api = make_api(gateway)
    (one,) = rest("GET", f"AM/{api.pk}/findings").data
    named = {"code": one["code"], "place": one["place"]}

    muted = rest("POST", f"AM/{api.pk}/findings/muted", {**named, "reason": "For everybody."})
    (after,) = rest("GET", f"AM/{api.pk}/findings").data
    again = rest("DELETE", f"AM/{api.pk}/findings/muted/{muted.data['id']}")

    assert (one["code"], one["severity"], one["muted"]) == ("no-authentication", "info", None)
    assert muted.status_code == 201
    assert after["muted"]["reason"] == "For everybody."
    assert again.status_code == 204
    assert rest("GET", f"AM/{api.pk}/findings").data == [one]
    assert rest("DELETE", f"AM/{api.pk}/findings/muted/{2**63}").status_code == 404


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ({"code": "bygone", "place": "api", "reason": "x"}, "bygone"),
        ({"code": "no-authentication", "place": "policy:1", "reason": "x"}, "Nothing of that kind"),
        ({"code": "no-authentication", "place": "api", "reason": " "}, "reason"),
        ({"code": "no-authentication", "place": "api", "reason": "x" * 501}, "reason"),
    ],
)
def test_what_cannot_be_muted_is_refused(
    rest: Rest, gateway: Gateway, body: dict[str, str], said: str
) -> None:
    answer = rest("POST", f"AM/{make_api(gateway).pk}/findings/muted", body)

    assert answer.status_code == 400
    assert said in str(answer.data)


def test_a_viewer_reads_and_a_stranger_does_not(rest: Rest, gateway: Gateway) -> None:
    api, viewer = make_api(gateway), make_user()
    make_role(viewer, gateway.environment.organization, Role.Name.VIEWER)
    body = {"code": "no-authentication", "place": "api", "reason": "x"}

    assert Rest(viewer, gateway.environment)("GET", f"AM/{api.pk}/findings").status_code == 200
    assert Rest(viewer, gateway.environment)("POST", f"AM/{api.pk}/findings/muted", body).status_code == 403
    assert Rest(make_user(), gateway.environment)("GET", f"AM/{api.pk}/findings").status_code in (403, 404)
    assert not MutedFinding.objects.exists()


def test_all_of_an_environment_are_listed_page_by_page(rest: Rest, gateway: Gateway) -> None:
    apis = [make_api(gateway) for _ in range(3)]
    environment = gateway.environment
    scope = f"organizations/{environment.organization_id}/environments/{environment.pk}"
    path = f"/apimanager/api/v1/{scope}/findings"

    page = rest("GET", f"{path}?limit=2&offset=1").data

    assert (page["total"], page["limit"], page["offset"]) == (3, 2, 1)
    assert [one["apiId"] for one in page["apis"]] == [one.pk for one in apis[1:]]
    assert [it["code"] for it in page["apis"][0]["findings"]] == ["no-authentication"]
    assert rest("GET", f"{path}?limit=-1").status_code == 400
    assert Rest(make_user())("GET", path).status_code in (403, 404)
