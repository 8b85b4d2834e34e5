"""What is found in how callers reach an API: certificates, TLS, credentials that can be read on their way."""

from collections.abc import Iterator

from apis.lint.finding import Finding, FindingPlace, api_place, context_place
from apis.lint.subject import LintedApi, Running
from apis.models import ApiInstance, TlsContext
from apis.rules import listeners
from policies.policy import Phase


def findings(subject: LintedApi) -> Iterator[Finding]:
    api, identifying = subject.api, [one for one in subject.running if identifies(one)]
    if hint := listeners.hint(api.port):
        yield Finding("listener-port", api_place(api.pk), hint.rstrip("."), "Port")
    yield from _certificates(subject)
    yield from _secrets(subject)
    yield from _authentication(subject, identifying)
    if api.protocol == ApiInstance.Protocol.HTTP and not api.consumer_endpoint.startswith("https://"):
        for one in identifying:
            if one.policy.phase is Phase.IDENTIFY and one.policy.identifies_by == "credential":
                text = "takes credentials over HTTP: whoever is between caller and gateway can read them"
                yield Finding("credentials-in-clear", one.place, text)


def identifies(one: Running) -> bool:
    """Whether it finds out who calls."""
    return one.policy.identifies_by in ("credential", "proof")


def _authentication(subject: LintedApi, identifying: list[Running]) -> Iterator[Finding]:
    api = subject.api
    context = api.tls_context
    if context and context.requires_client_certificate:
        return
    by_address = (one for one in subject.running if one.policy.identifies_by == "address")
    if any(one.is_enforced and not one.binding.conditions for one in by_address):
        return
    enforced = [one for one in identifying if one.is_enforced]
    place = api_place(api.pk)
    if not identifying:
        text = f"asks nobody who they are: whoever reaches port {api.port} may call it"
        yield Finding("no-authentication", place, text)
    elif not enforced:
        names = " and ".join(one.policy.title for one in identifying)
        text = f"lets everybody pass: {names} only observe{'s' if len(identifying) == 1 else ''}"
        yield Finding("authentication-observed", place, text)
    elif all(one.binding.conditions for one in enforced):
        text = f"asks who calls only where the conditions of {enforced[0].policy.title} hold"
        more = len(enforced) - 1
        if more:
            text = f"asks who calls only where conditions of {len(enforced)} policies hold"
        yield Finding("authentication-partial", place, text)


def _certificates(subject: LintedApi) -> Iterator[Finding]:
    serving = subject.api.tls_context
    contexts = {serving.pk: serving} if serving else {}
    for route in subject.routes:
        for upstream in route.upstreams:
            if upstream.tls_context:
                contexts[upstream.tls_context.pk] = upstream.tls_context
    for context in contexts.values():
        yield from _of_context(context, is_serving=context == serving)


def _secrets(subject: LintedApi) -> Iterator[Finding]:
    for one in subject.secrets:
        if one.expires_at is None or not (one.is_expired or one.expires_soon):
            continue
        place = FindingPlace(f"secret:{one.pk}", f"Shared secret {one.reference}", one.get_absolute_url())
        ends = f"{one.expires_at:%-d %B %Y}"
        if one.is_expired:
            yield Finding("secret-expired", place, f"should have been renewed by {ends}")
        else:
            yield Finding("secret-ends-soon", place, f"is to be renewed by {ends}")


def _of_context(context: TlsContext, *, is_serving: bool) -> Iterator[Finding]:
    place = context_place(context.pk, context.name)
    asks = context.requires_client_certificate or not is_serving
    known = [("certificate", context.certificate), ("trusted CA", context.trusted_ca if asks else "")]
    for what, pem in known:
        if pem:
            yield from _of_certificate(context, place, what)
    if context.min_version in (TlsContext.Version.TLS_1_0, TlsContext.Version.TLS_1_1):
        text = f"allows TLS {context.min_version}, which is not safe any more"
        yield Finding("tls-version", place, text)


def _of_certificate(context: TlsContext, place: FindingPlace, what: str) -> Iterator[Finding]:
    try:
        facts = context.facts if what == "certificate" else context.trusted_facts
    except ValueError:
        return
    if facts is None:
        return
    ends = f"{facts.expires_at:%-d %B %Y}"
    if facts.is_expired:
        yield Finding("certificate-expired", place, f"has a {what} that expired on {ends}")
    elif facts.expires_soon:
        yield Finding("certificate-ends-soon", place, f"has a {what} that ends on {ends}")
