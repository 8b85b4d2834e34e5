"""What has not changed since the last push is not read, translated or compiled again."""

from collections.abc import Sequence
from operator import attrgetter
from pathlib import Path
from typing import Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from gateways.agent.envoy.candidate import compiled
from gateways.agent.link.snapshot_reader import SnapshotReader
from gateways.agent.settings import Proxying
from gateways.agent.sources.files import load_text
from gateways.agent.translate import ir
from gateways.agent.translate.apis import LastTranslation, translate
from gateways.agent.xds.compiler import Compiler
from gateways.protocol.resources import AnyResource, PolicyBinding, Service, Snapshot, digest
from gateways.protocol.upstream_settings import USUAL

APIS = """
apiVersion: gateway.mulesoft.com/v1alpha1
kind: ApiInstance
metadata: {name: orders}
spec: {address: "http://0.0.0.0:8081/orders"}
---
apiVersion: gateway.mulesoft.com/v1alpha1
kind: ApiInstance
metadata: {name: catalog}
spec: {address: "http://0.0.0.0:8081/catalog", services: {backend: {address: "http://backend:1"}}}
---
apiVersion: gateway.mulesoft.com/v1alpha1
kind: Service
metadata: {name: store}
spec: {address: "http://store:1"}
---
apiVersion: gateway.mulesoft.com/v1alpha1
kind: PolicyBinding
metadata: {name: to-store}
spec:
  targetRef: {name: orders}
  policyRef: {name: route}
  config: {destinationRef: {name: store}}
---
apiVersion: gateway.mulesoft.com/v1alpha1
kind: PolicyBinding
metadata: {name: header}
spec:
  targetRef: {name: orders}
  policyRef: {name: header-injection}
  config: {outboundHeaders: [{key: x-version, value: "1"}]}
"""
ORDERS, CATALOG = ("default", "orders"), ("default", "catalog")


def resources(text: str = APIS) -> tuple[AnyResource, ...]:
    return tuple(load_text(text).resources)


def body(given: Sequence[AnyResource]) -> bytes:
    snapshot = Snapshot(gateway="g", generation=1, digest=digest(given), resources=tuple(given))
    return snapshot.model_dump_json(by_alias=True).encode()


def of_key(apis: Sequence[ir.Api]) -> dict[tuple[str, str], ir.Api]:
    return {api.key: api for api in apis}


def test_unchanged_resources_are_the_same_objects() -> None:
    reader = SnapshotReader()
    before = reader.read(body(resources()))

    after = reader.read(body(resources(APIS.replace('value: "1"', 'value: "2"'))))

    same = [one is other for one, other in zip(before.resources, after.resources, strict=True)]
    assert same == [True, True, True, True, False]
    assert isinstance(after.resources[-1], PolicyBinding)
    assert after == Snapshot.model_validate_json(body(after.resources))


OLD_AND_NEW = (*resources(), *resources(APIS.replace('value: "1"', 'value: "21"')))
SENT = st.tuples(st.lists(st.integers(0, len(OLD_AND_NEW) - 1), max_size=6), st.booleans())


@settings(deadline=None)
@given(st.lists(SENT, min_size=2, max_size=5))
def test_whatever_came_before_each_snapshot_is_read_as_it_is(sent: list[tuple[list[int], bool]]) -> None:
    reader = SnapshotReader()
    for numbers, is_indented in sent:
        text = body([OLD_AND_NEW[number] for number in numbers])
        text = orjson.dumps(orjson.loads(text), option=orjson.OPT_INDENT_2) if is_indented else text

        assert reader.read(text) == Snapshot.model_validate_json(text)


@pytest.mark.parametrize(
    "broken", [b"", b"{", b"[]", b'{"resources": 1}', b'{"resources": [{"kind": "Nothing"}]}']
)
def test_what_cannot_be_read_is_refused(broken: bytes) -> None:
    with pytest.raises(ValidationError):
        SnapshotReader().read(broken)


def test_a_fault_is_located_in_the_whole() -> None:
    with pytest.raises(ValidationError) as refused:
        SnapshotReader().read(body(resources()).replace(b"http://store:1", b'x", "no": "'))

    assert refused.value.errors()[0]["loc"][:2] == ("resources", 2)


def test_unchanged_api_is_translated_once() -> None:
    last = LastTranslation()
    before = of_key(translate(resources(), last).gateway.apis)

    after = of_key(translate(resources(APIS.replace('value: "1"', 'value: "2"')), last).gateway.apis)

    assert after[CATALOG] is before[CATALOG]
    assert after[ORDERS] != before[ORDERS]


def test_changed_service_changes_the_api_that_is_routed_to_it() -> None:
    last = LastTranslation()
    translate(resources(), last)

    after = of_key(translate(resources(APIS.replace("http://store:1", "http://store:2")), last).gateway.apis)

    assert after[ORDERS].upstreams[0].port == 2


def test_service_that_is_gone_refuses_the_api() -> None:
    last = LastTranslation()
    translate(resources(), last)

    after = translate([one for one in resources() if not isinstance(one, Service)], last)

    assert "store" in after.refused[ORDERS]
    assert of_key(after.gateway.apis).keys() == {CATALOG}


def test_unchanged_api_is_compiled_once_under_the_same_settings() -> None:
    gateway = translate(resources()).gateway
    first, _ = compiled(_compiler(gateway), gateway.apis)

    again, _ = compiled(_compiler(gateway), gateway.apis, first)
    other, _ = compiled(_compiler(gateway, upstream_idle_seconds=99), gateway.apis, first)

    assert all(again[key] is first[key] for key in first)
    assert other[ORDERS].clusters != first[ORDERS].clusters


def test_routes_of_an_unchanged_api_are_written_once_and_as_any_other() -> None:
    gateway = translate(resources()).gateway
    first, _ = compiled(_compiler(gateway), gateway.apis)
    again, _ = compiled(_compiler(gateway), gateway.apis, first)
    compiler, apis = _compiler(gateway), tuple(again.values())

    plain, written = (compiler.route_config(8081, apis, attrgetter(name)) for name in ("routes", "written"))

    assert all(again[key].written is one.written for key, one in first.items())
    assert orjson.dumps(written, option=orjson.OPT_SORT_KEYS) == orjson.dumps(
        plain, option=orjson.OPT_SORT_KEYS
    )


def test_upstreams_of_which_nothing_is_set_share_their_settings() -> None:
    (store,) = (one for one in resources() if isinstance(one, Service))
    timed = APIS.replace('address: "http://store:1"', 'address: "http://store:1", dns: {refreshInSeconds: 9}')
    (other,) = (one for one in resources(timed) if isinstance(one, Service))

    assert store.spec.settings is USUAL
    assert store.spec.settings.told == {}
    assert other.spec.settings != USUAL
    assert other.spec.settings.told["dns"]["refreshInSeconds"] == 9


def _compiler(gateway: ir.Gateway, **proxying: Any) -> Compiler:
    return Compiler(Path("/state"), gateway, Proxying(**proxying))
