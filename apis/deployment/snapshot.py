"""From deployed revisions to the snapshot that a gateway should run.

What APIs share is no part of a revision: the certificates and keys of TLS contexts, shared secrets, the
client provider, automated policies, and the gateway's own settings are in it as they are when it is built.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any
from uuid import UUID, uuid4

import orjson
from django.db import transaction

from apis.automated import holding
from apis.automated.holding import Held
from apis.changes import ingress
from apis.client_providers import filling
from apis.deployment import snapshot_cache
from apis.deployment.snapshot_cache import Key
from apis.models import ApiInstance, TlsContext
from apis.revision import TLS_CONTEXT, Content, Document, Revision, canonical, name
from apis.revisions import rows, store
from apis.revisions.store import Deployed
from apis.rules import sent_secrets
from apis.rules.policy_config import merged
from apis.secret_groups import references
from apis.secret_groups.models import Secret
from console.compiled import CompiledQuery
from gateways.agents.packed import Packed, packed
from gateways.models import Gateway
from gateways.protocol import mentions
from gateways.protocol import resources as r
from policies.traits import ClientProvider


@dataclass(frozen=True)
class Shared:
    """What configurations refer to that their environment has, as far as any of them does."""

    secrets: Mapping[references.Key, Secret]
    provider: ClientProvider | None = None

    @property
    def marks(self) -> dict[str, str]:
        """By how a revision refers to each: what is another one exactly where it says something else."""
        found = {
            "/".join(key): _digest([one.content, one.group.sent_to]) for key, one in self.secrets.items()
        }
        return found | ({filling.MARK: _digest(asdict(self.provider))} if self.provider else {})


_cache = snapshot_cache.SnapshotCache()
_LOCKED = CompiledQuery(
    lambda gateway: Gateway.objects.order_by().select_for_update(no_key=True).filter(pk=gateway),
    gateway=uuid4(),
)
_REVISION = CompiledQuery(lambda pk: Revision.objects.order_by().filter(pk=pk), pk=2**62 + 7)


@transaction.atomic(savepoint=False)
def build(gateway: Gateway) -> Packed:
    """The newest snapshot, noted on the gateway with its digest.

    Every change locks the gateway's row before it touches another: while we hold it, all rows are of
    one moment. The number of queries does not depend on how many APIs there are.
    """
    row = _LOCKED.first(gateway=gateway.pk)
    if row is None:
        raise Gateway.DoesNotExist
    deployed = store.deployed(row)
    contexts = _contexts(deployed)
    automated = holding.holding(row.environment_id, ApiInstance.objects.filter(gateway=row, is_deployed=True))
    held = holding.bindings(automated.policies)
    shared_with = _shared(row.environment_id, {name for one in deployed for name in one.refers_to}, held)
    texts = _texts(deployed, contexts, automated.by_api, shared_with)
    serving = sorted({one.serves_with for one in deployed if one.serves_with in contexts}, key=str)
    shared = [r.canonical(rows.tls_binding(contexts[pk])) for pk in serving if pk]
    shared += [r.canonical(setting) for setting in ingress.resources(row)]
    shared += [r.canonical(with_values(one, shared_with)) for one in held]
    count = sum(one.resources_count for one in deployed) + len(shared)
    snapshot = packed(row, [*texts, *shared], count)
    if (row.digest, row.built_generation) != (snapshot.digest, snapshot.generation):
        Gateway.objects.filter(pk=row.pk).update(digest=snapshot.digest, built_generation=snapshot.generation)
    return snapshot


def whole(content: Content, contexts: Mapping[UUID, TlsContext], mentioned: Shared) -> list[Document]:
    """Its documents as the gateway runs them: with the secrets, and with what TLS contexts, shared secrets
    and the client provider say now.
    """
    return [_valued(_whole(one, content, contexts), mentioned) for one in content.documents]


def mentioned(environment: UUID, contents: Iterable[Content], held: Iterable[r.PolicyBinding]) -> Shared:
    """What these refer to."""
    return _shared(environment, {name for content in contents for name in content.refers_to}, list(held))


def with_values(binding: r.PolicyBinding, mentioned: Shared) -> r.PolicyBinding:
    """With what its configuration refers to."""
    config = _put(binding.spec.policy_ref.name, binding.spec.config, mentioned)
    if config is binding.spec.config:
        return binding
    return binding.model_copy(update={"spec": binding.spec.model_copy(update={"config": config})})


def _valued(one: Document, mentioned: Shared) -> Document:
    if one["kind"] != "PolicyBinding":
        return one
    spec = one["spec"]
    config = _put(spec["policyRef"]["name"], spec["config"], mentioned)
    return one if config is spec["config"] else one | {"spec": spec | {"config": config}}


def _put(policy: str, config: dict[str, Any], mentioned: Shared) -> dict[str, Any]:
    """The configuration with what it refers to; itself where it refers to nothing."""
    texts = [text for _, text in mentions.found(config)]
    whole = references.put(config, _known(policy, config, texts, mentioned)) if texts else config
    return filling.put(policy, whole, mentioned.provider)


def _known(
    policy: str, config: Mapping[str, Any], texts: Sequence[str], mentioned: Shared
) -> Mapping[str, str]:
    """What these mentions stand for, but for what would be sent to a host that its group does not name."""
    found = references.valued(texts, mentioned.secrets)
    for one in sent_secrets.astray(policy, config, mentioned.secrets, mentioned.provider):
        found.pop(one.text, None)
    return found


def _shared(environment: UUID, named: set[str], held: Sequence[r.PolicyBinding]) -> Shared:
    """What revisions that refer to these, and these automated policies, need."""
    specs = [one.spec for one in held]
    asks = filling.MARK in named or filling.any_asks((one.policy_ref.name, one.config) for one in specs)
    secrets = references.secrets(environment, named | set(references.keys(*(one.config for one in specs))))
    return Shared(secrets, filling.of(environment) if asks else None)


def _digest(value: Any) -> str:
    return r.digest_of([orjson.dumps(value)])


def _whole(one: Document, content: Content, contexts: Mapping[UUID, TlsContext]) -> Document:
    if secrets := content.secrets.get(name(one)):
        return one | {"spec": one["spec"] | {"config": merged(one["spec"]["config"], secrets)}}
    annotations = one["metadata"]["annotations"]
    if TLS_CONTEXT not in annotations:
        return one
    context = contexts.get(UUID(annotations[TLS_CONTEXT]))
    # Nobody may delete a context that is in use. If one is gone, the gateway refuses this API and says why.
    config = context.outbound_config if context else {"deletedTlsContext": annotations[TLS_CONTEXT]}
    rest = {key: value for key, value in annotations.items() if key != TLS_CONTEXT}
    return one | {
        "metadata": one["metadata"] | {"annotations": rest},
        "spec": one["spec"] | {"config": config},
    }


def _contexts(deployed: Sequence[Deployed]) -> dict[UUID, TlsContext]:
    named = {pk for one in deployed for pk in (one.serves_with, *one.trusts_by) if pk}
    return TlsContext.objects.in_bulk(named)


def _texts(
    deployed: Sequence[Deployed],
    contexts: Mapping[UUID, TlsContext],
    automated: Mapping[int, Held],
    mentioned: Shared,
) -> list[bytes]:
    """Of each API, all its documents as one text: a part of the snapshot's list."""
    marks = {pk: _digest(one.outbound_config) for pk, one in contexts.items()}
    shared_now = mentioned.marks
    keys: dict[Key, int | None] = {
        (
            one.digest,
            *(marks.get(pk, "") for pk in one.trusts_by),
            *(shared_now.get(name, "") for name in one.refers_to),
            _mark(automated.get(one.api_id, ())),
            f"with {one.change_set}" if one.change_set else "",
        ): one.revision_id
        for one in deployed
    }
    known = _cache.recall(keys)
    missing = {pk: key for key, pk in keys.items() if pk and key not in known}
    sets = {one.api_id: one.change_set for one in deployed if one.change_set}
    made = {
        missing[revision.pk]: _text(
            revision, contexts, automated.get(revision.api_id, ()), mentioned, sets.get(revision.api_id)
        )
        for revision in _revisions(list(missing))
    }
    _cache.keep(made)
    known |= made
    return [known[key] for key in keys]


