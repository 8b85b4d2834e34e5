"""Every kind of finding: its stable code, how much it weighs, what to do. docs/linter.md lists them."""

from dataclasses import dataclass
from typing import Literal

Severity = Literal["error", "warning", "info"]
SEVERITIES: tuple[Severity, ...] = ("error", "warning", "info")


@dataclass(frozen=True)
class FindingKind:
    """`title` is what is found, in few words; `remedy` what to do."""

    code: str
    severity: Severity
    title: str
    remedy: str


KINDS = {
    one.code: one
    for one in (
        FindingKind(
            "route-unreachable",
            "warning",
            "A route gets no request",
            "Put it before the one that takes its requests, or remove it.",
        ),
        FindingKind(
            "route-path",
            "warning",
            "A path that is not what it looks like",
            "Write the path as proposed, or mute this where it is meant so.",
        ),
        FindingKind(
            "route-methods",
            "warning",
            "Methods that nobody uses",
            "Choose from the usual methods; several are separated by |.",
        ),
        FindingKind("route-host", "warning", "A host that no request has", "Write the host alone."),
        FindingKind(
            "upstream-weight-zero",
            "info",
            "An upstream that gets no request",
            "Give it a share of the route, or take it out of the route.",
        ),
        FindingKind(
            "upstream-resource",
            "warning",
            "An upstream's URL that looks like a resource",
            "Give the base path only: the request's own path is put after it.",
        ),
        FindingKind(
            "upstream-host-weight-zero",
            "info",
            "A host that gets no request",
            "Give it a weight, or take it out of the upstream's hosts.",
        ),
        FindingKind(
            "upstream-hash-of-one",
            "warning",
            "A choice among hosts of which there may be one",
            "List the upstream's hosts, or mute this where its name leads to several.",
        ),
        FindingKind(
            "upstream-failover",
            "warning",
            "A failover that does less than it looks like",
            "Have hosts checked or ejected, so that all requests go over; name a path that is another one.",
        ),
        FindingKind(
            "upstream-check-overlaps",
            "warning",
            "A health check that waits longer than until the next one",
            "Ask less often, or have answers come sooner.",
        ),
        FindingKind(
            "upstream-setting",
            "info",
            "A setting of an upstream that does less than it says",
            "Choose it so that it holds beside the others, or mute this where it is meant so.",
        ),
        FindingKind(
            "upstream-in-clear",
            "warning",
            "An upstream reached without TLS across networks",
            "Write https:// where the upstream speaks it, or reach it over a private network.",
        ),
        FindingKind(
            "upstream-trusts-anyone",
            "warning",
            "An upstream whose certificate is not checked",
            "Give its TLS context the CA that signs the upstream's certificate, and have it validated.",
        ),
        FindingKind(
            "listener-port",
            "warning",
            "A port that Flex Gateway keeps for itself",
            "Choose another port if this API may run there.",
        ),
        FindingKind(
            "certificate-expired",
            "error",
            "A certificate that has expired",
            "Put a new certificate into the TLS context.",
        ),
        FindingKind(
            "secret-expired",
            "warning",
            "A shared secret past its date",
            "Renew it under Secrets: what mentions it takes the new one by itself.",
        ),
        FindingKind(
            "secret-ends-soon",
            "warning",
            "A shared secret that ends soon",
            "Renew it under Secrets: what mentions it takes the new one by itself.",
        ),
        FindingKind(
            "certificate-ends-soon",
            "warning",
            "A certificate that ends within 30 days",
            "Put a new certificate into the TLS context before.",
        ),
        FindingKind(
            "tls-version",
            "warning",
            "TLS below 1.2 is allowed",
            "Raise the lowest version of the TLS context to 1.2.",
        ),
        FindingKind(
            "no-authentication",
            "info",
            "Nothing asks who calls",
            "Apply a policy that identifies callers, or mute this for an API that is meant for everybody.",
        ),
        FindingKind(
            "authentication-observed",
            "warning",
            "Authentication only observes",
            "Enforce the policy once what it would refuse is right.",
        ),
        FindingKind(
            "authentication-partial",
            "info",
            "Authentication for some requests only",
            "Take its conditions away, or mute this where the other requests are meant for everybody.",
        ),
        FindingKind(
            "credentials-in-clear",
            "warning",
            "Credentials over HTTP",
            "Serve the API with HTTPS; where TLS ends in front of the gateway, write its consumer endpoint"
            " with https://.",
        ),
        FindingKind(
            "contracts-none",
            "warning",
            "Contracts are asked for, and there is none",
            "Approve a request for access, or ask for access for an application: until then nobody may call.",
        ),
        FindingKind(
            "contracts-idle",
            "info",
            "Contracts that nothing asks for",
            "Apply Client ID Enforcement, or another policy that asks for contracts.",
        ),
        FindingKind(
            "tiers-none",
            "warning",
            "Limits of SLA tiers are asked for, and there is no tier",
            "Add an SLA tier, and give it to the contracts: one without a tier lets nobody pass.",
        ),
        FindingKind(
            "limit-before-authentication",
            "warning",
            "Strangers use up a limit that all callers share",
            "Move the limit behind the policy that identifies callers, or count by the caller's address.",
        ),
        FindingKind(
            "limit-never-fires",
            "warning",
            "A limit that never refuses",
            "Remove it, or make it stricter than the other one.",
        ),
        FindingKind(
            "cache-before-authentication",
            "error",
            "Cached answers go to callers whom nobody has checked",
            "Move the cache behind every policy that decides who may call.",
        ),
        FindingKind(
            "cache-before-check",
            "warning",
            "A policy is skipped where a cache has an answer",
            "Move the policy before the cache.",
        ),
        FindingKind(
            "cors-shadowed",
            "warning",
            "A second policy that answers preflight requests",
            "Keep one, with all sites in its origin groups.",
        ),
        FindingKind(
            "policy-order",
            "warning",
            "A policy reads what no policy before it gives",
            "Move it behind a policy that does.",
        ),
        FindingKind(
            "policy-setting",
            "warning",
            "A setting that is not what it looks like",
            "Change the setting, or mute this where it is meant so.",
        ),
        FindingKind(
            "policy-condition",
            "warning",
            "A condition that is not what it looks like",
            "Write the condition as proposed, or mute this where it is meant so.",
        ),
        FindingKind(
            "policy-never-applies",
            "warning",
            "A policy that is for no request",
            "Change its conditions so that a route's requests meet one, or remove it.",
        ),
        FindingKind(
            "conditions-too-many",
            "error",
            "More different conditions than a gateway tells apart",
            "Give some of the policies the same conditions, or none: gateways refuse the API.",
        ),
        FindingKind(
            "conditions-many",
            "warning",
            "Many different conditions, and policies without any among them",
            "Put the policies with conditions before those without, or give some of them the same ones.",
        ),
        FindingKind(
            "policy-observes-long",
            "info",
            "A policy that only observes for months",
            "Enforce it, or remove it.",
        ),
        FindingKind(
            "policy-not-valid",
            "error",
            "A policy whose configuration is no longer sound",
            "Open its form and correct what it shows: gateways refuse the API with it.",
        ),
        FindingKind(
            "policy-unknown",
            "error",
            "A policy that the catalog no longer has",
            "Remove it: gateways refuse the API with it.",
        ),
        FindingKind(
            "outbound-unused",
            "warning",
            "An outbound policy on an upstream that no route leads to",
            "Lead a route to the upstream, or take it off the policy.",
        ),
    )
}
