"""Tests as data: requests to an API, and what is expected of the verdict on each. YAML of people, too."""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Annotated, Any, Self

import yaml
from pydantic import (
    AfterValidator,
    BeforeValidator,
    Field,
    TypeAdapter,
    ValidationError,
    ValidationInfo,
    model_validator,
)

from gateways.protocol import given
from gateways.protocol.faults import dotted, explained
from gateways.protocol.rehearsal import Answers, HeaderName, Outcome, Played, Request, SeenMessage, Verdict
from gateways.protocol.resources import Model

MOST_CASES, MOST_STEPS, MOST_TIMES = 100, 20, 100
MOST_CASE_BYTES = 64 * 1024
MOST_NAME = 120
SHOWN_CHARACTERS = 500
_OURS = ("expect", "answers", "times")
_Dumper: Any = getattr(yaml, "CSafeDumper", yaml.SafeDumper)


class NoCases(ValueError):
    """What was given are no tests; the words say what is wrong, and where."""


def _pairs(value: Any) -> Any:
    """Headers as a mapping, where a list says that one comes several times."""
    if not isinstance(value, Mapping):
        return value
    several = ((name, it if isinstance(it, list) else [it]) for name, it in value.items())
    return [(name, one) for name, its in several for one in its]


def _several(value: Any) -> Any:
    return [value] if isinstance(value, Mapping) else value


OwnName = Callable[[str], str]
"""A policy's own name, by any. Raises LookupError for what is none, whose text is told."""


def _policy(name: str, info: ValidationInfo) -> str:
    """As it is where nobody tells the policies' names."""
    own_name: OwnName | None = (info.context or {}).get("own_name")
    try:
        return own_name(name) if own_name else name
    except LookupError as error:
        raise ValueError(str(error)) from None


PolicyName = Annotated[str, Field(max_length=120), AfterValidator(_policy)]


Expected = dict[HeaderName, str | tuple[str, ...] | None]
"""Headers by name: the value, several of them, or None for none."""


class Expect(Model):
    """What is left out is not looked at. `path` is what goes out to the upstream, `refused` a policy."""

    outcome: Outcome | None = None
    status: int | None = Field(None, ge=100, le=599)
    refused: PolicyName | None = None
    error: str | None = Field(None, max_length=1000)
    route: str | None = Field(None, max_length=255)
    path: str | None = Field(None, max_length=8192)
    sent: Expected = Field({}, max_length=50)
    answer: Expected = Field({}, max_length=50)
    body: str | None = Field(None, max_length=16 * 1024)
    body_contains: str | None = Field(None, max_length=4096)

    @model_validator(mode="after")
    def _says_something(self) -> Self:
        if not self.model_dump(exclude_defaults=True):
            raise ValueError("say what is expected: an outcome, a status, headers, a body")
        return self


class Step(Model):
    """One request, `times` over. `target` comes after the API's base path; `answers` are its upstream's."""

    method: str = "GET"
    target: str = Field("", max_length=8192)
    headers: Annotated[tuple[tuple[str, str], ...], BeforeValidator(_pairs)] = ()
    body: str = ""
    body_base64: str = ""
    caller: str = Field("127.0.0.1", alias="from")
    seconds: float = Field(10, gt=0, le=30)
    answers: Annotated[Answers, BeforeValidator(_several)] = ()
    times: int = Field(1, ge=1, le=MOST_TIMES)
    expect: Expect

    @model_validator(mode="after")
    def _is_a_request(self) -> Self:
        self.request("/", None)
        return self

    def request(self, base_path: str, port: int | None) -> Request:
        plain = self.model_dump(by_alias=True, exclude={*_OURS, "target"})
        target = base_path.rstrip("/") + self.target
        return Request.model_validate({**plain, "target": target or "/", "port": port})


class Case(Model):
    """A test: one request, or an `order` of them, where a policy counts, say."""

    name: str = Field(min_length=1, max_length=MOST_NAME)
    order: tuple[Step, ...] = Field((), max_length=MOST_STEPS)
    step: Step | None = Field(None, exclude=True)

    @model_validator(mode="before")
    @classmethod
    def _alone(cls, value: Any) -> Any:
        """A test of one request has the request's fields itself."""
        if not isinstance(value, Mapping) or "order" in value or "step" in value:
            return value
        rest = {name: it for name, it in value.items() if name != "name"}
        return {"step": rest, **({"name": value["name"]} if "name" in value else {})}

    @model_validator(mode="after")
    def _is_one_thing(self) -> Self:
        if bool(self.order) == bool(self.step):
            raise ValueError("give a request, or an order of them")
        text = json.dumps(self.plain)
        if len(text) > MOST_CASE_BYTES:
            raise ValueError(f"is larger than {MOST_CASE_BYTES // 1024} KB")
        if "\\u0000" in text.replace("\\\\", ""):
            raise ValueError("holds a NUL character; a body that has one is written as bodyBase64")
        return self

    @property
    def steps(self) -> tuple[Step, ...]:
        return self.order or ((self.step,) if self.step else ())

    @property
    def plain(self) -> dict[str, Any]:
        """As data, without what it does not say."""
        if self.step:
            return {"name": self.name, **_plain(self.step)}
        return {"name": self.name, "order": [_plain(one) for one in self.order]}


