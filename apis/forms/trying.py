"""The request that somebody types to try something with, and what others are to answer meanwhile."""

from dataclasses import dataclass, field
from typing import Any, Literal

import pydantic
from django.http import QueryDict
from pydantic import BaseModel, Field, TypeAdapter

from console.forms import schema_data, schema_form
from gateways.protocol import given, spoken
from gateways.protocol.faults import dotted, ended, explained
from gateways.protocol.rehearsal import MOST_HEADERS, Answers, Evaluate, Played, Request

PREFIX = "try"
MOST_BODY_CHARACTERS = 64 * 1024
SECONDS = 10
Errors = dict[str, list[str]]
_ANSWERS: TypeAdapter[Answers] = TypeAdapter(Answers)


class RequestForm(BaseModel):
    method: str = Field("GET", title="Method", max_length=64, json_schema_extra={"needed": True})
    target: str = Field(
        "/", title="Path and query", max_length=8192, json_schema_extra={"code": True, "needed": True}
    )
    headers: list[str] = Field(
        [],
        title="Headers",
        description="As Name: value.",
        examples=[["Accept: application/json"]],
        max_length=MOST_HEADERS,
    )
    body: str = Field(
        "", title="Body", max_length=MOST_BODY_CHARACTERS, json_schema_extra={"format": "multiline"}
    )
    caller: str = Field(
        "127.0.0.1",
        title="Caller's address",
        max_length=45,
        json_schema_extra={"advanced": True, "code": True},
    )
    answers: str = Field(
        "",
        title="What others answer",
        description="YAML, as rehearse --answer takes it: what upstreams answer, and whom policies ask. "
        "Without it upstreams answer 200 and no body, and who is asked by a policy 503.",
        examples=["- upstream: orders.example:8443\n  status: 404\n  body: '{}'"],
        max_length=MOST_BODY_CHARACTERS,
        json_schema_extra={"advanced": True, "format": "multiline", "code": True},
    )


class TesterForm(RequestForm):
    """`target` may be a whole address. `on` is what it is tried on: None where nothing is deployed."""

    method: str = Field("GET", title="Method", max_length=64, json_schema_extra={"needed": True})
    target: str = Field(
        "/",
        title="Path and query, or a whole address",
        max_length=8192,
        json_schema_extra={"code": True, "needed": True},
    )
    on: Literal["saved", "deployed"] = Field(
        "saved",
        title="On",
        json_schema_extra={"labels": {"saved": "what is saved", "deployed": "what is deployed"}},
    )
    curl: str = Field(
        "",
        title="The command",
        description="As a browser or an API tool copies it. The form above becomes what it says.",
        examples=["curl 'https://api.example.com/orders/42' -H 'Accept: application/json'"],
        max_length=MOST_BODY_CHARACTERS,
        json_schema_extra={"format": "multiline", "code": True},
    )


class ExpressionForm(RequestForm):
    """`known` is what policies before have set."""

    expression: str = Field(
        "",
        title="Expression",
        max_length=4096,
        examples=["#[attributes.headers['client_id']]"],
        json_schema_extra={"code": True, "format": "multiline", "needed": True},
    )
    moment: Literal["request", "response"] = Field(
        "request",
        title="Evaluated",
        json_schema_extra={
            "labels": {"request": "when the request comes", "response": "when its answer comes back"}
        },
    )
    known: dict[str, Any] = Field(
        {},
        title="Set by policies before",
        description="What authentication and vars hold then.",
        examples=['{"authentication": {"principal": "ann"}, "vars": {}}'],
        json_schema_extra={"advanced": True},
    )


class SampleForm(ExpressionForm):
    """To try an automated policy on one of the APIs that it covers."""

    target: str = Field(
        "/",
        title="Path and query",
        description="Below the API's base path.",
        max_length=8192,
        json_schema_extra={"code": True, "needed": True},
    )


@dataclass
class TryInput:
    """What was typed, and what it means where there are no errors."""

    values: dict[str, Any]
    errors: Errors = field(default_factory=dict)
    request: Request | None = None
    answers: tuple[Played, ...] = ()
    evaluate: Evaluate | None = None

    @property
    def on(self) -> Literal["saved", "deployed"]:
        """What the tester tries it on."""
        return "deployed" if self.values.get("on") == "deployed" else "saved"


REQUEST, EXPRESSION = RequestForm.model_json_schema(), ExpressionForm.model_json_schema()
TESTER, SAMPLE = TesterForm.model_json_schema(), SampleForm.model_json_schema()


def expression_fields(asked: TryInput) -> dict[str, schema_form.Field]:
    return _by_key(schema_form.fields(EXPRESSION, asked.values, asked.errors, prefix=PREFIX))


def sample_fields(asked: TryInput) -> dict[str, schema_form.Field]:
    return _by_key(schema_form.fields(SAMPLE, asked.values, asked.errors, prefix=PREFIX))


def read_request(data: QueryDict, base_path: str = "") -> TryInput:
    """The path that was typed is below the base path."""
    asked = TryInput(_below(base_path, schema_data.read(REQUEST, data, PREFIX)))
    _understand(asked)
    return asked


