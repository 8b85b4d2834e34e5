"""The commands that register and start a gateway, ready to be copied, for each platform."""

import shlex
import sys
from dataclasses import dataclass
from pathlib import Path

from gateways.models import Gateway, RegistrationToken
from gateways.protocol.addresses import is_loopback

IMAGE = "gatewright"
LOCAL_NOTE = (
    "The console is known by an address of this machine alone, so the gateway has to run here too. "
    "For others, start the console with GATEWRIGHT_CONSOLE_URL set to an address that they reach."
)


@dataclass(frozen=True)
class Instruction:
    """`note` says what a reader must know before running `command`."""

    title: str
    command: str
    note: str = ""


def instructions(token: RegistrationToken, text: str, console_url: str) -> list[Instruction]:
    """How to make and start a gateway with this token; `text` is the token itself."""
    makers = {Gateway.Platform.DOCKER: _docker, Gateway.Platform.KUBERNETES: _kubernetes}
    return makers.get(Gateway.Platform(token.platform), _linux)(token, text, console_url)


def _create(token: RegistrationToken, text: str, console_url: str, folder: str) -> str:
    """The arguments of `gatewright`."""
    return (
        "registration create \\\n"
        f"  --token={text} \\\n"
        f"  --organization={token.environment.organization_id} --connected=true \\\n"
        f"  --console-url={console_url} --output-directory={folder} {token.gateway_name}"
    )


def _program(console_url: str) -> tuple[str, str]:
    """What to type for `gatewright`, and what to know of it: on this machine its whole path is known."""
    own = Path(sys.executable).with_name("gatewright")
    if is_loopback(console_url) and own.exists():
        return shlex.quote(str(own)), LOCAL_NOTE
    return "gatewright", "The command comes with Gatewright; in its checkout it is .venv/bin/gatewright."


def _linux(token: RegistrationToken, text: str, console_url: str) -> list[Instruction]:
    program, note = _program(console_url)
    return [
        Instruction("Register", f"{program} {_create(token, text, console_url, '.')}", note),
        Instruction("Start", f"{program} run --registration registration.yaml"),
    ]


def _docker(token: RegistrationToken, text: str, console_url: str) -> list[Instruction]:
    register = f'docker run --rm --network host -u "$UID" \\\n  -v "$PWD":/registration {IMAGE} '
    start = (
        f'docker run -d --name {token.gateway_name} --network host -u "$UID" \\\n'
        f'  -v "$PWD":/registration:ro -v {token.gateway_name}-state:/state {IMAGE} \\\n'
        "  run --registration /registration"
    )
    return [
        _build(),
        Instruction("Register", register + _create(token, text, console_url, "/registration")),
        Instruction(
            "Start",
            start,
            "With the host's network, the ports of your APIs are this machine's. To publish single ports "
            "instead, replace it by -p, and give --console-url an address that the container reaches.",
        ),
    ]


def _kubernetes(token: RegistrationToken, text: str, console_url: str) -> list[Instruction]:
    apply = (
        "kubectl create namespace gatewright\n"
        "kubectl -n gatewright create secret generic registration --from-file=registration.yaml\n"
        "kubectl -n gatewright apply -f deploy/kubernetes.yaml"
    )
    program, _ = _program(console_url)
    return [
        _build(
            "Make it known to the cluster: push it to your registry and name it in deploy/kubernetes.yaml."
        ),
        Instruction(
            "Register",
            f"{program} {_create(token, text, console_url, '.')}",
            "Run it on any machine that reaches the console; the pods must reach the same address.",
        ),
        Instruction("Start", apply, "Each pod is a replica; scale the Deployment to have more."),
    ]


def _build(after: str = "") -> Instruction:
    note = f"In Gatewright's checkout: the image is not published, you build it once. {after}".strip()
    return Instruction("Build the image", f"docker build -t {IMAGE} -f deploy/Dockerfile .", note)
