"""What `gatewright rehearse` is told on the command line."""

import argparse
from pathlib import Path

MOST_TIMES = 1000
_EXITS = """exit codes:
  0  the upstream answered, or a policy in its place
  1  the request was refused, or found no API, no route or no answer
  2  the question is wrong: no such folder, no such option, not a request"""


def add_arguments(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Adds `rehearse`."""
    command = commands.add_parser(
        "rehearse",
        help="try a request on a folder of YAML files, with a throw-away gateway and no network",
        epilog=_EXITS,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    command.set_defaults(run=_run)
    command.add_argument(
        "folder", type=Path, metavar="DIR", help="it and its folders are read; - with --json"
    )
    command.add_argument(
        "--request",
        action="append",
        metavar="TEXT",
        help="'GET /orders/1', or with a whole address; several are tried one after another",
    )
    command.add_argument("--curl", action="append", metavar="COMMAND", help="the same as a curl command")
    command.add_argument("-H", "--header", action="append", metavar="'NAME: VALUE'", help="of each request")
    command.add_argument("--body", metavar="TEXT", help="of each request; without a method it is a POST")
    command.add_argument(
        "--from", dest="caller", default="127.0.0.1", metavar="ADDRESS", help="who connects (%(default)s)"
    )
    command.add_argument("--port", type=int, help="the API's port, where there are several")
    command.add_argument("--cert", type=Path, metavar="FILE", help="the caller's certificate, as PEM")
    command.add_argument("--key", type=Path, metavar="FILE", help="its private key")
    command.add_argument(
        "--answer", type=Path, metavar="FILE", help="what upstreams answer, as YAML (200, without a body)"
    )
    command.add_argument(
        "--cases", type=Path, metavar="FILE", help="tests as YAML: requests and what is expected of each"
    )
    command.add_argument(
        "--base-path", default="", metavar="PATH", help="what stands before the paths of the tests"
    )
    command.add_argument(
        "--times", type=_times, default=1, metavar="N", help="how often to try it: limits count (%(default)s)"
    )
    command.add_argument(
        "--json",
        action="store_true",
        help="verdicts as lines of JSON; without a request, requests are read so from standard input",
    )


def _times(text: str) -> int:
    number = int(text) if text.isdigit() else 0
    if not 1 <= number <= MOST_TIMES:
        raise argparse.ArgumentTypeError(f'"{text}" is not a number from 1 to {MOST_TIMES}')
    return number


def _run(arguments: argparse.Namespace) -> int:
    """Other commands do without what this one loads."""
    from gateways.agent.rehearsal import command

    return command.run(arguments)