def read_expression(data: QueryDict, base_path: str = "") -> TryInput:
    """Whether the expression itself can be read is not looked at here."""
    asked = TryInput(_below(base_path, schema_data.read(EXPRESSION, data, PREFIX)))
    _understand(asked)
    known = asked.values.get("known") or {}
    if not isinstance(known, dict) or known.keys() - {"authentication", "vars"}:
        _add(asked, "known", 'Write an object that may have "authentication" and "vars".')
        return asked
    told = {name: asked.values[name] for name in ("expression", "moment") if name in asked.values}
    try:
        asked.evaluate = Evaluate.model_validate({"expression": "", **told, **known})
    except pydantic.ValidationError as error:
        for path, message in explained(error, Evaluate):
            name = str(path[0]) if path else ""
            _add(asked, name if name in ("expression", "moment") else "known", f"{dotted(path)}: {message}")
    return asked


def tester_fields(asked: TryInput) -> dict[str, schema_form.Field]:
    return _by_key(schema_form.fields(TESTER, asked.values, asked.errors, prefix=PREFIX))


def read_tester(data: QueryDict) -> TryInput:
    """A whole address in the path's place gives the port and the host, too."""
    return understood(schema_data.read(TESTER, data, PREFIX))


def read_curl(data: QueryDict) -> TryInput:
    """What the form holds once the curl command is taken over; it is not kept."""
    asked = TryInput(schema_data.read(TESTER, data, PREFIX))
    try:
        said = spoken.curl(str(asked.values.get("curl", "")))
    except spoken.Unclear as error:
        _add(asked, "curl", f"{str(error)[:1].upper()}{str(error)[1:]}.")
        return asked
    fields = said.fields()
    kept: dict[str, Any] = {
        name: asked.values[name] for name in ("caller", "answers", "on") if name in asked.values
    }
    lines = list(fields.pop("headers"))
    host = next((it for name, it in lines if name == "Host"), "")
    if said.port and host.endswith(f":{said.port}"):
        # The port is part of what is asked, and the form has a whole address for it.
        fields["target"] = f"http://{host}{said.target}"
        lines.remove(("Host", host))
    headers = [f"{name}: {value}" for name, value in lines]
    asked.values = {**kept, **fields, "headers": headers}
    return asked


def understood(values: dict[str, Any]) -> TryInput:
    """What these values of the tester's form mean."""
    asked, port = TryInput(dict(values)), None
    target = str(values.get("target", ""))
    if "://" in target:
        try:
            said = spoken.line(f"{values.get('method') or 'GET'} {target}")
        except spoken.Unclear as error:
            _add(asked, "target", f"{error}.")
            return asked
        headers = [str(line) for line in values.get("headers", ())]
        if not any(line.lower().startswith("host:") for line in headers):
            headers = [*(f"{name}: {value}" for name, value in said.headers), *headers]
        asked.values |= {"target": said.target, "headers": headers}
        port = said.port
    _understand(asked)
    if asked.request and port:
        asked.request = asked.request.model_copy(update={"port": port})
    return asked


def played(value: Any) -> tuple[Played, ...]:
    """One answer, or a list of them. Raises ValueError with what is wrong."""
    if value in (None, "", []):
        return ()
    try:
        return _ANSWERS.validate_python(value if isinstance(value, list) else [value])
    except pydantic.ValidationError as error:
        told = "; ".join(f"{dotted(path)}: {message}" for path, message in explained(error, Answers))
        raise ValueError(told) from None


def header_of(line: str) -> tuple[str, str]:
    """Raises ValueError."""
    name, colon, value = line.partition(":")
    if not colon or not name.strip():
        raise ValueError(f'"{line[:80]}" is no header; write it as Name: value.')
    return name.strip(), value.strip()


def _below(base_path: str, values: dict[str, Any]) -> dict[str, Any]:
    """What does not begin with a slash is no path, and stays as it is: it is refused."""
    target = str(values.get("target") or "/")
    return values | {"target": base_path.rstrip("/") + target} if target.startswith("/") else values


def _understand(asked: TryInput) -> None:
    values, headers = asked.values, []
    for at, line in enumerate(values.get("headers", ())):
        try:
            headers.append(header_of(str(line)))
        except ValueError as error:
            _add(asked, f"headers.{at}", str(error))
    try:
        asked.answers = played(given.read(str(values.get("answers", ""))))
    except (given.NotRead, ValueError) as error:
        _add(asked, "answers", ended(f"It cannot be read: {error}"))
    names = {"method": "method", "target": "target", "body": "body", "caller": "from"}
    told = {name: values[key] for key, name in names.items() if values.get(key)}
    try:
        asked.request = Request.model_validate(
            {"target": "/", **told, "headers": headers, "seconds": SECONDS}
        )
    except pydantic.ValidationError as error:
        for path, message in explained(error):
            name = str(path[0]) if path else "body"
            _add(asked, {"from": "caller"}.get(name, name), f"{message}.")


def _add(asked: TryInput, name: str, message: str) -> None:
    asked.errors.setdefault(f"{PREFIX}.{name}", []).append(message)


def _by_key(fields: tuple[schema_form.Field, ...]) -> dict[str, schema_form.Field]:
    return {one.key: one for one in fields}
