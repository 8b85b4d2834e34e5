"""Whether a revision can run again, which ran some time ago."""

from collections.abc import Iterator

from apis.client_providers import filling
from apis.models import ApiInstance
from apis.revision import Revision
from apis.revisions import export
from apis.revisions.facts import policies
from apis.rules import running, sent_secrets
from apis.rules.problem import Problem
from apis.secret_groups import references
from policies import catalog


def problems(api: ApiInstance, revision: Revision) -> Iterator[Problem]:
    """What stands in the way of running it on the API's gateway."""
    content = revision.content
    known = export.contexts(content)
    named = [pk for pk in (content.serves_with, *content.trusts_by) if pk]
    if any(pk not in known or known[pk].environment_id != api.environment_id for pk in named):
        yield Problem("revision", f"A TLS context that revision {revision} needs was deleted.", "conflict")
        return
    known_secrets = references.secrets(api.environment_id, content.refers_to)
    gone = set(content.refers_to) - {"/".join(key) for key in known_secrets} - {filling.MARK}
    if gone:
        message = f"Shared secret {min(gone)}, which revision {revision} needs, was deleted."
        yield Problem("revision", message, "conflict")
        return
    provider = filling.of(api.environment_id) if filling.MARK in content.refers_to else None
    if filling.MARK in content.refers_to and provider is None:
        message = f"Revision {revision} needs a client provider, and {api.environment} has none."
        yield Problem("revision", message, "conflict")
        return
    yield from running.taken(api, api.gateway, revision)
    for used in policies(content).values():
        try:
            title = catalog.find(used.policy).title
            for one in sent_secrets.astray(used.policy, used.config, known_secrets, provider):
                yield Problem("revision", f"{title} of revision {revision}: {one}", "conflict")
        except catalog.UnknownPolicy as error:
            yield Problem(
                "revision", f"Revision {revision} applies a policy that is gone: {error}", "conflict"
            )
