"""`gatewright rehearse`: what a person types and reads."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from gateways.agent.cli import main
from tests.gateways.agent.rehearsal.test_verdicts import BROKEN, ORDERS

pytestmark = pytest.mark.envoy
USER = ["-H", "Authorization: Basic YW5uOnBhc3Mtb2YtYW5u"]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "conf.d"
    made.mkdir()
    (made / "orders.yaml").write_text(f"{ORDERS}---{BROKEN}")
    return made


def run(capsys: pytest.CaptureFixture[str], *argv: str | Path) -> tuple[int, str, str]:
    code = main(["rehearse", *map(str, argv)])
    printed = capsys.readouterr()
    return code, printed.out, printed.err


def test_verdict_reads_from_top_to_bottom(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    answer = folder / "upstream.answer"
    answer.write_text('{status: 202, headers: [[x-a, b]], body: "done"}')

    code, out, _ = run(
        capsys, folder, "--request", "GET /orders/7", *USER, "--from", "192.0.2.7", "--answer", answer
    )

    shown = [line for line in out.splitlines() if line and "date:" not in line]
    assert code == 0
    assert shown[:8] == [
        "GET /orders/7  from 192.0.2.7",
        "  API       default/orders",
        "  Route     backend-route-1",
        "  Policies  ✓ CORS                          let it pass",
        "            ✓ IP Blocklist                  let it pass",
        "            ✓ Basic Authentication: Simple  let it pass",
        "            · Rate Limiting                 not applied: its conditions do not hold",
        "            ✓ Header Injection              let it pass",
    ]
    assert "  Upstream  GET /v2/7  to orders.internal.example:8443" in shown
    assert shown[-2:] == ["            done", "✓ orders.internal.example:8443 answered 202"]


def test_refused_request_exits_with_1(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    curl = "curl -sS 'https://api.example.com/orders/7' -H 'X-A: b'"

    code, out, _ = run(capsys, folder, "--curl", curl)

    assert code == 1
    assert "✗ Basic Authentication: Simple  refused it: User authentication failed." in out
    assert "· Header Injection              not reached" in out


def test_api_that_is_not_served_is_told_with_file_and_line(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code, out, _ = run(capsys, folder, "--request", "GET /broken/7")

    lines = (folder / "orders.yaml").read_text().splitlines()
    number = next(number for number, line in enumerate(lines, 1) if "nonsense" in line)
    assert code == 1
    assert (
        f"  Why       {folder}/orders.yaml:{number}: ApiInstance broken: spec.policies[0].config.ips[0]: "
        in out
    )


def test_repeated_requests_count(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = run(capsys, folder, "--request", "GET /orders/limited", *USER, "--times", "3", "--json")

    assert [json.loads(line)["outcome"] for line in out.splitlines()] == ["upstream", "upstream", "refused"]
    assert code == 1


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--request", "orders"], '"orders" is no request; write a method and a path'),
        (["--curl", "wget x"], 'does not begin with "curl"'),
        (["--curl", "curl -F a=b http://x"], "-F of curl is not understood"),
        (["--request", "GET /", "-H", "nonsense"], 'is no header; write it as "Name: value"'),
        (["--request", "GET /", "--from", "here"], 'from: "here" is not an IP address'),
        (["--request", "GET /", "--answer", "no-such-file"], "no-such-file"),
        ([], "say what to try"),
    ],
)
def test_wrong_question_exits_with_2(
    folder: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], said: str
) -> None:
    code, out, err = run(capsys, folder, *arguments)

    assert (code, out) == (2, "")
    assert said in err


def test_lines_of_json_for_another_program() -> None:
    resources = [
        {
            "apiVersion": "gatewright.dev/v1alpha1",
            "kind": "ApiInstance",
            "metadata": {"name": "orders"},
            "spec": {
                "address": "http://0.0.0.0:8081/orders",
                "services": {"backend": {"address": "http://10.0.0.9:9000"}},
            },
        }
    ]
    asked = [
        {"request": {"target": "/orders"}},
        {"resources": resources},
        {"request": {"target": "/orders"}, "answers": [{"status": 204}]},
        {"request": {"target": "/orders", "nonsense": 1}},
        {"resources": []},
        {"request": {"target": "/orders", "port": 8081}},
    ]
    text = "".join(f"{json.dumps(line)}\n" for line in asked)
    command = [sys.executable, "-m", "gateways.agent.cli", "rehearse", "-", "--json"]

    done = subprocess.run(command, input=text, capture_output=True, text=True, timeout=60, check=True)

    replies = [json.loads(line) for line in done.stdout.splitlines()]
    assert replies[0] == {"error": "there is nothing to try it on: give resources first"}
    assert replies[1] == {"ports": [8081], "notServed": []}
    assert replies[2]["verdict"]["answer"]["status"] == 204
    assert replies[3] == {"error": "request.nonsense: there is no such field; check its spelling"}
    assert replies[4] == {"ports": [], "notServed": []}
    assert replies[5]["verdict"]["outcome"] == "rejected"


def test_tests_say_which_pass_and_what_came_else(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = folder / "tests.cases"
    file.write_text(
        "- {name: closed, target: /7, expect: {status: 401, outcome: refused}}\n"
        "- {name: wrong, target: /7, expect: {status: 200}}\n"
    )

    code, out, _ = run(capsys, folder, "--cases", file, "--base-path", "/orders", "--port", "8081")
    bad, _, said = run(capsys, folder, "--cases", file, "--request", "GET /")

    assert code == 1
    assert out.splitlines() == [
        "✓ closed",
        "✗ wrong",
        "    status: expected 200, came 401",
        "",
        "1 of 2 passed",
    ]
    assert (bad, "leave the others out" in said) == (2, True)
