"""What is found between an API's contracts and its policies: what is asked for and not there, or idle."""

from collections.abc import Iterator

from apis.lint.finding import Finding, api_place
from apis.lint.subject import LintedApi


def findings(subject: LintedApi) -> Iterator[Finding]:
    asking = [(one, asks) for one in subject.running if (asks := one.policy.asks_contracts(one.config))]
    if not subject.has_contracts:
        for one, _ in asking[:1]:
            yield Finding("contracts-none", one.place, "asks for a contract with this API, and there is none")
    elif not asking:
        text = "has contracts, and no policy asks for them: they let nobody in and keep nobody out"
        yield Finding("contracts-idle", api_place(subject.api.pk), text)
    for one, asks in asking:
        if asks.limits and not subject.has_tiers:
            yield Finding("tiers-none", one.place, "takes its limits from SLA tiers, and the API has none")
