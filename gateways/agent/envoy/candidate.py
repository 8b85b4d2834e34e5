"""Compiles APIs and asks Envoy about them, so that a faulty one is known before anything is written."""

from collections.abc import Iterable, Mapping, Sequence
from types import MappingProxyType

from gateways.agent.envoy.validate import Verdict
from gateways.agent.translate import ir
from gateways.agent.translate.index import Key
from gateways.agent.xds.compiled_api import CompiledApi
from gateways.agent.xds.compiler import Compiler


def compiled(
    compiler: Compiler, apis: Iterable[ir.Api], before: Mapping[Key, CompiledApi] = MappingProxyType({})
) -> tuple[dict[Key, CompiledApi], dict[Key, str]]:
    """The APIs that compile, and why others do not. What is unchanged since `before` is the same object."""
    good: dict[Key, CompiledApi] = {}
    refused: dict[Key, str] = {}
    for api in apis:
        try:
            good[api.key] = compiler.api(api, before.get(api.key))
        except ValueError as error:
            refused[api.key] = str(error)
    return good, refused


def faulty(verdict: Verdict, compiler: Compiler, apis: Sequence[CompiledApi]) -> dict[Key, str]:
    """The APIs that Envoy itself would refuse, found by halving, with its words."""
    reason = verdict(compiler.candidate(apis)) if apis else None
    if reason is None:
        return {}
    if len(apis) == 1:
        return {apis[0].api.key: reason}
    middle = len(apis) // 2
    found = faulty(verdict, compiler, apis[:middle]) | faulty(verdict, compiler, apis[middle:])
    return found or {one.api.key: reason for one in apis}
