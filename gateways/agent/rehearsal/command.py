"""`gatewright rehearse`: what a gateway would do with a request, without a gateway."""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import yaml
from pydantic import TypeAdapter, ValidationError

from gateways.agent import settings
from gateways.agent.rehearsal import lines, told
from gateways.agent.rehearsal.envoy import NotStarted
from gateways.agent.rehearsal.rehearsal import NoPort, Rehearsal
from gateways.agent.sources import files
from gateways.agent.translate.held import Unknown
from gateways.protocol import cases, spoken
from gateways.protocol.faults import Fault, dotted, explained
from gateways.protocol.rehearsal import Answers, Played, Request
from gateways.protocol.resources import AnyResource
from gateways.protocol.spoken import Spoken, Unclear
from policies import catalog

PASSED, STOPPED, WRONG = 0, 1, 2
MOST_FILE_BYTES = 8 * 1024 * 1024
_ANSWERS: TypeAdapter[Answers] = TypeAdapter(Answers)


class WrongQuestion(Exception):
    """Printed as one line."""


def run(arguments: argparse.Namespace) -> int:
    try:
        return _run(arguments)
    except (NoPort, NotStarted, OSError, Unclear, WrongQuestion, settings.BadSetting) as error:
        sys.stderr.write(f"gatewright: {error}\n")
        return WRONG


def _run(arguments: argparse.Namespace) -> int:
    proxying = settings.proxying()

    def made(resources: Sequence[AnyResource], answers: Sequence[Played]) -> Rehearsal:
        return Rehearsal(resources, proxying, answers=answers)

    if str(arguments.folder) == "-":
        if not arguments.json or _asked(arguments):
            raise WrongQuestion("- takes resources and requests as lines of JSON: add --json, and no request")
        lines.serve(sys.stdin.buffer, sys.stdout.buffer, None, made)
        return PASSED
    loaded = _loaded(arguments.folder)
    questions = _asked(arguments)
    if arguments.cases:
        if questions or arguments.json:
            raise WrongQuestion("--cases has its own requests, and its own output: leave the others out")
        return _run_cases(arguments, loaded, proxying)
    answers = _answers(arguments.answer)
    if not questions and not arguments.json:
        raise WrongQuestion("say what to try: --request 'GET /orders/1', or --curl with a curl command")
    with _rehearsal(loaded, proxying, answers) as rehearsal:
        if not questions:
            lines.serve(sys.stdin.buffer, sys.stdout.buffer, rehearsal, made)
            return PASSED
        requests = [_request(one, arguments, rehearsal.ports) for one in questions]
        return _try(rehearsal, requests * arguments.times, is_json=arguments.json)


def _run_cases(arguments: argparse.Namespace, loaded: files.Loaded, proxying: settings.Proxying) -> int:
    """Each on a gateway of its own: no limit of one counts for another."""
    try:
        known = cases.read(_text_of(arguments.cases), catalog.own_name)
    except cases.NoCases as error:
        raise WrongQuestion(f"{arguments.cases}: {error}") from None
    failed = 0
    for case in known:
        with _rehearsal(loaded, proxying, _answers(arguments.answer)) as rehearsal:
            found = cases.tried(case, rehearsal.ask, arguments.base_path, arguments.port)
        failed += bool(found)
        sys.stdout.write(f"{'✗' if found else '✓'} {case.name}\n")
        for one in found:
            where = f"request {one.step}: " if one.step else ""
            sys.stdout.write(f"    {where}{one.what}: expected {one.expected}, came {one.came}\n")
    sys.stdout.write(f"\n{len(known) - failed} of {len(known)} passed\n")
    return STOPPED if failed else PASSED


def _try(rehearsal: Rehearsal, requests: Sequence[Request], *, is_json: bool) -> int:
    has_passed = True
    for number, request in enumerate(requests):
        verdict = rehearsal.ask(request)
        has_passed = has_passed and verdict.has_passed
        if is_json:
            sys.stdout.write(verdict.model_dump_json(by_alias=True, exclude_none=True) + "\n")
        else:
            sys.stdout.write(("\n" if number else "") + told.text(request, verdict))
    return PASSED if has_passed else STOPPED


def _rehearsal(loaded: files.Loaded, proxying: settings.Proxying, answers: Answers) -> Rehearsal:
    for diagnostic in loaded.diagnostics:
        sys.stderr.write(f"{diagnostic}\n")
    try:
        held = loaded.held()
    except Unknown:
        raise WrongQuestion("what these documents are about is not known: nothing would be served") from None

    def place(fault: Fault) -> str:
        return str(next(iter(loaded.located([fault]))))

    return Rehearsal(loaded.resources, proxying, held, place, answers)


def _loaded(folder: Path) -> files.Loaded:
    if not folder.is_dir():
        raise WrongQuestion(f"{folder} is not a folder; give one that holds .yaml files")
    loaded = files.load(folder)
    if not loaded.files:
        raise WrongQuestion(f"{folder} holds no .yaml or .yml file")
    return loaded


def _asked(arguments: argparse.Namespace) -> list[Spoken]:
    """Raises Unclear."""
    return [
        *(spoken.line(text) for text in arguments.request or ()),
        *(spoken.curl(text) for text in arguments.curl or ()),
    ]


def _request(said: Spoken, arguments: argparse.Namespace, ports: Sequence[int]) -> Request:
    """An address may be one of a load balancer, whose port says nothing of ours."""
    fields: dict[str, Any] = said.fields()
    fields["headers"] = [*fields["headers"], *(spoken.header(text) for text in arguments.header or ())]
    if arguments.body is not None:
        fields["body"] = arguments.body
        fields["method"] = said.method or "POST"
    fields["port"] = arguments.port or (said.port if said.port in ports else None)
    fields["from"] = arguments.caller
    if arguments.cert or arguments.key:
        fields["certificate"] = arguments.cert.read_text() if arguments.cert else ""
        fields["key"] = arguments.key.read_text() if arguments.key else ""
    try:
        return Request.model_validate(fields)
    except ValidationError as error:
        raise WrongQuestion("; ".join(_words(error, Request))) from None


def _answers(file: Path | None) -> tuple[Played, ...]:
    if file is None:
        return ()
    try:
        given = yaml.safe_load(_text_of(file))
        return _ANSWERS.validate_python(given if isinstance(given, list) else [given])
    except yaml.YAMLError as error:
        raise WrongQuestion(f"{file} is no YAML: {' '.join(str(error).split())}") from None
    except ValidationError as error:
        raise WrongQuestion(f"{file}: {'; '.join(_words(error, Answers))}") from None


def _text_of(file: Path) -> str:
    if file.stat().st_size > MOST_FILE_BYTES:
        raise WrongQuestion(f"{file} is larger than {MOST_FILE_BYTES} bytes")
    return file.read_text(errors="replace")


def _words(error: ValidationError, shape: Any) -> list[str]:
    return [f"{dotted(path) or 'the request'}: {message}" for path, message in explained(error, shape)]
