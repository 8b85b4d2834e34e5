"""A test of an API as a form: one request, and what is expected of it. What is more is written as YAML."""

from dataclasses import dataclass, field
from typing import Any, Literal

import pydantic
from django.http import QueryDict
from pydantic import BaseModel, Field

from apis.forms import trying
from console.forms import schema_data, schema_form
from gateways.protocol import cases, given
from gateways.protocol.cases import Case
from gateways.protocol.faults import dotted, ended, explained
from gateways.protocol.rehearsal import Verdict
from policies import catalog

PREFIX = "case"


class CaseForm(BaseModel):
    name: str = Field(
        "",
        title="Name",
        max_length=cases.MOST_NAME,
        examples=["Without credentials"],
        json_schema_extra={"needed": True},
    )
    method: str = Field("GET", title="Method", max_length=64)
    target: str = Field(
        "",
        title="Path, after the base path",
        max_length=8192,
        examples=["/42?full=true"],
        json_schema_extra={"code": True},
    )
    headers: list[str] = Field([], title="Headers", description="As Name: value.", max_length=256)
    body: str = Field(
        "", title="Body", max_length=cases.MOST_CASE_BYTES, json_schema_extra={"format": "multiline"}
    )
    caller: str = Field(
        "127.0.0.1",
        title="Caller's address",
        max_length=45,
        json_schema_extra={"advanced": True, "code": True},
    )
    times: int = Field(
        1,
        title="How often",
        ge=1,
        le=cases.MOST_TIMES,
        description="Each time as expected.",
        json_schema_extra={"advanced": True},
    )
    answers: str = Field(
        "",
        title="What others answer",
        max_length=16 * 1024,
        description="YAML, as rehearse --answer takes it. Without it upstreams answer 200 and no body.",
        json_schema_extra={"advanced": True, "format": "multiline", "code": True},
    )
    outcome: Literal[
        "", "upstream", "answered", "refused", "failed", "no-route", "rejected", "not-served"
    ] = Field(
        "",
        title="Outcome",
        json_schema_extra={
            "labels": {
                "": "any",
                "upstream": "the upstream answered",
                "answered": "a policy answered",
                "refused": "a policy refused it",
                "failed": "the upstream failed",
                "no-route": "no route takes it",
                "rejected": "the gateway rejected it",
                "not-served": "the API is not served",
            }
        },
    )
    status: int | None = Field(None, title="Status", ge=100, le=599)
    refused: str = Field(
        "",
        title="Refused by",
        max_length=120,
        description="A policy's name.",
        examples=["rate-limiting"],
        json_schema_extra={"code": True},
    )
    answer: list[str] = Field(
        [], title="Headers of the answer", description="As Name: value; Name: alone says that there is none."
    )
    sent: list[str] = Field(
        [],
        title="Headers that the upstream gets",
        description="The same.",
        json_schema_extra={"advanced": True},
    )
    path: str = Field(
        "",
        title="Path that the upstream gets",
        max_length=8192,
        json_schema_extra={"advanced": True, "code": True},
    )
    contains: str = Field("", title="The body contains", max_length=4096)


SCHEMA = CaseForm.model_json_schema()
ASKED = ("name", "method", "target", "headers", "body", "caller", "times", "answers")
_REQUEST = ("method", "target", "body")


@dataclass
class Typed:
    """What was typed, and the test that it is where there are no errors."""

    values: dict[str, Any]
    errors: dict[str, list[str]] = field(default_factory=dict)
    case: Case | None = None

    @property
    def fields(self) -> dict[str, schema_form.Field]:
        made = schema_form.fields(SCHEMA, self.values, self.errors, prefix=PREFIX)
        return {one.key: one for one in made}

    def add(self, name: str, message: str) -> None:
        self.errors.setdefault(f"{PREFIX}.{name}", []).append(message)


