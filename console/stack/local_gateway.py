"""The gateway that runs beside the console, registered the way every gateway is."""

import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from uuid import UUID

from console.models import Environment, User
from console.pages.parts import LOCAL_GATEWAY
from console.stack import variables
from console.stack.application import PROJECT
from console.stack.stack_error import StackError
from gateways import change
from gateways.agent.envoy.process import Envoy
from gateways.agent.link import registration
from gateways.agent.link.registration import BadRegistration, Registration
from gateways.models import Gateway

NAME = "local"


def forget() -> None:
    """From now on until `ensure`, the console's health does not depend on a local gateway."""
    LOCAL_GATEWAY.unlink(missing_ok=True)


def end_envoy() -> None:
    """Envoy outlives its agent on purpose; it ends here when the stack stops while the agent is down."""
    Envoy(LOCAL_GATEWAY.parent, node="", drain_seconds=0).stop()


def ensure(folder: Path, console_url: str) -> None:
    """Register it, unless `folder` holds a registration that this console knows."""
    folder.mkdir(exist_ok=True, mode=0o700)
    LOCAL_GATEWAY.write_text(str(_known(folder, console_url) or _register(folder, console_url)))


def _known(folder: Path, console_url: str) -> UUID | None:
    """The id of the gateway registered before, told the console's present address."""
    file = folder / registration.FILE_NAME
    found = _registration(file)
    if found:
        gateway = Gateway.objects.filter(pk=found.gateway_id, is_revoked=False).first()
        if gateway:
            if found.console_url != console_url:
                moved = replace(found, console_url=console_url)
                file.write_text(registration.documents(moved)[registration.FILE_NAME])
            return gateway.pk
    if file.exists():
        file.replace(file.with_name("registration.yaml.unknown"))
    return None


def _registration(file: Path) -> Registration | None:
    try:
        return registration.read(file)
    except BadRegistration:
        return None


def _register(folder: Path, console_url: str) -> UUID:
    environment = Environment.objects.filter(type=Environment.Type.SANDBOX).order_by("created_at").first()
    actor = User.objects.filter(is_superuser=True, is_active=True).order_by("date_joined").first()
    if environment is None or actor is None:
        raise StackError(
            "The local gateway needs a sandbox environment and an administrator: "
            "add them at /admin/, then start again."
        )
    name = _free_name(environment)
    token, text = change.issue_token(actor, environment, name)
    command = [sys.executable, "-m", "gateways.agent.cli", "registration", "create", "--connected=true"]
    where = [f"--token={text}", f"--console-url={console_url}", f"--output-directory={folder}", name]
    done = subprocess.run(
        [*command, *where],
        cwd=PROJECT,
        env=variables.of_others(),
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise StackError(f"The local gateway could not be registered: {done.stderr.strip()}")
    token.refresh_from_db()
    if token.gateway is None:
        raise StackError(f"The local gateway was not registered: {done.stdout.strip()}")
    return token.gateway.pk


def _free_name(environment: Environment) -> str:
    """`local`; when that one is lost with its key, `local-2` and so on."""
    taken = set(Gateway.objects.filter(environment=environment).values_list("name", flat=True))
    names = (NAME if number == 1 else f"{NAME}-{number}" for number in range(1, len(taken) + 2))
    return next(name for name in names if name not in taken)
