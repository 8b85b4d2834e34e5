"""Error Templates: what the gateway's own errors of an API look like."""

import hashlib
import json
import re
from collections.abc import Iterator
from http import HTTPStatus
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, BeforeValidator, Field, model_validator

from policies.compiled import Compiled, Scope
from policies.expression import lua
from policies.fields.headers import CONTROL
from policies.policy import Category, Phase, Policy, PolicyConfig, at_most, fault
from policies.scripting.script import script
from policies.traits import Advice

NAME = "error-templates"
MOST_TEMPLATES, MOST_BODY_CHARACTERS = 20, 8192
PLACEHOLDERS = ("status", "error", "requestId")
Status = Annotated[
    Literal["400", "401", "403", "404", "413", "429", "500", "502", "503", "504", "4xx", "5xx"],
    BeforeValidator(lambda given: str(given) if type(given) is int else given),
]
"""Text; a file says 404 as a number, too."""
PROBLEM_TYPE = "application/problem+json"
PROBLEM = (
    '{"type": "about:blank", "title": "{{error}}", "status": {{status}}, '
    '"instance": "urn:request:{{requestId}}"}'
)
_FILLED = {"status": "404", "error": "Not Found", "requestId": "5f0c-1"}
_PLACEHOLDER = re.compile(r"\{\{([^{}]*)\}\}")
_MEDIA_TYPE = re.compile(
    r"[A-Za-z0-9!#$&^_.+-]+/[A-Za-z0-9!#$&^_.+-]+( *; *[A-Za-z0-9-]+=[A-Za-z0-9\"._-]+)*"
)
_JSON_TYPE = re.compile(r"(?i)application/(json|[a-z0-9!#$&^_.+-]+\+json)[ ;]*")
_WORDS = {str(one.value): one.phrase for one in HTTPStatus if one.value >= HTTPStatus.BAD_REQUEST}


def _body(text: str) -> str:
    for found in _PLACEHOLDER.findall(text):
        if found not in PLACEHOLDERS:
            known = ", ".join(f"{{{{{one}}}}}" for one in PLACEHOLDERS)
            raise ValueError(f'"{{{{{found}}}}}" is nothing that can be filled in; there are {known}')
    return text


def _media_type(text: str) -> str:
    if CONTROL.search(text) or not _MEDIA_TYPE.fullmatch(text):
        raise ValueError(f'"{text}" is no media type; write it as application/json')
    return text


class Template(PolicyConfig):
    status: Status = Field(
        title="Status",
        description="Of the errors that look so; 4xx and 5xx are those that no other template is for.",
        json_schema_extra={"labels": {"4xx": "Any other 4xx", "5xx": "Any other 5xx"}},
    )
    content_type: Annotated[str, Field(max_length=255), AfterValidator(_media_type)] = Field(
        "application/json", title="Content type", examples=["application/json"]
    )
    body: Annotated[str, Field(max_length=MOST_BODY_CHARACTERS), AfterValidator(_body)] = Field(
        title="Body",
        description="{{status}} is filled in with the number, {{error}} with its standard words,"
        " {{requestId}} with the request's id.",
        examples=['{"code": {{status}}, "error": "{{error}}", "id": "{{requestId}}"}'],
        json_schema_extra={"format": "multiline", "code": True},
    )


class Config(PolicyConfig):
    problem_details: bool = Field(
        True,
        title="Problem details (RFC 9457)",
        description="Errors that no template is for are application/problem+json. Otherwise they stay as the"
        ' gateway writes them, {"error": …}.',
    )
    templates: Annotated[tuple[Template, ...], at_most(MOST_TEMPLATES, "templates")] = Field(
        (), title="Templates", description="Bodies of your own, by status."
    )

    @model_validator(mode="after")
    def _says_something_once(self) -> Self:
        if not self.problem_details and not self.templates:
            raise fault("templates", "add a template, or turn problem details on: nothing would change")
        statuses = [one.status for one in self.templates]
        for at, status in enumerate(statuses):
            if status in statuses[:at]:
                raise fault("templates", f"there are two templates for {status}; keep one")
        return self


def compile(config: Config, scope: Scope) -> Compiled:
    templates: dict[str, lua.Value] = {
        one.status: _lua(one.content_type, one.body) for one in config.templates
    }
    if config.problem_details:
        problem = _lua(PROBLEM_TYPE, PROBLEM)
        templates = {"4xx": problem, "5xx": problem, **templates}
    mark = hashlib.blake2b(scope.binding.encode(), key=scope.salt, digest_size=16).hexdigest()
    settings: dict[str, lua.Value] = {"mark": mark, "templates": templates, "words": _WORDS}
    files = [Path(__file__).with_name("policy.lua")]
    return Compiled((script(scope, NAME, files, settings, sees_response=True),), answer_mark=mark)


def _lua(content_type: str, body: str) -> dict[str, lua.Value]:
    return {"type": content_type, "parts": list(_parts(body))}


def _parts(body: str) -> Iterator[str]:
    """Text and names of placeholders in turn; it begins and ends with text."""
    yield from _PLACEHOLDER.split(body)


def advice(config: Config) -> Iterator[Advice]:
    for one in config.templates:
        if _JSON_TYPE.match(f"{one.content_type};") and not _is_json(one.body):
            yield Advice("templates", f"the body for {one.status} is no JSON, as its content type says it is")


def _is_json(body: str) -> bool:
    """Once it is filled in."""
    try:
        json.loads(_PLACEHOLDER.sub(lambda found: _FILLED[found[1]], body))
    except ValueError:
        return False
    return True


POLICY = Policy(
    name=NAME,
    title="Error Templates",
    category=Category.TRANSFORMATION,
    phase=Phase.CORS,
    summary="Gives the gateway's own errors a body of your own, or problem details.",
    version="1.0.0",
    config=Config,
    compile=compile,
    advice=advice,
    aliases=("error-templates-flex",),
    is_resource_level=False,
    is_applied_once=True,
    icon="text",
    acts_on_responses=lambda config: True,
)