def read(data: QueryDict) -> Typed:
    typed = Typed(schema_data.read(SCHEMA, data, PREFIX))
    values = typed.values
    plain: dict[str, Any] = {"name": values.get("name", "")}
    plain |= {name: values[name] for name in (*_REQUEST, "times") if values.get(name)}
    if values.get("caller"):
        plain["from"] = values["caller"]
    plain["headers"] = [
        one
        for at, line in enumerate(values.get("headers", ()))
        if (one := _header(typed, "headers", at, line))
    ]
    try:
        plain["answers"] = trying.played(given.read(str(values.get("answers", ""))))
    except (given.NotRead, ValueError) as error:
        typed.add("answers", ended(f"It cannot be read: {error}"))
    plain["expect"] = _expected(typed)
    try:
        typed.case = (
            Case.model_validate(plain, context={"own_name": catalog.own_name}) if not typed.errors else None
        )
    except pydantic.ValidationError as error:
        for path, message in explained(error):
            typed.add(*_place(path, message))
    return typed


def of(case: Case) -> Typed:
    """The form of a test; its `case` is None where it is more than a form can show."""
    step = case.step
    if step is None or step.body_base64 or step.expect.error is not None or step.expect.route is not None:
        return Typed({})
    expect = step.expect
    if expect.body is not None or step.seconds != type(step).model_fields["seconds"].default:
        return Typed({})
    values = {
        "name": case.name,
        **{name: getattr(step, name) for name in (*_REQUEST, "caller", "times")},
        "headers": [f"{name}: {value}" for name, value in step.headers],
        "answers": _yaml(case),
        "outcome": expect.outcome or "",
        "status": expect.status,
        "refused": expect.refused or "",
        "path": expect.path or "",
        "contains": expect.body_contains or "",
        "answer": _lines(expect.answer),
        "sent": _lines(expect.sent),
    }
    return Typed(values, case=case)


def from_verdict(request: dict[str, Any], answers: list[Any], verdict: Verdict, base_path: str) -> Typed:
    """A test that expects what came of a request."""
    target = str(request.get("target", "/"))
    own = target.removeprefix(base_path.rstrip("/")) if target.startswith(base_path.rstrip("/")) else target
    refused = next((one.policy for one in verdict.policies if one.decision == "refused"), "")
    values = {
        "name": f"{request.get('method', 'GET')} {own or '/'}: {verdict.outcome}"[: cases.MOST_NAME],
        "method": request.get("method", "GET"),
        "target": own,
        "headers": [f"{name}: {value}" for name, value in request.get("headers", ())],
        "body": request.get("body", ""),
        "caller": request.get("from", ""),
        "answers": cases.as_yaml(answers) if answers else "",
        "outcome": verdict.outcome,
        "status": verdict.answer.status if verdict.answer else None,
        "refused": refused,
    }
    return Typed(values)


def _expected(typed: Typed) -> dict[str, Any]:
    values = typed.values
    names = {
        "outcome": "outcome",
        "status": "status",
        "refused": "refused",
        "path": "path",
        "contains": "bodyContains",
    }
    found: dict[str, Any] = {to: values[name] for name, to in names.items() if values.get(name)}
    for name in ("answer", "sent"):
        headers: dict[str, Any] = {}
        for at, line in enumerate(values.get(name, ())):
            if one := _header(typed, name, at, line):
                had = headers.get(one[0])
                headers[one[0]] = one[1] or None if had is None else [*_list(had), one[1]]
        if headers:
            found[name] = headers
    return found


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def _header(typed: Typed, name: str, at: int, line: Any) -> tuple[str, str] | None:
    try:
        return trying.header_of(str(line))
    except ValueError as error:
        typed.add(f"{name}.{at}", str(error))
        return None


def _place(path: tuple[str | int, ...], message: str) -> tuple[str, str]:
    kept = [part for part in path if part not in ("step", "expect")]
    name = (
        {"from": "caller", "bodyContains": "contains"}.get(str(kept[0]), str(kept[0])) if kept else "outcome"
    )
    if name not in CaseForm.model_fields:
        return "name", f"{dotted(path)}: {message}."
    return name, ended(f"{message[:1].upper()}{message[1:]}")


def _lines(headers: dict[str, Any]) -> list[str]:
    return [
        f"{name}: {one or ''}".strip()
        for name, its in headers.items()
        for one in (its if isinstance(its, tuple) else [its])
    ]


def _yaml(case: Case) -> str:
    answers = case.plain.get("answers")
    return cases.as_yaml(answers) if answers else ""
