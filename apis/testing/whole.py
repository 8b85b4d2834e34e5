"""APIs as a gateway would run them: from their rows as they are saved, or as they are deployed."""

from collections.abc import Iterable, Mapping
from uuid import UUID

from apis.automated import holding
from apis.changes import ingress
from apis.deployment import snapshot
from apis.models import ApiInstance, PolicyBinding, TlsContext
from apis.revision import Content, Document, Revision, document
from apis.revisions import export, rows
from gateways.models import Gateway

MOST_APIS = 200
"""Of a gateway that a request is tried on."""


class NotDeployed(LookupError):
    """Nothing of it runs."""


class TooMany(ValueError):
    """There are more APIs than a request is tried on."""


def documents(api: ApiInstance, binding: PolicyBinding | None = None) -> list[Document]:
    """With secrets, TLS contexts, automated policies and the gateway's settings; with this policy, saved or
    not, in its place.
    """
    return of_content(api, rows.content_with(api, binding) if binding else rows.content_of(api))


def of_content(api: ApiInstance, content: Content) -> list[Document]:
    """The same of what was made of its rows."""
    return [*_own(api, content), *_shared(api.gateway)]


def running(api: ApiInstance) -> list[Document]:
    """The same of what its gateway is to run. Raises NotDeployed."""
    if not api.is_deployed or api.revision is None:
        raise NotDeployed
    return of_content(api, api.revision.content)


def of_gateway(gateway: Gateway, *, is_saved: bool) -> list[Document]:
    """All APIs of a gateway, as saved or as deployed, in as many queries however many. Raises TooMany."""
    apis = gateway.api_instances.order_by("pk")
    if not is_saved:
        apis = apis.filter(is_deployed=True)
    deployed = dict(apis.values_list("pk", "revision_id")[: MOST_APIS + 1])
    if len(deployed) > MOST_APIS:
        raise TooMany
    if is_saved:
        contents = rows.contents(deployed)
    else:
        revisions = Revision.objects.filter(pk__in=[pk for pk in deployed.values() if pk])
        contents = {one.api_id: one.content for one in revisions}
    held = holding.holding(gateway.environment_id, ApiInstance.objects.filter(pk__in=contents))
    contexts, shared = export.contexts(*contents.values()), holding.bindings(held.policies)
    mentioned = snapshot.mentioned(gateway.environment_id, contents.values(), shared)
    found = [
        one
        for pk, content in sorted(contents.items())
        for one in holding.under(held.by_api.get(pk, ()), snapshot.whole(content, contexts, mentioned))
    ]
    automated = [document(snapshot.with_values(one, mentioned)) for one in shared]
    return [*found, *automated, *_serving(contents.values(), contexts), *_shared(gateway)]


def _own(api: ApiInstance, content: Content) -> list[Document]:
    contexts, held = export.contexts(content), holding.of_api(api)
    shared = holding.bindings(held)
    mentioned = snapshot.mentioned(api.environment_id, [content], shared)
    own = holding.under(held, snapshot.whole(content, contexts, mentioned))
    automated = [document(snapshot.with_values(one, mentioned)) for one in shared]
    return [*own, *automated, *_serving([content], contexts)]


def _serving(contents: Iterable[Content], contexts: Mapping[UUID, TlsContext]) -> list[Document]:
    """One for each TLS context that APIs serve with."""
    keys = dict.fromkeys(one.serves_with for one in contents)
    return [document(rows.tls_binding(contexts[key])) for key in keys if key and key in contexts]


def _shared(gateway: Gateway | None) -> list[Document]:
    return [document(one) for one in ingress.resources(gateway)] if gateway else []
