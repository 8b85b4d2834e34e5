"""What is wrong with a file is told, line by line, and nothing of it is taken."""

import pytest

from apis.portable.exporting import yaml_of
from apis.portable.faults import BadFile
from apis.portable.read import read
from tests.apis.changes.test_copies import make_whole
from tests.apis.views.pages import make_place
from tests.rest import Rest

LOCAL = """
apiVersion: gateway.mulesoft.com/v1alpha1
kind: ApiInstance
metadata: {name: orders}
spec: {address: "http://0.0.0.0:8081/orders"}
---
apiVersion: gateway.mulesoft.com/v1alpha1
kind: Service
metadata: {name: backend}
spec: {address: "http://backend:8080"}
---
apiVersion: gateway.mulesoft.com/v1alpha1
kind: PolicyBinding
metadata: {name: main}
spec:
  targetRef: {name: orders}
  policyRef: {name: route}
  config: {destinationPath: /v1, destinationRef: {name: backend}}
---
apiVersion: gateway.mulesoft.com/v1alpha1
kind: PolicyBinding
metadata: {name: who}
spec:
  targetRef: {name: orders}
  policyRef: {name: http-basic-authentication-flex}
  rules: [{methods: GET, path: /a}]
  config: {username: $$ann, password: $ORDERS_PASSWORD}
"""


def faults(text: str) -> list[tuple[int, str]]:
    with pytest.raises(BadFile) as bad:
        read(text.encode())
    return bad.value.lines


def test_a_file_that_people_wrote_for_local_mode_is_an_api() -> None:
    [api] = read(LOCAL.encode())

    assert (api.asset.asset_id, api.port, api.base_path) == ("orders", 8081, "/orders")
    assert [(one.uri, one.key) for one in api.upstreams] == [("http://backend:8080/v1", "backend")]
    [who] = api.policies
    assert (who.config, who.secrets) == ({"username": "$ann"}, {"password": ""})
    assert who.conditions == ({"methodRegex": "GET", "uriTemplateRegex": "/a"},)


@pytest.mark.django_db
def test_half_a_file_is_none() -> None:
    text = yaml_of([make_whole(make_place())])
    whole = text.split("---\n")[1:]

    assert "the file ends too early" in faults("---\n".join(["", *whole[:-1]]))[0][1]
    assert "there is no ApiInstance of that name" in faults("---\n".join(["", *whole[1:]]))[0][1]
    lines = text.splitlines(keepends=True)
    for end in range(1, len(lines)):
        assert faults("".join(lines[:end])), lines[end - 1]


@pytest.mark.django_db
def test_half_of_what_the_release_before_exported_ends_too_early() -> None:
    """It told no end: its half is refused where an ApiDetails is missing."""
    text = yaml_of([make_whole(make_place())]).replace("exported: '2'", "exported: '1'")

    assert read(text.removesuffix("...\n").encode())
    assert "the file ends too early" in faults(text[: text.index("kind: ApiDetails") - 40])[0][1]


@pytest.mark.django_db
def test_what_people_add_to_an_export_is_read() -> None:
    text = yaml_of([make_whole(make_place())])
    other = LOCAL.replace("orders", "others").replace("backend}", "inner}")

    assert [one.asset.asset_id for one in read((text + "---" + other).encode())][1:] == ["others"]
    assert read(text.replace("...", "... # the end").encode("utf-16"))


def test_a_file_of_a_later_release_is_refused_and_unknown_fields_are_named() -> None:
    later = LOCAL + "---\napiVersion: gatewright.dev/v1alpha1\nkind: ApiDetails\nmetadata: {name: orders}\n"

    assert "has format 9" in faults(later + "spec: {format: 9, asset: {assetId: a, name: b}}")[0][1]
    [(line, message)] = faults(later + "spec: {asset: {assetId: a, name: b}, colour: red}")
    assert "spec.colour" in message and line == 29
    [(_, message)] = faults(LOCAL.replace("rules:", "ruels:"))
    assert "ruels" in message


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "no ApiInstance"),
        ("hello", "not a mapping"),
        ("kind: Contract\napiVersion: gatewright.dev/v1alpha1\n", "not part of an API"),
        ("openapi: 3.0.0\ninfo: {}\n", "apiVersion"),
        (
            "a: &a [x, x]\n"
            + "".join(
                f"b{n}: &b{n} [*{m}, *{m}, *{m}, *{m}, *{m}, *{m}, *{m}, *{m}]\n"
                for n, m in zip(range(9), ["a", *(f"b{k}" for k in range(8))], strict=True)
            ),
            "aliases followed",
        ),
        ("[" * 5000, "levels deep"),
        (LOCAL.replace("name: backend}}", "name: gone}}"), "no Service gone"),
        (LOCAL.replace("{name: orders}", "{name: other}", 1), "no ApiInstance orders"),
        (LOCAL + "---" + LOCAL, "is defined twice"),
        (
            LOCAL.replace(
                "targetRef: {name: orders}\n  policyRef: {name: http",
                "targetRef: {kind: Selector, selector: {labels: {a: b}}}\n  policyRef: {name: http",
            ),
            "automated policy",
        ),
    ],
)
def test_what_is_no_api_is_refused_with_words(text: str, told: str) -> None:
    assert told in " ".join(message for _, message in faults(text))


def test_too_large_a_file_is_refused() -> None:
    assert "more than 32 MB" in faults("#" * (32 * 1024 * 1024 + 1))[0][1]


def test_an_address_and_its_annotation_that_disagree_are_refused() -> None:
    text = LOCAL.replace(
        "{name: backend}\nspec", "{name: backend, annotations: {gatewright/uri: 'http://b'}}\nspec"
    )

    assert "change both" in faults(text)[0][1]


@pytest.mark.django_db
def test_rest_gives_the_file_and_tests_to_those_who_may_change_the_api() -> None:
    place = make_place()
    api = make_whole(place)
    rest = Rest(place.user, place.environment)

    def get(rest: Rest, path: str) -> bytes:
        return rest.client.get(rest.address(path), headers=rest.headers).content

    one = get(rest, f"AM/{api.pk}/export")
    organization, environment = place.environment.organization_id, place.environment.pk
    root = f"/apimanager/api/v1/organizations/{organization}/environments/{environment}"
    both = get(rest, f"{root}/api-export?apis={api.pk}")

    assert one == both == yaml_of([api]).encode()
    assert b"tests:" in one
    assert rest("GET", f"{root}/api-export?apis={api.pk},x").status_code == 400
    assert rest("GET", f"{root}/api-export?apis=99999").status_code == 404
    viewer = make_place("viewer", place.environment)
    assert b"tests:" not in get(Rest(viewer.user, place.environment), f"AM/{api.pk}/export")
    assert b"tests:" not in viewer.client.get(f"/apis/{api.pk}/file").content
    assert viewer.client.get(f"/apis/file?api={api.pk}").status_code == 200


def test_only_what_rest_keeps_of_an_instance_is_taken() -> None:
    details = LOCAL + "---\napiVersion: gatewright.dev/v1alpha1\nkind: ApiDetails\nmetadata: {name: orders}\n"
    start = "spec: {asset: {assetId: a, name: b}, extra: "

    [api] = read(
        (details + start + "{endpoint: {type: rest, wsdlConfig: {a: 1}}, providerId: null}}").encode()
    )
    assert api.extra["endpoint"]["type"] == "rest"
    for extra in ("{endpoint: 5}", "{endpoint: null}", "{endpoint: {type: 5}}", "{colour: red}"):
        assert "spec.extra" in faults(f"{details}{start}{extra}}}")[0][1]
