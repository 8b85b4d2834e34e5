"""A revision as the files of Local Mode: what would run the same API without a console.

A secret is the name of a variable, `$HTTP_BASIC_AUTHENTICATION_12_PASSWORD`, which Local Mode takes from its
environment. So is the key of a TLS context, `$TLS_SHOP_KEY`.
"""

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any
from uuid import UUID

import yaml

from apis.automated import holding
from apis.automated.models import AutomatedPolicy
from apis.client_providers import filling
from apis.models import ApiInstance, PolicyBinding, TlsContext
from apis.revision import TLS_CONTEXT, Content, Document, Revision, document, name
from apis.revisions import rows
from apis.revisions.dumper import Dumper
from apis.rules.policy_config import merged
from apis.secret_groups import references
from apis.secret_groups.models import SecretGroup
from apis.secret_groups.shared import SHOWN
from gateways.protocol import mentions
from gateways.protocol.resources import API_VERSION
from policies.traits import ClientProvider

Secret = tuple[str, str]
"""The name of its document and its path in the configuration."""

_LIKE_A_VARIABLE = re.compile(r"\$+[A-Za-z_][A-Za-z0-9_]*")


def yaml_of(revision: Revision) -> str:
    """One YAML document for each resource, with those of the TLS contexts that it names, and of the automated
    policies that hold for its API, as they are now: what a gateway would run.
    """
    return yaml_of_content(revision.api_id, revision.content)


def yaml_of_content(api_id: int, content: Content) -> str:
    """The same of what need not be deployed."""
    held = holding.of_api_with(api_id)
    runs, found = holding.split(held, documents(content, contexts(content)))
    automated = [_on_one(_automated(one), found[0]) for one in runs]
    whole = [*found, *automated]
    return "---\n".join(map(text, [*_with_provider(whole), *_secrets(whole)]))


def yaml_of_automated(policy: AutomatedPolicy) -> str:
    """One, which need not be saved."""
    return "---\n".join(map(text, _with_provider([_automated(policy)])))


def yaml_of_binding(api: ApiInstance, binding: PolicyBinding) -> str:
    """A policy, which need not be saved, as Local Mode takes it; an outbound one as several documents."""
    names = set(rows.names(api, binding))
    content = rows.content_with(api, binding)
    own = tuple(one for one in content.documents if name(one) in names)
    return "---\n".join(map(text, _with_provider(documents(Content(own, content.secrets), {}))))


def contexts(*contents: Content) -> dict[UUID, TlsContext]:
    """The TLS contexts that they name and that still exist."""
    named = {pk for one in contents for pk in (one.serves_with, *one.trusts_by) if pk}
    return TlsContext.objects.in_bulk(named)


def documents(
    content: Content, known: Mapping[UUID, TlsContext], changed: Collection[Secret] = ()
) -> list[Document]:
    """The same as data, secrets by their variables; of those that are `changed` it says so."""
    found = [_shown(one, content, known, changed) for one in content.documents]
    context = known.get(content.serves_with) if content.serves_with else None
    if context:
        found.append(_without_key(document(rows.tls_binding(context)), context))
    return found


def text(one: Document) -> str:
    """A document as YAML, without what it does not say; keys are in order, so that texts can be compared.

    Snapshots have Flex Gateway's apiVersion, which gateways of every release know, and files our own.
    """
    kept = {"apiVersion": API_VERSION, "kind": one["kind"]}
    kept |= {"metadata": _said(one["metadata"]), "spec": _said(one["spec"])}
    dumped: str = yaml.dump(kept, Dumper=Dumper, sort_keys=False, allow_unicode=True, width=100)
    return dumped


def variable(owner: str, path: str) -> str:
    words = re.sub(r"[^A-Z0-9]+", "_", f"{owner}_{path}".upper()).strip("_")
    return f"${words}"


def _shown(
    one: Document, content: Content, known: Mapping[UUID, TlsContext], changed: Collection[Secret]
) -> Document:
    if one["kind"] == "PolicyBinding":
        one = one | {"spec": one["spec"] | {"config": _literal(one["spec"]["config"])}}
    own = name(one)
    if secrets := content.secrets.get(own):
        shown = {path: variable(own, path) for path in secrets}
        shown |= {path: f"{shown[path]} (changed)" for path in secrets if (own, path) in changed}
        return one | {"spec": one["spec"] | {"config": merged(one["spec"]["config"], shown)}}
    named = one["metadata"]["annotations"].get(TLS_CONTEXT)
    if not named or not (context := known.get(UUID(named))):
        return one
    whole = one | {"spec": one["spec"] | {"config": context.outbound_config}}
    return _without_key(whole, context)


