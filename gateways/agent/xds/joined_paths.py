"""Judges the path that a route joins from groups before any policy runs, as Envoy joins it only at the end.

`/files/.-./internal` by the rule `/files/(.*)-(.*)` becomes `/../internal`. A filter does beforehand what the
route will do, and what comes of it is refused where the path of a client would be. A path that was not
judged, being longer than the filter takes, is refused too.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from gateways.agent.xds.rewriting import Replacement
from gateways.protocol.spelling import refused_when_joined
from policies.compiled import TYPE_URL

_HTTP = TYPE_URL + "envoy.extensions.filters.http."
_NAMESPACE = "gatewright.path"
_REFUSAL = """function envoy_on_request(handle)
  local answer = { [":status"] = "400", ["content-type"] = "application/json" }
  handle:respond(answer, '{"error": "What the route makes of this path, servers read in different ways."}')
end"""


_KEYS = ("joined", "taken-over")
JOIN_SLOT, JUDGE_SLOT = "join", "judge"
EMPTY = {
    JOIN_SLOT: {"@type": _HTTP + "header_to_metadata.v3.Config"},
    JUDGE_SLOT: {"@type": _HTTP + "composite.v3.Composite"},
}


def judged(joinings: Sequence[Replacement]) -> dict[str, Mapping[str, Any]]:
    """The slots of a route that replaces patterns, which tell too where the query begins; none for none.

    Of two, one is for the upstream that takes over.
    """
    if not joinings:
        return {}
    made = list(zip(_KEYS, joinings, strict=False))
    return {
        JOIN_SLOT: {**EMPTY[JOIN_SLOT], "request_rules": [_rewritten(*one) for one in made]},
        JUDGE_SLOT: {
            "@type": _HTTP + "composite.v3.CompositePerRoute",
            "matcher": _matcher([key for key, _ in made]),
        },
    }


def _rewritten(key: str, replacement: Replacement) -> dict[str, Any]:
    pattern, substitution = replacement
    return {
        "header": ":path",
        "on_header_present": {
            "metadata_namespace": _NAMESPACE,
            "key": key,
            "regex_value_rewrite": {"pattern": {"regex": pattern}, "substitution": substitution},
        },
    }


def _matcher(keys: Iterable[str]) -> dict[str, Any]:
    """Refuses what was not judged, too."""
    ways = [one for key in keys for one in ({"not_matcher": _is(key, ".*")}, _is(key, refused_when_joined()))]
    unfit = {"or_matcher": {"predicate": ways}}
    lua = {"@type": _HTTP + "lua.v3.Lua", "default_source_code": {"inline_string": _REFUSAL}}
    refuse = {
        "name": "refuse",
        "typed_config": {
            "@type": _HTTP + "composite.v3.ExecuteFilterAction",
            "typed_config": {"name": "gatewright.refuse", "typed_config": lua},
        },
    }
    return {"matcher_list": {"matchers": [{"predicate": unfit, "on_match": {"action": refuse}}]}}


def _is(key: str, expression: str) -> dict[str, Any]:
    return {
        "single_predicate": {
            "input": {
                "name": "joined",
                "typed_config": {
                    "@type": TYPE_URL
                    + "envoy.extensions.matching.common_inputs.network.v3.DynamicMetadataInput",
                    "filter": _NAMESPACE,
                    "path": [{"key": key}],
                },
            },
            "custom_match": {
                "name": "joined",
                "typed_config": {
                    "@type": TYPE_URL + "envoy.extensions.matching.input_matchers.metadata.v3.Metadata",
                    "value": {"string_match": {"safe_regex": {"regex": expression}}},
                },
            },
        }
    }
