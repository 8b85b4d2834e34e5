"""`gatewright registration`: makes a gateway's registration file, and shows what is in one."""

import argparse
import json
import os
import sys
from contextlib import closing
from pathlib import Path
from typing import Any
from uuid import UUID

import httpx
from pydantic import ValidationError

from gateways.agent.host.proxies import BadProxy
from gateways.agent.link import registration
from gateways.agent.link.client import ANSWER_LIMIT, ConsoleCalls, Unreachable, reason, refusal, whole
from gateways.agent.link.registration import BadRegistration, Registration
from gateways.protocol import trust
from gateways.protocol.addresses import BadAddress, console_address
from gateways.protocol.messages import RegistrationAnswer, RegistrationRequest

DEFAULT_CONSOLE_URL = "http://localhost:8000"

EXAMPLE_ID = "9d8e6b7a-5c4d-4e3f-8a2b-1c0d9e8f7a6b"


class RegistrationFailed(Exception):
    """The gateway was not registered; the text says why and what to do."""


def add_arguments(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add `registration create` and `registration inspect`; each sets `run`, which gives the exit code."""
    parser = commands.add_parser("registration", help="register this gateway with a console")
    actions = parser.add_subparsers(required=True, metavar="ACTION")
    _add_create(actions)
    _add_inspect(actions)


def create(arguments: argparse.Namespace) -> Registration:
    """Register a gateway and write its file.

    Raises RegistrationFailed or BadRegistration; then nothing is written.
    """
    url = _console_url(arguments.console_url)
    names = [registration.FILE_NAME] + ([registration.KEYS_FILE_NAME] if arguments.split else [])
    pair = trust.key_pair()
    with (
        registration.NewFiles(arguments.output_directory, names) as files,
        closing(_calls(url, arguments.https_proxy)) as calls,
    ):
        request = RegistrationRequest(
            token=arguments.token or _token(calls, url, arguments),
            name=arguments.name,
            public_key=pair.public,
            organization=arguments.organization,
            environment=arguments.environment,
            connected=arguments.connected,
        )
        answer = _answer(_post(calls, f"{url}/agent/v1/registrations", request.model_dump(by_alias=True)))
        made = Registration(
            gateway_id=answer.gateway_id,
            name=answer.name,
            organization_id=answer.organization_id,
            environment_id=answer.environment_id,
            console_url=url,
            console_public_key=answer.console_public_key,
            private_key=pair.private,
            is_connected=arguments.connected,
        )
        files.write(registration.documents(made, arguments.split))
    return made


def _add_create(actions: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    create = actions.add_parser("create", help="register a new gateway and write its registration file")
    create.set_defaults(run=_create)
    create.add_argument("name", nargs="?", default="", help="the gateway's name")
    create.add_argument("--token", help="one-time registration token of the Add gateway page")
    create.add_argument("--organization", help="id of the organization")
    create.add_argument("--environment", help="id of the environment; not needed with --token")
    _add_switch(
        create,
        "--connected",
        "whether the console configures it; without, it serves files (Local Mode)",
    )
    create.add_argument(
        "--output-directory",
        type=Path,
        default=Path(),
        metavar="DIR",
        help="where registration.yaml is written (the working directory)",
    )
    _add_switch(create, "--split", "keep the keys in certificate.yaml")
    create.add_argument(
        "--console-url",
        "--anypoint-url",
        default=os.environ.get("GATEWRIGHT_CONSOLE_URL", DEFAULT_CONSOLE_URL),
        metavar="URL",
        help="the console's address (GATEWRIGHT_CONSOLE_URL; %(default)s)",
    )
    create.add_argument("--client-id", help="of a connected app, instead of a token")
    create.add_argument("--client-secret", help="goes with --client-id")
    create.add_argument("--username", help="of a user, instead of a token")
    create.add_argument("--password", help="goes with --username")
    create.add_argument("--https-proxy", metavar="URL", help="a proxy between this machine and the console")


def _add_switch(parser: argparse.ArgumentParser, name: str, text: str) -> None:
    """A flag that is on when it stands alone, and takes true and false; without it, it is off."""
    parser.add_argument(
        name, nargs="?", const=True, default=False, type=_boolean, metavar="true|false", help=text
    )


def _add_inspect(actions: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    inspect = actions.add_parser("inspect", help="show what a registration file says")
    inspect.set_defaults(run=_inspect)
    inspect.add_argument(
        "--file", type=Path, default=Path(registration.FILE_NAME), metavar="FILE", help="(%(default)s)"
    )


def _create(arguments: argparse.Namespace) -> int:
    try:
        made = create(arguments)
    except (RegistrationFailed, BadRegistration) as error:
        sys.stderr.write(f"gatewright: {error}\n")
        return 1
    file = arguments.output_directory / registration.FILE_NAME
    keys = arguments.output_directory / registration.KEYS_FILE_NAME
    wrote, it, both = (f"{file} and {keys}", keys, "both") if arguments.split else (file, "it", "it")
    sys.stdout.write(
        f"Registered the gateway {made.name} ({made.gateway_id}).\n"
        f"Wrote {wrote}: {it} holds the gateway's key. Keep it safe; copy {both} to start more replicas.\n"
        f"Start it: gatewright run --registration {file}\n"
    )
    return 0


def _inspect(arguments: argparse.Namespace) -> int:
    try:
        found = registration.read(arguments.file)
    except BadRegistration as error:
        sys.stderr.write(f"gatewright: {error}\n")
        return 1
    facts = {
        "expiration_date": None,
        "gateway": {"id": found.gateway_id, "name": found.name},
        "organization": found.organization_id,
        "environment": found.environment_id,
        "console": found.console_url,
        "mode": "connected" if found.is_connected else "local",
    }
    sys.stdout.write(json.dumps(facts, indent=2) + "\n")
    return 0


def _console_url(text: str) -> str:
    try:
        return console_address(text)
    except BadAddress as error:
        raise RegistrationFailed(f"--console-url: {error}") from None


def _calls(url: str, proxy: str | None) -> ConsoleCalls:
    try:
        return ConsoleCalls(url, proxy)
    except BadProxy as error:
        text = f"--https-proxy or HTTPS_PROXY names no proxy ({error}); write http://host:port"
        raise RegistrationFailed(text) from error


def _answer(body: dict[str, Any]) -> RegistrationAnswer:
    try:
        return RegistrationAnswer.model_validate(body)
    except ValidationError as error:
        raise RegistrationFailed(
            "the console answered what this version cannot read; update gatewright"
        ) from error


def _token(calls: ConsoleCalls, url: str, arguments: argparse.Namespace) -> str:
    """A registration token asked for with a user's or an app's credentials."""
    if not (arguments.organization and arguments.environment):
        raise RegistrationFailed("give --token, or credentials with both --organization and --environment")
    for flag in ("organization", "environment"):
        if not _is_id(found := getattr(arguments, flag)):
            raise RegistrationFailed(f'--{flag} "{found}" is not an id, such as {EXAMPLE_ID}')
    bearer = _bearer(calls, url, arguments)
    path = f"organizations/{arguments.organization}/environments/{arguments.environment}/gatewaytokens"
    headers = {"Authorization": f"Bearer {bearer}"}
    return _field(_post(calls, f"{url}/standalone/api/v1/{path}", {}, headers), "registrationToken", url)


def _bearer(calls: ConsoleCalls, url: str, arguments: argparse.Namespace) -> str:
    if arguments.client_id and arguments.client_secret:
        grant = {
            "grant_type": "client_credentials",
            "client_id": arguments.client_id,
            "client_secret": arguments.client_secret,
        }
        return _field(_post(calls, f"{url}/accounts/api/v2/oauth2/token", grant), "access_token", url)
    if arguments.username and arguments.password:
        login = {"username": arguments.username, "password": arguments.password}
        return _field(_post(calls, f"{url}/accounts/login", login), "access_token", url)
    raise RegistrationFailed("give --token, or --client-id and --client-secret, or --username and --password")


def _is_id(text: str) -> bool:
    try:
        UUID(text)
    except ValueError:
        return False
    return True


def _field(answer: dict[str, Any], name: str, url: str) -> str:
    if not isinstance(found := answer.get(name), str):
        raise RegistrationFailed(f"{url} did not answer as a Gatewright console does")
    return found


def _post(
    calls: ConsoleCalls, url: str, body: dict[str, Any], headers: dict[str, str] | None = None
) -> dict[str, Any]:
    try:
        with calls.one() as http:
            sent = {"Accept-Encoding": "gzip", **(headers or {})}
            request = http.build_request("POST", url, json=body, headers=sent)
            response = whole(http.send(request, stream=True), ANSWER_LIMIT)
    except Unreachable as error:
        raise RegistrationFailed(f"{error}: is this a Gatewright console?") from error
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        raise RegistrationFailed(
            f"the console at {url} does not answer ({reason(error)}). Check --console-url and its scheme, "
            "--https-proxy, and that this machine can reach it"
        ) from error
    if response.is_redirect:
        raise RegistrationFailed(
            f"{url} redirects to {response.headers['Location']}: use that address as --console-url"
        )
    if not response.is_success:
        raise RegistrationFailed(
            refusal(response) or f"{url} answered {response.status_code}: is this a Gatewright console?"
        )
    try:
        answer = response.json()
    except ValueError as error:
        raise RegistrationFailed(f"{url} did not answer as a Gatewright console does") from error
    if not isinstance(answer, dict):
        raise RegistrationFailed(f"{url} did not answer as a Gatewright console does")
    return answer


def _boolean(text: str) -> bool:
    if text.lower() not in ("true", "false"):
        raise argparse.ArgumentTypeError(f'"{text}" is neither true nor false')
    return text.lower() == "true"
