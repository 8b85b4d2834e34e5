"""An API as a gateway would run it, from its rows as they are saved, whether it is deployed or not."""

from apis.automated import holding
from apis.changes import ingress
from apis.deployment import snapshot
from apis.models import ApiInstance, PolicyBinding
from apis.revision import Content, Document, document
from apis.revisions import export, rows


def documents(api: ApiInstance, binding: PolicyBinding | None = None) -> list[Document]:
    """With secrets, TLS contexts, automated policies and the gateway's settings; with this policy, saved or
    not, in its place.
    """
    return of_content(api, rows.content_with(api, binding) if binding else rows.content_of(api))


def of_content(api: ApiInstance, content: Content) -> list[Document]:
    """The same of what was made of its rows."""
    return [*_own(api, content), *_shared(api)]


def _own(api: ApiInstance, content: Content) -> list[Document]:
    contexts = export.contexts(content)
    found = holding.whole(api, snapshot.whole(content, contexts))
    serving = contexts.get(content.serves_with) if content.serves_with else None
    return [*found, document(rows.tls_binding(serving))] if serving else found


def _shared(api: ApiInstance) -> list[Document]:
    return [document(one) for one in ingress.resources(api.gateway)] if api.gateway else []
