"""What a Service may say beside its address: what is refused, what is warned about, what it is left as."""

from typing import Any

import pytest
import yaml

from gateways.agent.sources.files import load_text
from gateways.agent.translate.apis import translate
from gateways.protocol.resources import ServiceSpec, canonical
from gateways.protocol.upstream_settings import UpstreamSettings

ROUTED = """
apiVersion: gatewright.dev/v1alpha1
kind: ApiInstance
metadata: {name: orders}
spec: {address: "http://0.0.0.0:8081/orders"}
---
apiVersion: gatewright.dev/v1alpha1
kind: PolicyBinding
metadata: {name: orders-route}
spec:
  targetRef: {name: orders}
  policyRef: {name: route}
  config: {destinationRef: {name: backend}}
---
"""
TWO = "hosts: [{address: a}, {address: b}], "
CHECKED = "healthCheck: {kind: tcp}, "


HEALTH_CHECK = """
apiVersion: gatewright.dev/v1alpha1
kind: PolicyBinding
metadata: {name: checked}
spec:
  targetRef: {kind: Service, name: backend}
  policyRef: {name: health-check-flex}
  config: {path: /health}
---
"""


def told(spec: str, address: str = "http://10.0.0.1:80", beside: str = "") -> list[str]:
    """What is said of a Service with these further fields, whether it is read or translated."""
    service = {
        "apiVersion": "gatewright.dev/v1alpha1",
        "kind": "Service",
        "metadata": {"name": "backend"},
        "spec": {"address": address, **yaml.safe_load(f"{{{spec}}}")},
    }
    loaded = load_text(ROUTED + beside + yaml.safe_dump(service))
    if loaded.diagnostics:
        return [str(one) for one in loaded.diagnostics]
    return [f"{'warning: ' if one.is_warning else ''}{one}" for one in translate(loaded.resources).faults]


@pytest.mark.parametrize(
    ("spec", "said"),
    [
        ("hosts: [{address: 'http://b'}]", "has a scheme, which is the URL's; write host:port"),
        ("hosts: [{address: 'b:0'}]", "the port is not a number from 1 to 65535"),
        ("hosts: [{address: 'b:٣'}]", "is not host:port"),
        ("hosts: [{address: 'b:80/x'}]", "is not host:port"),
        ("hosts: [{address: '::1'}]", "is not host:port"),
        ("failover: {address: 'b:80/x'}", '"b:80/x" has a path; write host:port, and the path beside it'),
        ("failover: {path: /x}", "spec.failover.path: nobody takes over"),
        ("failover: {address: b, path: x}", '"x" does not start with "/"; write /x'),
        ("failover: {address: b, path: '/x?y'}", "holds a character that a path may not"),
        ("failover: {address: b, path: '/x\\ny'}", "holds a character that a path may not"),
        ("failover: {address: b, path: '/x\"'}", "holds a character that a path may not"),
        ("failover: {address: b, path: /x/%2e%2e/y}", "has a segment that servers read in different ways"),
        ("failover: {address: b, path: '/x/;y'}", "has a segment that servers read in different ways"),
        ("failover: {address: 'http://b/x'}", "has a path"),
        ("failover: {address: 'http://b'}", "has a scheme"),
        (f"{CHECKED}failover: {{address: 10.0.0.1}}", "failover.address: is a host of the upstream itself"),
        ("hosts: [{address: '1.2.3'}]", "is not host:port"),
        ("hosts: [{address: b, wait: 1}]", "there is no such field"),
        ("hosts: [{address: b, weight: -1}]", "greater than or equal to 0"),
        ("hosts: [{address: b}, {address: 'B:80'}]", "spec.hosts[1].address: is listed twice"),
        ("hosts: [{address: '[::1]'}, {address: '[0:0::0:1]:80'}]", "spec.hosts[1].address: is listed twice"),
        ("hosts: [{address: b, weight: 0}, {address: c, weight: 0}]", "all weights are 0"),
        (f"{CHECKED}hosts: [{{address: b, backup: true}}]", "all are backups"),
        ("hosts: [{address: b}, {address: c, backup: true}]", "nothing tells when it is needed"),
        ("loadBalancing: {algorithm: best}", "spec.loadBalancing.algorithm"),
        ("loadBalancing: {algorithm: sticky}", "there is one host to choose from"),
        (f"{TWO}loadBalancing: {{hashOn: header}}", "counts for consistentHash alone"),
        (f"{TWO}loadBalancing: {{algorithm: consistentHash, hashOn: cookie}}", "name the cookie"),
        (f"{TWO}loadBalancing: {{algorithm: consistentHash, name: x}}", "no header or cookie is looked at"),
        (f"{TWO}loadBalancing: {{algorithm: sticky, name: 'a b'}}", "is not a name"),
        (f"{TWO}loadBalancing: {{lifetimeInSeconds: 5}}", "only a sticky cookie has one"),
        (f"{TWO}loadBalancing: {{algorithm: random, slowStartInSeconds: 5}}", "roundRobin and leastRequest"),
        ("loadBalancing: {slowStartInSeconds: 5}", "no host ever becomes healthy"),
        ("loadBalancing: {refuseWhileUnhealthy: true}", "nothing tells whether hosts are healthy"),
        (
            "hosts: [{address: b, weight: 2}, {address: c}], loadBalancing: {algorithm: random}",
            "random does not count weights",
        ),
        ("healthCheck: {path: /health}", "nobody asks; write kind"),
        ("healthCheck: {kind: tcp, path: /health}", "a TCP check only connects"),
        ("healthCheck: {kind: http, path: health}", 'does not start with "/"'),
        ("healthCheck: {kind: http, statuses: [299-200]}", "is not a status such as 200"),
        ("healthCheck: {kind: http, statuses: []}", "name at least one"),
        ("outlierDetection: {ejectionInSeconds: 5}", "none is ejected"),
        ("outlierDetection: {consecutiveErrors: 5}", "50 % of 1 host is less than one"),
        ("retries: {methods: [POST]}", "nothing is sent again by it"),
        ("retries: {most: 1, methods: []}", "name at least one"),
        ("retries: {most: 1, firstPauseInMilliseconds: 500}", "is shorter than the first pause"),
        ("dns: {respectTtl: true}", "each host is an IP address or localhost"),
        ("limits: {maxRequests: 0}", "greater than or equal to 1"),
        ("timeouts: {connectInMilliseconds: 0}", "greater than or equal to 1"),
        (f"hosts: [{', '.join(f'{{address: h{at}}}' for at in range(101))}]", "at most 100 items"),
    ],
)
def test_what_cannot_act_is_refused(spec: str, said: str) -> None:
    (one,) = [one for one in told(spec) if not one.startswith("warning: ")]

    assert said in one