def _revisions(ids: Sequence[int]) -> Iterable[Revision]:
    """Most often one API has changed."""
    return _REVISION(pk=ids[0]) if len(ids) == 1 else Revision.objects.filter(pk__in=ids).order_by()


def _mark(held: Held) -> str:
    """What of them is in an API's text. Thousands of keys are kept: it is short, however many they are."""
    told = "".join(f"{one.pk}:{one.policy}:{one.conflicts}\n" for one in held)
    return r.digest_of([told.encode()]) if told else ""


def _text(
    revision: Revision,
    contexts: Mapping[UUID, TlsContext],
    held: Held,
    mentioned: Shared,
    change_set: UUID | None,
) -> bytes:
    if revision.secrets or revision.trusts_by or revision.refers_to or held or change_set:
        documents = holding.under(held, whole(revision.content, contexts, mentioned))
        return canonical(_together(documents, change_set) if change_set else documents)[1:-1]
    return revision.documents.encode()[1:-1]


def _together(documents: Sequence[Document], change_set: UUID) -> list[Document]:
    """The same with the mark by which a gateway knows what changes together; the API's own comes first."""
    own, *others = documents
    metadata = own["metadata"]
    marked = metadata | {"annotations": metadata["annotations"] | {r.CHANGE_SET: str(change_set)}}
    return [own | {"metadata": marked}, *others]
