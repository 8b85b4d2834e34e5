"""A verdict for people: lines of text."""

from collections.abc import Iterator

from gateways.protocol.rehearsal import (
    Decision,
    DecisionKind,
    Request,
    RouteWeighed,
    SeenMessage,
    Sent,
    Verdict,
)

MOST_BODY_LINES = 40
_MARKS: dict[DecisionKind, str] = {
    "passed": "✓",
    "would-refuse": "!",
    "refused": "✗",
    "answered": "✓",
    "not-applied": "·",
    "not-reached": "·",
}
_WORDS: dict[DecisionKind, str] = {
    "passed": "let it pass",
    "would-refuse": "would refuse it",
    "refused": "refused it",
    "answered": "answered it",
    "not-applied": "not applied",
    "not-reached": "not reached",
}
_INDENT = " " * 12


def text(request: Request, verdict: Verdict) -> str:
    """What was asked, then each thing that happened to it, and the last word."""
    return "\n".join([*_lines(request, verdict), ""])


def _lines(request: Request, verdict: Verdict) -> Iterator[str]:
    yield f"{request.method} {_short(request.target)}  from {verdict.caller}"
    yield ""
    yield _row("API", verdict.api or "none")
    if verdict.api and verdict.outcome != "not-served":
        yield _row("Route", verdict.route or "none that matches")
    for number, route in enumerate(it for it in verdict.routes if it.state == "passed-over"):
        yield _row("" if number else "Not by", f"{route.route}: {_short(why_not(route))}")
    for number, fault in enumerate(verdict.faults):
        yield _row("" if number else "Why", fault)
    width = max((len(one.title) for one in verdict.policies), default=0)
    for number, one in enumerate(verdict.policies):
        yield _row("" if number else "Policies", _decision(one, width))
    for asked in verdict.asked:
        yield _row("Asked", _request(asked) + ("" if asked.was_given else "  (no answer was given for it)"))
    if verdict.sent is not None:
        yield from _sent(verdict.sent, verdict.tries)
    elif verdict.answer is not None:
        yield _row("Upstream", "nothing was sent to it")
    if verdict.answer is not None:
        yield _row("Answer", str(verdict.answer.status))
        yield from _message(verdict.answer)
    for number, line in enumerate(verdict.said):
        yield _row("" if number else "Log", line)
    yield ""
    yield f"{'✓' if verdict.has_passed else '✗'} {verdict.reason}"


def why_not(one: RouteWeighed) -> str:
    """What of each of its rules the request did not meet."""
    rules = [
        " and ".join(
            f"{it.part} {it.wanted} is not {it.came or 'there'}" for it in rule.criteria if not it.holds
        )
        for rule in one.rules
    ]
    return ", nor ".join(filter(None, rules))


def _row(label: str, value: str) -> str:
    return f"  {label:<10}{value}".rstrip()


def _decision(one: Decision, width: int) -> str:
    reason = f": {one.reason}" if one.reason else ""
    return f"{_MARKS[one.decision]} {one.title:<{width}}  {_WORDS[one.decision]}{reason}"


def _request(sent: Sent) -> str:
    return f"{sent.method} {_short(sent.target)}  to {sent.upstream}"


def _sent(sent: Sent, tries: int) -> Iterator[str]:
    yield _row("Upstream", _request(sent) + (f"  ({tries} tries)" if tries > 1 else ""))
    yield from _message(sent)


def _message(shown: SeenMessage) -> Iterator[str]:
    for name, value in shown.headers:
        yield f"{_INDENT}{name}: {_short(value)}"
    if not shown.body:
        return
    yield ""
    if shown.is_binary:
        yield f"{_INDENT}({len(shown.body) * 3 // 4} bytes that are no text)"
        return
    lines = shown.body.splitlines()
    for line in lines[:MOST_BODY_LINES]:
        yield f"{_INDENT}{_plain(line[:1000])}"
    if shown.is_cut or len(lines) > MOST_BODY_LINES:
        yield f"{_INDENT}…"


def _short(value: str) -> str:
    return _plain(value if len(value) <= 300 else f"{value[:299]}…")


def _plain(value: str) -> str:
    """The text without control characters, which a terminal would obey."""
    return "".join(letter if letter.isprintable() or letter == "\t" else "�" for letter in value)
