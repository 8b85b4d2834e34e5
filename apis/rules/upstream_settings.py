"""What an upstream is told beside its URI: read, and refused where it cannot act, in words for a form."""

from collections.abc import Collection, Iterator, Mapping
from types import SimpleNamespace
from typing import Any

import pydantic

from apis.rules import upstream_uri
from apis.rules.config_messages import messages
from gateways.protocol import upstream_faults
from gateways.protocol.addresses import UpstreamAddress, upstream_address
from gateways.protocol.upstream_settings import USUAL, UpstreamSettings
from policies import catalog

Errors = dict[str, list[str]]
_ASKED = SimpleNamespace(title="An upstream", config=UpstreamSettings)


def read(given: Mapping[str, Any]) -> tuple[UpstreamSettings, Errors]:
    """The settings, or those of one that is told nothing and what is wrong, by path: `hosts.0.address`."""
    if not given:
        return USUAL, {}
    try:
        return UpstreamSettings.model_validate(given), {}
    except pydantic.ValidationError as error:
        found = messages(_ASKED, error)
        return USUAL, {path.removeprefix("config").lstrip("."): texts for path, texts in found.items()}


def faults(uri: str, settings: UpstreamSettings, policies: Collection[str] = ()) -> Iterator[tuple[str, str]]:
    """(path, sentence) of what cannot act, at a URI that is sound, beside outbound policies of these names.

    What is wrong with the URI is said elsewhere.
    """
    if settings.is_usual or (address := _address(uri)) is None:
        return
    found = list(upstream_faults.faults(address, settings, set(map(catalog.says_setting, policies))))
    found += filter(None, (_beside(name, settings) for name in policies))
    yield from map(_said, found)


def acting(uri: str, settings: UpstreamSettings) -> UpstreamSettings:
    """Without what cannot act at this URI: a part of which anything cannot is as it comes."""
    parts = {path.split(".")[0] for path, _ in faults(uri, settings)}
    usual = {
        name: getattr(USUAL, name)
        for name, info in UpstreamSettings.model_fields.items()
        if info.alias in parts
    }
    return settings.model_copy(update=usual)


def warnings(
    uri: str, settings: UpstreamSettings, policies: Collection[str] = ()
) -> Iterator[tuple[str, str]]:
    """(path, text) of what may not be meant, beside outbound policies of these names; no sentence yet."""
    address = _address(uri)
    if address and not settings.is_usual:
        said = set(map(catalog.says_setting, policies))
        for path, text in upstream_faults.warnings(address, settings, said):
            yield ".".join(map(str, path)), text
        own = settings.failover.path
        if own is not None and own.rstrip("/") == upstream_uri.read(uri).path.rstrip("/"):
            yield "failover.path", "is that of the URL; leave it empty"


def beside(policy: str, settings: UpstreamSettings) -> str | None:
    """Why the outbound policy cannot act on an upstream of these settings, or None."""
    found = _beside(policy, settings)
    return _said(found)[1] if found else None


def _beside(policy: str, settings: UpstreamSettings) -> upstream_faults.Found | None:
    return upstream_faults.beside(policy, catalog.says_setting(policy), settings)


def _address(uri: str) -> UpstreamAddress | None:
    return None if upstream_uri.fault(uri) else upstream_address(upstream_uri.read(uri).address)


def _said(found: upstream_faults.Found) -> tuple[str, str]:
    path, text = found
    return ".".join(map(str, path)), f"{text[:1].upper()}{text[1:]}."
