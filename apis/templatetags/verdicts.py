"""How a verdict on a request is shown: its words, its colours, messages as they went over the line."""

import base64
from http import HTTPStatus

from django import template

from gateways.protocol.rehearsal import Answer, DecisionKind, Outcome, SeenMessage, Sent

OUTCOMES: dict[Outcome, tuple[str, str]] = {
    "upstream": ("Upstream answered", "ok"),
    "answered": ("A policy answered", "ok"),
    "refused": ("Refused", "bad"),
    "failed": ("Upstream failed", "bad"),
    "no-route": ("No route", "warn"),
    "no-api": ("No API", "warn"),
    "not-served": ("Not served", "bad"),
    "rejected": ("Rejected by the gateway", "bad"),
    "unanswered": ("No answer", "bad"),
}
DECISIONS: dict[DecisionKind, tuple[str, str]] = {
    "passed": ("Passed", "ok"),
    "would-refuse": ("Would refuse", "warn"),
    "refused": ("Refused", "bad"),
    "answered": ("Answered", "info"),
    "not-applied": ("Not applied", ""),
    "not-reached": ("Not reached", ""),
}
BINARY = "({} bytes that are no text)"
CUT = "\n… (cut off)"

register = template.Library()


@register.filter
def outcome_words(outcome: Outcome) -> str:
    return OUTCOMES[outcome][0]


@register.filter
def outcome_tone(outcome: Outcome) -> str:
    return OUTCOMES[outcome][1]


@register.filter
def decision_words(decision: DecisionKind) -> str:
    return DECISIONS[decision][0]


@register.filter
def decision_tone(decision: DecisionKind) -> str:
    return DECISIONS[decision][1]


@register.filter
def is_use_of(use: str, name: str) -> bool:
    """Whether the use of a policy, `environment/name` or on one of many APIs `environment/name@…`, is this
    one's.
    """
    return bool(name) and use.partition("/")[2].partition("@")[0] == name


@register.filter
def message(shown: SeenMessage) -> str:
    """A request or an answer: its first line, its headers, its body."""
    lines = [_first(shown), *(f"{name}: {value}" for name, value in shown.headers)]
    body = shown.body
    if shown.is_binary:
        body = BINARY.format(len(base64.b64decode(body)))
    if shown.is_cut:
        body += CUT
    return "\n".join([*lines, *(["", body] if body else [])])


def _first(shown: SeenMessage) -> str:
    if isinstance(shown, Answer):
        known = {one.value: one.phrase for one in HTTPStatus}
        return f"{shown.status} {known.get(shown.status, '')}".strip()
    return f"{shown.method} {shown.target}" if isinstance(shown, Sent) else ""