def _automated(policy: AutomatedPolicy) -> Document:
    """With its secrets by their variables; what is no secret and looks like one is as Local Mode has it."""
    owner = policy.resource_name
    literal = _literal(policy.config)
    shown = {path: variable(owner, path) for path in policy.secrets}
    found = document(holding.resource(policy, {}))
    return found | {"spec": found["spec"] | {"config": merged(literal, shown)}}


def _secrets(mentioning: Sequence[Document]) -> Iterator[Document]:
    """The shared secrets that these mention, their values by variables."""
    if not mentioning:
        return
    environment = UUID(mentioning[0]["metadata"]["namespace"])
    configs = [one["spec"]["config"] for one in mentioning if one["kind"] == "PolicyBinding"]
    texts = sorted({found for config in configs for _, found in mentions.found(config)})
    known = references.secrets(environment, references.keys(*configs))
    written = set()
    for mention in filter(None, map(mentions.read, texts)):
        place = mention.group or str(environment), mention.name
        secret = known.get((mention.group or SecretGroup.DEFAULT, mention.name))
        if secret and place not in written:
            written.add(place)
            told = _literal({name: one for name, one in secret.told.items() if name in SHOWN})
            data = {name: told.get(name) or variable(" ".join(place), name) for name in secret.content}
            metadata = {"name": mention.name, "namespace": place[0]}
            yield {"apiVersion": rows.VERSION, "kind": "Secret", "metadata": metadata, "spec": {"data": data}}


def _with_provider(whole: Sequence[Document]) -> list[Document]:
    """With what the environment's client provider says, its secret by a variable: a file works alone."""
    specs = [one["spec"] for one in whole if one["kind"] == "PolicyBinding"]
    if not filling.any_asks((one["policyRef"]["name"], one["config"]) for one in specs):
        return list(whole)
    provider = filling.of(UUID(whole[0]["metadata"]["namespace"]))
    return (
        [_provided(one, filling.shown(provider, variable, _literal)) for one in whole]
        if provider
        else list(whole)
    )


def _provided(one: Document, provider: ClientProvider) -> Document:
    if one["kind"] != "PolicyBinding":
        return one
    spec = one["spec"]
    return one | {"spec": spec | {"config": filling.put(spec["policyRef"]["name"], spec["config"], provider)}}


def _on_one(policy: Document, api: Document) -> Document:
    """For this API alone: its file can lie beside those of others that the policy covers."""
    own = name(api)
    named = policy["metadata"] | {"name": f"{name(policy)}@{own}"}
    target = policy["spec"]["targetRef"] | {"kind": "ApiInstance", "name": own, "selector": None}
    return policy | {"metadata": named, "spec": policy["spec"] | {"targetRef": target}}


def _without_key(one: Document, context: TlsContext) -> Document:
    config = one["spec"]["config"]
    if "certificate" not in config:
        return one
    certificate = config["certificate"] | {"key": variable(f"tls {context.name}", "key")}
    return one | {"spec": one["spec"] | {"config": config | {"certificate": certificate}}}


def _literal(value: Any) -> Any:
    """What looks like a variable and is none, as Local Mode has it."""
    if isinstance(value, Mapping):
        return {key: _literal(one) for key, one in value.items()}
    if isinstance(value, list):
        return [_literal(one) for one in value]
    return f"${value}" if isinstance(value, str) and _LIKE_A_VARIABLE.fullmatch(value) else value


def _said(part: Mapping[str, Any]) -> dict[str, Any]:
    """Without the fields that hold nothing; a policy's configuration keeps them."""
    return {
        key: _ordered(value) if key == "config" else _plain(value)
        for key, value in sorted(part.items())
        if value not in (None, "", [], {})
    }


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return _said(value)
    return [_plain(one) for one in value] if isinstance(value, list) else value


def _ordered(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _ordered(one) for key, one in sorted(value.items())}
    return [_ordered(one) for one in value] if isinstance(value, list) else value
