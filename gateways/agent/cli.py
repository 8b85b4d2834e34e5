"""The command `gatewright`."""

import argparse
import importlib.metadata
import json
import logging
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from gateways.agent import settings
from gateways.agent.host import garbage, processors, proxies
from gateways.agent.link import register, registration
from gateways.agent.link.registration import BadRegistration
from gateways.agent.rehearsal import arguments as rehearsal

if TYPE_CHECKING:
    from gateways.agent.check import Checked


class UserMistake(Exception):
    """Printed as one line."""


def main(argv: Sequence[str] | None = None) -> int:
    """Exit codes: 0 done, 1 what was asked cannot be done, 2 it was asked wrongly."""
    garbage.collect_seldom()
    arguments = command_parser().parse_args(argv)
    try:
        return int(arguments.run(arguments))
    except (UserMistake, settings.BadSetting, BadRegistration) as error:
        sys.stderr.write(f"gatewright: {error}\n")
        return 1
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1


def command_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="gatewright", description="The API gateway of Gatewright.")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    _add_run(commands)
    register.add_arguments(commands)
    for name, run, text in (
        ("compile", _compile, "print the Envoy configuration of a folder of YAML files"),
        ("validate", _validate, "check a folder of YAML files: one line for each resource"),
    ):
        command = commands.add_parser(name, help=text)
        command.set_defaults(run=run)
        command.add_argument("folder", type=Path, metavar="DIR", help="it and its folders are read")
    rehearsal.add_arguments(commands)
    version = commands.add_parser("version", help="print the version")
    version.set_defaults(run=_version)
    return parser


def _add_run(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    run = commands.add_parser("run", help="run a gateway: connected to a console, or from a folder")
    run.set_defaults(run=_run)
    run.add_argument("--local", type=Path, metavar="DIR", help="serve this folder of YAML files, no console")
    run.add_argument(
        "--registration", type=Path, metavar="FILE", help="file that `registration create` wrote"
    )
    run.add_argument("--conf", type=Path, metavar="DIR", help="folder to look for registration.yaml in")
    run.add_argument("--state", metavar="DIR", help="state folder (GATEWRIGHT_STATE)")
    run.add_argument("--name", help="the replica's name (FLEX_NAME; the host's name)")
    run.add_argument(
        "--concurrency",
        type=_positive,
        default=processors.allowed(),
        metavar="N",
        help="Envoy's worker threads (one for each core, of what this process may use: %(default)s)",
    )
    run.add_argument(
        "--control-host",
        default=os.environ.get("GATEWRIGHT_CONTROL_HOST", "127.0.0.1"),
        help="address that probes are answered on (GATEWRIGHT_CONTROL_HOST; %(default)s)",
    )
    run.add_argument(
        "--control-port",
        type=int,
        default=os.environ.get("GATEWRIGHT_CONTROL_PORT", "0"),
        help="its port; 0 takes a free one (GATEWRIGHT_CONTROL_PORT; %(default)s)",
    )
    run.add_argument(
        "--log-level",
        choices=("debug", "info", "warning", "error", "critical"),
        help="of the agent (FLEX_LOG_LEVEL; info)",
    )


def _run(arguments: argparse.Namespace) -> int:
    from gateways.agent.envoy.process import EnvoyFailed
    from gateways.agent.host.state_folder import StateInUse, StateUnusable
    from gateways.agent.local import NoFolder
    from gateways.agent.probes import ControlUnavailable

    chosen = _run_settings(arguments)
    _log(chosen.log_level)
    if os.environ.get("GATEWRIGHT_CONTROL_URL"):
        logging.getLogger(__name__).warning(
            "GATEWRIGHT_CONTROL_URL has no effect: the console connects to no gateway; changes come down the "
            "stream that the gateway opens"
        )
    trusted = chosen.proxying.trusted
    if trusted.hops and not trusted.networks:
        logging.getLogger(__name__).warning(
            "GATEWRIGHT_GATEWAY_TRUSTED_HOPS without GATEWRIGHT_GATEWAY_TRUSTED_PROXIES believes everybody "
            "who connects; name the networks unless proxies alone reach the gateway"
        )
    try:
        proxies.check()
        if chosen.local is not None:
            from gateways.agent import local

            local.run(chosen, chosen.local)
        else:
            from gateways.agent import connected

            connected.run(chosen)
    except proxies.BadProxy as error:
        text = f"HTTPS_PROXY, HTTP_PROXY or ALL_PROXY names no proxy ({error}); write http://host:port"
        raise UserMistake(text) from error
    except (
        ControlUnavailable,
        EnvoyFailed,
        NoFolder,
        StateInUse,
        StateUnusable,
    ) as error:
        raise UserMistake(str(error)) from error
    return 0


def _run_settings(arguments: argparse.Namespace) -> settings.RunSettings:
    given = (arguments.registration, arguments.conf)
    places = tuple(place for place in given if place) or (Path(),)
    return settings.RunSettings(
        state=settings.state_folder(arguments.state, _own_folder(arguments.local, places)),
        name=arguments.name or settings.replica_name(),
        local=arguments.local,
        registration=places,
        concurrency=arguments.concurrency,
        control_host=arguments.control_host,
        control_port=arguments.control_port,
        log_level=arguments.log_level or settings.log_level(),
        drain_seconds=settings.drain_seconds(),
        debounce_seconds=settings.debounce_seconds(),
        proxying=settings.proxying(),
        limits=settings.limits(),
    )


def _own_folder(local: Path | None, places: tuple[Path, ...]) -> str:
    """Where below GATEWRIGHT_HOME the state goes: one folder for each gateway of a machine."""
    if local is not None:
        return "local"
    file = registration.find(places)
    if file is None:
        return "gateway"
    found = registration.read(file)
    return f"gateways/{found.name}-{found.gateway_id[:8]}"


def _validate(arguments: argparse.Namespace) -> int:
    checked = _checked(arguments.folder)
    sys.stdout.write("".join(f"{line}\n" for line in checked.lines()))
    return 0 if checked.is_sound else 1


def _compile(arguments: argparse.Namespace) -> int:
    checked = _checked(arguments.folder)
    sys.stderr.write("".join(f"{diagnostic}\n" for diagnostic in checked.diagnostics))
    sys.stdout.write(json.dumps(checked.config, indent=2) + "\n")
    return 0 if checked.is_sound else 1


def _checked(folder: Path) -> "Checked":
    from gateways.agent.check import check

    if not folder.is_dir():
        raise UserMistake(f"{folder} is not a folder; give one that holds .yaml files")
    try:
        checked = check(folder, settings.state_folder(None), settings.proxying())
    except OSError as error:
        raise UserMistake(f"{error.filename}: {error.strerror}") from error
    if not checked.loaded.files:
        sys.stderr.write(f"gatewright: {folder} holds no .yaml or .yml file\n")
    return checked


def _version(_: argparse.Namespace) -> int:
    sys.stdout.write(f"gatewright {importlib.metadata.version('gatewright')}\n")
    return 0


def _positive(text: str) -> int:
    number = int(text) if text.isdigit() else 0
    if number < 1:
        raise argparse.ArgumentTypeError(f'"{text}" is not a number above 0')
    return number


def _log(level: str) -> None:
    logging.basicConfig(
        level=level.upper(), format="%(asctime)s %(levelname)s %(name)s %(message)s", stream=sys.stderr
    )
    for chatty in ("httpx", "httpcore", "watchfiles"):
        logging.getLogger(chatty).setLevel(logging.WARNING)


if __name__ == "__main__":
    sys.exit(main())
