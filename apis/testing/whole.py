"""APIs as a gateway would run them: from their rows as they are saved, or as they are deployed."""

from collections.abc import Iterable, Iterator, Mapping
from uuid import UUID

from apis.automated import holding
from apis.automated.holding import Held
from apis.automated.models import AutomatedPolicy
from apis.changes import ingress
from apis.deployment import snapshot
from apis.models import ApiInstance, PolicyBinding, TlsContext
from apis.revision import Content, Document, Revision, document
from apis.revisions import export, rows
from gateways.models import Gateway
from gateways.protocol import resources as r

MOST_APIS = 200
"""Of a gateway that a request is tried on."""
PLAIN = "plain"
PLAIN_PORT = 8081


class NotDeployed(LookupError):
    """Nothing of it runs."""


class TooManyApis(ValueError):
    """There are more APIs than a request is tried on."""


def documents(api: ApiInstance, binding: PolicyBinding | None = None) -> list[Document]:
    """With secrets, TLS contexts, automated policies and the gateway's settings; with this policy, saved or
    not, in its place.
    """
    return of_content(api, rows.content_with(api, binding) if binding else rows.content_of(api))


def of_content(api: ApiInstance, content: Content) -> list[Document]:
    """The same of what was made of its rows."""
    return [*_own(api, content), *_shared(api.gateway)]


def under(api: ApiInstance, policy: AutomatedPolicy) -> list[Document]:
    """The same of its rows as they are, with this automated policy, saved or not, in its place."""
    held = holding.of_api_under(api, policy)
    return [*_own(api, rows.content_of(api), held), *_shared(api.gateway)]


def plain_under(policy: AutomatedPolicy) -> list[Document]:
    """An API with one route, an upstream, and this policy alone."""
    binding = holding.resource(policy)
    mentioned = snapshot.mentioned(policy.environment_id, [], [binding])
    return list(map(document, [*_plain(policy), snapshot.with_values(binding, mentioned)]))


def running(api: ApiInstance) -> list[Document]:
    """The same of what its gateway is to run. Raises NotDeployed."""
    if not api.is_deployed or api.revision is None:
        raise NotDeployed
    return of_content(api, api.revision.content)


def of_gateway(gateway: Gateway, *, is_saved: bool) -> list[Document]:
    """All APIs of a gateway, as saved or as deployed, in as many queries however many. Raises TooManyApis."""
    apis = gateway.api_instances.order_by("pk")
    if not is_saved:
        apis = apis.filter(is_deployed=True)
    deployed = dict(apis.values_list("pk", "revision_id")[: MOST_APIS + 1])
    if len(deployed) > MOST_APIS:
        raise TooManyApis
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


def _own(api: ApiInstance, content: Content, held: Held | None = None) -> list[Document]:
    contexts, held = export.contexts(content), holding.of_api(api) if held is None else held
    shared = holding.bindings(held)
    mentioned = snapshot.mentioned(api.environment_id, [content], shared)
    own = holding.under(held, snapshot.whole(content, contexts, mentioned))
    automated = [document(snapshot.with_values(one, mentioned)) for one in shared]
    return [*own, *automated, *_serving([content], contexts)]


def _plain(policy: AutomatedPolicy) -> Iterator[r.AnyResource]:
    place = {"name": PLAIN, "namespace": str(policy.environment_id)}
    labels = {holding.label_of(policy): "holds"}
    address = f"http://0.0.0.0:{PLAIN_PORT}/"
    yield r.ApiInstance(
        api_version=rows.VERSION,
        kind="ApiInstance",
        metadata=r.Metadata(**place, labels=labels),
        spec=r.ApiInstanceSpec(address=address),
    )
    yield r.Service(
        api_version=rows.VERSION,
        kind="Service",
        metadata=r.Metadata(**place),
        spec=r.ServiceSpec(address="http://upstream.example:80"),
    )
    yield r.PolicyBinding(
        api_version=rows.VERSION,
        kind="PolicyBinding",
        metadata=r.Metadata(name=f"{PLAIN}-route", namespace=place["namespace"]),
        spec=r.PolicyBindingSpec(
            target_ref=r.TargetRef(kind="ApiInstance", name=PLAIN),
            policy_ref=r.PolicyRef(name="route"),
            config={"destinationPath": "/", "destinationRef": {"name": PLAIN}},
        ),
    )


def _serving(contents: Iterable[Content], contexts: Mapping[UUID, TlsContext]) -> list[Document]:
    """One for each TLS context that APIs serve with."""
    keys = dict.fromkeys(one.serves_with for one in contents)
    return [document(rows.tls_binding(contexts[key])) for key in keys if key and key in contexts]


def _shared(gateway: Gateway | None) -> list[Document]:
    return [document(one) for one in ingress.resources(gateway)] if gateway else []