@pytest.mark.parametrize(
    ("spec", "said"),
    [
        ("loadBalancing: {algorithm: sticky}", "which may be one host"),
        ("hosts: [{address: b}, {address: c, weight: 0}]", "spec.hosts[1].weight: is 0"),
        ("healthCheck: {kind: tcp, intervalInSeconds: 1}", "is longer than the time between"),
        ("failover: {address: b}", "failover.address: gets no POST or PATCH"),
        ("failover: {address: b}, retries: {most: 0}", "failover.address: gets nothing: nothing tells"),
        (
            "hosts: [{address: b}, {address: c}], loadBalancing: {algorithm: sticky}, "
            "healthCheck: {kind: tcp}, failover: {address: d}, limits: {maxConnections: 9, maxRetries: 3}",
            "limits.maxConnections: counts by itself",
        ),
    ],
)
def test_what_may_not_be_meant_is_warned_about(spec: str, said: str) -> None:
    (one,) = told(spec, "http://backend:80")

    assert one.startswith("warning: ")
    assert said in one


def test_policy_that_checks_health_tells_when_a_failover_is_needed() -> None:
    assert told("failover: {address: b}, retries: {most: 0}", beside=HEALTH_CHECK) == []


@pytest.mark.parametrize("more", ["", ", outlierDetection: {consecutiveErrors: 3, mostEjectedPercent: 100}"])
def test_policy_that_checks_health_says_itself_whether_it_refuses(more: str) -> None:
    (one,) = told(f"loadBalancing: {{refuseWhileUnhealthy: true}}{more}", beside=HEALTH_CHECK)

    assert one.startswith("warning: ")
    assert "does nothing beside the policy" in one


@pytest.mark.parametrize(
    "spec",
    [
        "hosts: [{address: '[::1]:80'}, {address: 'b.example.com.'}]",
        "hosts: [{address: b}, {address: c, backup: true}], outlierDetection: {consecutiveErrors: 3}",
        f"{TWO}loadBalancing: {{algorithm: consistentHash}}",
        "healthCheck: {kind: http, statuses: [200, 204, '300-399']}",
        "retries: {most: 0}",
        "http2: true",
        f"{CHECKED}failover: {{address: b, path: /x}}",
        f"{CHECKED}failover: {{address: b, path: ''}}",
    ],
)
def test_what_can_act_is_taken(spec: str) -> None:
    assert told(spec) == []


def test_what_is_not_said_leaves_no_trace() -> None:
    whole: dict[str, Any] = {
        name: {} for name in ("loadBalancing", "healthCheck", "retries", "limits", "dns")
    }
    spec = ServiceSpec.model_validate({"address": "http://a", "hosts": [], "http2": False, **whole})
    resource = {"apiVersion": "gatewright.dev/v1alpha1", "kind": "Service", "metadata": {"name": "a"}}
    (service,) = load_text(yaml.safe_dump({**resource, "spec": {"address": "http://a"}})).resources

    assert spec == ServiceSpec(address="http://a")
    assert spec.settings.told == {}
    assert canonical(service).endswith(b'"spec":{"address":"http://a"}}')


def test_what_is_told_is_read_again() -> None:
    given = {"hosts": [{"address": "b"}], "healthCheck": {"kind": "http", "statuses": [200]}, "http2": True}
    settings = UpstreamSettings.model_validate(given)

    assert UpstreamSettings.model_validate(settings.told) == settings
