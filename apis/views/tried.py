"""What a page has tried by a worker: an expression's value, or the verdict on a request."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import redis
from django.http import Http404, HttpResponse
from django.shortcuts import render
from django.urls import reverse

from apis import resource_names
from apis.forms.trying import TryInput
from apis.models import ApiInstance
from apis.testing import jobs
from console.models import User
from console.scope import Request
from gateways.protocol.rehearsal import ApiWeighed
from policies.expression.context import REQUEST, RESPONSE
from policies.expression.parser import ExpressionError
from policies.fields.expressions import Expression

MOST_SHOWN = 12
VERDICT, VALUE = "apis/_verdict.html", "apis/_value.html"


@dataclass(frozen=True)
class Tried:
    """On what: rehearsals are kept by the id of an API, 0 for none that is saved, and hold what is `kept`.

    `address`, with these arguments and a rehearsal's key, tells how far one is.
    """

    request: Request
    api_id: int
    address: str
    arguments: tuple[Any, ...] = ()
    kept: Mapping[str, Any] = field(default_factory=dict)

    def evaluate(self, asked: TryInput) -> HttpResponse:
        """A mistake of the expression at once, its value from a worker."""
        text = str(asked.values.get("expression", ""))
        if not text.strip():
            return self._answer(VALUE, {})
        if mistake := _mistake(text, str(asked.values.get("moment", ""))):
            return self._answer(VALUE, {"mistake": mistake, "text": text})
        if asked.errors or asked.request is None or asked.evaluate is None:
            return self._answer(VALUE, {"faults": words(asked.errors)})
        line = jobs.line_of(
            asked.request,
            evaluate=asked.evaluate.model_dump(mode="json"),
            answers=[one.model_dump(mode="json", by_alias=True) for one in asked.answers],
        )
        return self.ask("evaluate", [line], {"text": text})

    def rehearse(self, documents: list[Any], asked: TryInput, port: int, **shown: Any) -> HttpResponse:
        """The verdict on a request to what listens on the port; `shown` is what the page shows with it."""
        if asked.errors or asked.request is None:
            return self.refuse(words(asked.errors))
        answers = [one.model_dump(mode="json", by_alias=True) for one in asked.answers]
        said = asked.request.model_dump(mode="json", by_alias=True, exclude={"key", "certificate", "port"})
        played = [one.model_dump(mode="json", by_alias=True, exclude_defaults=True) for one in asked.answers]
        line = jobs.line_of(asked.request.model_copy(update={"port": port}))
        lines = [{"resources": documents, "answers": answers}, line]
        return self.ask("rehearse", lines, {"request": said, "answers": played, **shown})

    def ask(self, kind: jobs.Kind, lines: list[dict[str, Any]], shown: dict[str, Any]) -> HttpResponse:
        """`lines` as `jobs.ask` takes them, and what the page shows with the answer."""
        shown = {**shown, **self.kept}
        try:
            job = jobs.ask(self.request.user, self.api_id, kind, lines, shown)
        except (jobs.Away, redis.RedisError) as error:
            return self._answer(VALUE if kind == "evaluate" else VERDICT, {"fault": str(error)})
        return self._shown(job, shown)

    def refuse(self, faults: list[str], *, is_of_policy: bool = False) -> HttpResponse:
        """What is to be mended first: of the policy's form, or of the request."""
        return self._answer(VERDICT, {"faults": faults, "is_of_policy": is_of_policy})

    def fail(self, fault: str) -> HttpResponse:
        """Why nothing can be asked at all."""
        return self._answer(VERDICT, {"fault": fault})

    def state(self, key: str) -> HttpResponse:
        """How far a rehearsal of the user's own is. 404 where it is none of these."""
        try:
            found = jobs.found(self.request.user, key)
        except redis.RedisError:
            return self.fail(jobs.AWAY.format("Valkey does not answer"))
        if found is None and self.request.htmx:
            # A page that waits for it: it says so there, and asks no more.
            return self.fail(jobs.REPLACED)
        is_ours = found and all(found.shown.get(name) == value for name, value in self.kept.items())
        if not found or not is_ours or (self.api_id and found.api_id != self.api_id):
            raise Http404("There is no such rehearsal any more.")
        return self._shown(found, found.shown)

    def _shown(self, job: jobs.TryJob, shown: Mapping[str, Any]) -> HttpResponse:
        state_url = reverse(self.address, args=[*self.arguments, job.key])
        template = VALUE if job.kind == "evaluate" else VERDICT
        weighed = _named(self.request.user, job.verdict.apis if job.verdict else ())
        return self._answer(template, {"job": job, "state_url": state_url, "weighed": weighed, **shown})

    def _answer(self, template: str, context: Mapping[str, Any]) -> HttpResponse:
        response = render(self.request, template, dict(context))
        response["Cache-Control"] = "no-store"
        return response


def _named(user: User, weighed: Sequence[ApiWeighed]) -> list[tuple[ApiWeighed, str]]:
    """Each with what people call it; with the name of its resource where the user may not see it."""
    keys = {one.api: resource_names.api_of(one.api.rpartition("/")[2]) for one in weighed[:MOST_SHOWN]}
    ids = [key for key in keys.values() if key]
    seen = ApiInstance.objects.visible_to(user).select_related("asset").in_bulk(ids) if ids else {}
    return [(one, str(seen.get(keys.get(one.api) or 0, one.api))) for one in weighed]


def words(faults: Mapping[str, list[str]]) -> list[str]:
    """Each with the place that it is about."""
    return [
        f"{name.removeprefix('config.').removeprefix('try.')}: {text}" if name else text
        for name, texts in faults.items()
        for text in texts
    ]


def has_expressions(schema: Any) -> bool:
    """Whether a policy's form has a field for one."""
    inner = schema.values() if isinstance(schema, dict) else schema if isinstance(schema, list) else ()
    is_one = isinstance(schema, dict) and schema.get("format") == "dataweave"
    return is_one or any(map(has_expressions, inner))


def _mistake(text: str, moment: str) -> dict[str, Any]:
    """Where an expression does not parse: the words, the place, and the line with what stands before it."""
    try:
        Expression.read(text, RESPONSE if moment == "response" else REQUEST)
    except ExpressionError as error:
        lines = text.splitlines() or [""]
        line = lines[min(error.line, len(lines)) - 1]
        return {
            "line": error.line,
            "column": error.column,
            "reason": error.reason,
            "before": line[: error.column - 1][-60:],
            "at": line[error.column - 1 : error.column] or " ",
            "after": line[error.column :][:60],
        }
    return {}