class Mismatch(Model):
    """`what` of the verdict is not as expected. `step` counts from 1 where there are several."""

    what: str
    expected: str
    came: str
    step: int = 0


_CASES: TypeAdapter[tuple[Case, ...]] = TypeAdapter(Annotated[tuple[Case, ...], Field(max_length=MOST_CASES)])


def read(text: str, own_name: OwnName | None = None) -> tuple[Case, ...]:
    """Of YAML: a list of tests, or one. With `own_name` policies must be known. Raises NoCases."""
    try:
        return understood(given.read(text), own_name)
    except given.NotRead as error:
        raise NoCases(str(error)) from None


def understood(value: Any, own_name: OwnName | None = None) -> tuple[Case, ...]:
    """The same of what YAML or JSON holds. Raises NoCases."""
    if not isinstance(value, Mapping | list) or not value:
        raise NoCases("write a list of tests, each with a name, a request and what is expected")
    try:
        several = [value] if isinstance(value, Mapping) else value
        found = _CASES.validate_python(several, context={"own_name": own_name})
    except ValidationError as error:
        raise NoCases("; ".join(_words(error))) from None
    names = [one.name for one in found]
    if twice := next((name for at, name in enumerate(names) if name in names[:at]), None):
        raise NoCases(f'two tests are called "{twice}"; give each a name of its own')
    return found


def written(cases: Sequence[Case]) -> str:
    """The YAML of them."""
    return as_yaml([one.plain for one in cases])


def as_yaml(value: Any) -> str:
    text: str = yaml.dump(value, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=100)
    return text


def differences(expect: Expect, verdict: Verdict, step: int = 0) -> list[Mismatch]:
    """Where the verdict is not as expected; none where the test passes."""
    return [
        Mismatch(what=what, expected=_shown(wanted), came=_shown(came), step=step)
        for what, wanted, came in _compared(expect, verdict)
        if wanted != came
    ]


Ask = Callable[[Request, Sequence[Played]], Verdict]


def tried(case: Case, ask: Ask, base_path: str, port: int | None) -> list[Mismatch]:
    """The first request of it that does not come to what is expected says how; none where all do."""
    for number, step in enumerate(case.steps, start=1):
        for _ in range(step.times):
            verdict = ask(step.request(base_path, port), step.answers)
            if found := differences(step.expect, verdict, number if len(case.steps) > 1 else 0):
                return found
    return []


def _compared(expect: Expect, verdict: Verdict) -> Iterator[tuple[str, Any, Any]]:
    answer, sent = verdict.answer, verdict.sent
    said = expect.model_dump(exclude_none=True, exclude={"sent", "answer", "body_contains"})
    came = {
        "outcome": verdict.outcome,
        "status": answer.status if answer else None,
        "refused": next((one.policy for one in verdict.policies if one.decision == "refused"), None),
        "error": _error(answer.body) if answer else None,
        "route": verdict.route,
        "path": sent.target if sent else None,
        "body": answer.body if answer else None,
    }
    for name, wanted in said.items():
        yield name, wanted, came[name]
    for what, part, wanted_headers in (("sent", sent, expect.sent), ("answer", answer, expect.answer)):
        for name, wanted in wanted_headers.items():
            yield (
                f"header {name} of what is {what}" if what == "sent" else f"header {name} of the answer",
                (list(wanted) if isinstance(wanted, tuple) else wanted),
                _values(part, name),
            )
    held = expect.body_contains
    if held is not None and (answer is None or held not in answer.body):
        yield "body", f"… {held} …", answer.body if answer else None


def _values(part: SeenMessage | None, name: str) -> str | list[str] | None:
    found = [value for one, value in (part.headers if part else ()) if one.lower() == name.lower()]
    return found if len(found) > 1 else next(iter(found), None)


def _error(body: str) -> str | None:
    try:
        return str(json.loads(body)["error"])
    except (ValueError, KeyError, TypeError):
        return None


def _shown(value: Any) -> str:
    text = "nothing" if value is None else value if isinstance(value, str) else json.dumps(value)
    return text if len(text) <= SHOWN_CHARACTERS else f"{text[:SHOWN_CHARACTERS]}…"


def _plain(step: Step) -> dict[str, Any]:
    found = step.model_dump(mode="json", by_alias=True, exclude_defaults=True)
    if step.headers:
        names = [name for name, _ in step.headers]
        alone = len({name.lower() for name in names}) == len(names)
        found["headers"] = dict(step.headers) if alone else [list(one) for one in step.headers]
    if step.answers:
        found["answers"] = [_played(one) for one in step.answers]
    # It is read from top to bottom: first what is asked.
    return {**found, "expect": found.pop("expect")} if "expect" in found else found


def _played(one: Played) -> dict[str, Any]:
    return one.model_dump(mode="json", by_alias=True, exclude_defaults=True) or {"status": one.status}


def _words(error: ValidationError) -> Iterator[str]:
    for path, message in explained(error, Case):
        kept = tuple(part for part in path if part != "step")
        yield f"{dotted(kept)}: {message}" if kept else message
