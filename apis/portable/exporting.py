"""APIs of an environment as one file."""

from collections.abc import Callable, Container, Sequence
from dataclasses import replace

from apis.client_providers import filling
from apis.client_providers.models import MOST_WAIT_MS
from apis.models import ApiInstance, TlsContext
from apis.portable import names, written
from apis.portable.rows import portable_of
from apis.portable.seen import as_seen
from apis.portable.shape import Portable
from apis.portable.written import Contexts
from console.permissions import EVERYTHING
from policies.traits import ClientProvider

MOST_APIS = 50
"""Of one file: it is made while somebody waits."""


def yaml_of(
    apis: Sequence[ApiInstance], may: Callable[[ApiInstance], Container[str]] = lambda _: EVERYTHING
) -> str:
    """In the order that is given; of each, what somebody may see who `may` do this much with it. Two APIs of
    one name are called apart.
    """
    texts, used, apart = [], dict[str, int](), set[str]()
    for api in apis:
        base = names.base_of(api.asset.asset_id, api.label)
        used[base] = used.get(base, 0) + 1
        if used[base] > 1:
            base = f"{base}.{used[base]}"
        whole = as_seen(portable_of(api, document=True, base=base), may(api))
        texts.append(written.yaml_of(whole, contexts_of(api, whole), base=base, apart=apart))
        apart |= {one.reference for one in whole.shared_secrets}
    return "".join(texts)


def file_name(apis: Sequence[ApiInstance]) -> str:
    if len(apis) != 1:
        return f"apis-of-{apis[0].environment.name}.yaml" if apis else "apis.yaml"
    return f"{names.base_of(apis[0].asset.asset_id, apis[0].label)}.yaml"


def contexts_of(api: ApiInstance, whole: Portable) -> Contexts:
    """Of the TLS contexts that it names, and of the client provider that it asks for, as they are now."""
    wanted = {whole.tls_context, *(one.tls_context for one in whole.upstreams)} - {""}
    found = TlsContext.objects.filter(environment=api.environment_id, name__in=wanted) if wanted else ()
    return Contexts(
        {one.name: _without_key(one.inbound_config, one.name) for one in found},
        {one.name: _without_key(one.outbound_config, one.name) for one in found},
        _provider(api, whole),
    )


def _provider(api: ApiInstance, whole: Portable) -> ClientProvider | None:
    """That of the environment where a policy asks for it. Each policy keeps its own longest wait."""
    if not filling.any_asks((one.policy, one.config) for one in whole.policies):
        return None
    found = filling.of(api.environment_id)
    shown = filling.shown(found, written.variable, written.literal) if found else None
    return replace(shown, timeout_ms=MOST_WAIT_MS) if shown else None


def _without_key(config: dict[str, object], name: str) -> dict[str, object]:
    certificate = config.get("certificate")
    if not isinstance(certificate, dict):
        return config
    return config | {"certificate": certificate | {"key": written.variable(f"tls {name}", "key")}}
