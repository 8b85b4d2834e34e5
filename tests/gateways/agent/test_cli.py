"""The command line: what a person types and reads."""

import json
from pathlib import Path

import pytest

from gateways.agent.cli import main
from gateways.agent.sources.files import load_text
from gateways.protocol.resources import ApiInstance

SOUND = """
apiVersion: gateway.mulesoft.com/v1alpha1
kind: ApiInstance
metadata: {name: orders}
spec:
  address: http://0.0.0.0:8081/orders
  services: {backend: {address: "http://127.0.0.1:9000"}}
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "conf.d"
    made.mkdir()
    return made


def run(capsys: pytest.CaptureFixture[str], *argv: str) -> tuple[int, list[str], list[str]]:
    """(exit code, lines on standard output, lines on standard error)"""
    code = main(argv)
    printed = capsys.readouterr()
    return code, printed.out.splitlines(), printed.err.splitlines()


def validate(capsys: pytest.CaptureFixture[str], folder: Path, text: str) -> tuple[int, list[str]]:
    """The lines, without the file's folder."""
    (folder / "a.yaml").write_text(text)
    code, lines, _ = run(capsys, "validate", str(folder))
    return code, [line.removeprefix(f"{folder}/") for line in lines]


def test_sound_resources_are_a_line_each(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, lines = validate(capsys, folder, SOUND)

    assert (code, lines) == (0, ["a.yaml:2: ApiInstance orders: ok"])


@pytest.mark.parametrize(
    ("old", "new", "line", "said"),
    [
        ("0.0.0.0", "localhost", 6, "ApiInstance orders: spec.address: "),
        ("0.0.0.0:8081", "0.0.0.0", 6, "has no port; write http://0.0.0.0:8081"),
        ("0.0.0.0", "orders.example", 6, '"orders.example" is not an IP address to listen on'),
        ("8081/orders", "8081/orders?x=1", 6, "holds more than scheme, host, port and path"),
        ("http://0.0.0.0", "https://0.0.0.0", 6, "needs a policy tls, inline or in a PolicyBinding"),
        ("http://127.0.0.1:9000", "127.0.0.1:9000", 7, "has no scheme; write https://host:443"),
        ("http://127.0.0.1:9000", "ftp://127.0.0.1", 7, '"ftp" is not one of http, https, h2'),
        ("address: http", "adress: http", 6, 'spec.adress: there is no such field; did you mean "address"?'),
        ("metadata: {name: orders}", "metadata: {}", 4, "metadata.name: is missing"),
        ("kind: ApiInstance", "kind: ApiInstanze", 3, 'Extension\'; did you mean "ApiInstance"?'),
        ("name: orders", "name: 5", 4, "ApiInstance 5: metadata.name: must be text; put it in quotes"),
        ("v1alpha1", "v1", 2, 'ApiInstance orders: apiVersion: "gateway.mulesoft.com/v1" is not gatewright'),
        ("apiVersion: gateway.mulesoft.com/v1alpha1", "", 3, "ApiInstance orders: apiVersion: is missing"),
        ("services: {", "services: [", 7, "the YAML is broken"),
        ("name: orders", "name: a/b", 4, '"a/b" is not a name; use letters, digits, ".", "-" and "_"'),
        ("{backend: ", '{"a/b": ', 7, 'spec.services.a/b: "a/b" is not a name; use letters'),
        ("name: orders", "name: \0", 4, "the file is not YAML: "),
        ("  services:", "  address: http://0.0.0.0:1\n  services:", 7, '"address" is given twice'),
    ],
)
def test_fault_is_told_with_file_line_and_field(
    folder: Path, capsys: pytest.CaptureFixture[str], old: str, new: str, line: int, said: str
) -> None:
    code, lines = validate(capsys, folder, SOUND.replace(old, new))

    assert code == 1
    assert [one for one in lines if one.startswith(f"a.yaml:{line}: ") and said in one]


@pytest.mark.parametrize(
    ("spec", "field", "said"),
    [
        ("policies: [{policyRef: {name: ip-alowlist}}]", "policies[0].policyRef.name", "did you mean"),
        ("policies: [{policyRef: {name: ip-allowlist}}]", "policies[0].config.ips", "is missing"),
        (
            "policies: [{policyRef: {name: ip-allowlist}, config: {ips: ['::'], ipExpresion: x}}]",
            "policies[0].config.ipExpresion",
            'did you mean "ipExpression"?',
        ),
        (
            "policies: [{policyRef: {name: ip-allowlist}, config: {ips: [$NO_SUCH_VARIABLE]}}]",
            "policies[0].config.ips[0]",
            "the environment has no variable NO_SUCH_VARIABLE",
        ),
        (
            "policies: [{policyRef: {name: ip-allowlist}, config: {ips: ['::']}, rules: [{path: '(?=a)'}]}]",
            "policies[0].rules[0].path",
            '"(?=a)" is not an RE2 regular expression: invalid perl operator: (?=',
        ),
        (
            "policies: [{policyRef: {name: ip-blocklist}, config: {ips: [10.0.0.0/8]},"
            ' rules: [{headers: {"a b": x}}]}]',
            "policies[0].rules[0].headers",
            '"a b" is not a header name',
        ),
        (
            "policies: [{policyRef: {name: ip-blocklist}, config: {ips: [10.0.0.0/8]},"
            ' rules: [{headers: {x-a: ""}}]}]',
            "policies[0].rules[0].headers.x-a",
            "is empty; write .* for any value",
        ),
    ],
)
def test_fault_of_a_policy_names_its_field(
    folder: Path, capsys: pytest.CaptureFixture[str], spec: str, field: str, said: str
) -> None:
    code, lines = validate(capsys, folder, f"{SOUND}  {spec}\n")

    assert code == 1
    assert lines[0].startswith(f"a.yaml:8: ApiInstance orders: spec.{field}: ")
    assert said in lines[0]


@pytest.mark.parametrize("path", ["/a b", "/é", "/a\\0"])
def test_a_destination_that_no_request_could_hold_is_told(
    folder: Path, capsys: pytest.CaptureFixture[str], path: str
) -> None:
    service = f'{{address: "http://10.0.0.1", routes: [{{config: {{destinationPath: "{path}"}}}}]}}'

    code, lines = validate(capsys, folder, SOUND.replace('{address: "http://127.0.0.1:9000"}', service))

    assert code == 1
    assert "spec.services.backend.routes[0].config.destinationPath: " in lines[0]
    assert "write it percent-encoded" in lines[0]


def test_second_resource_of_a_name_is_told_where_the_first_is(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder / "b.yml").write_text(SOUND)

    code, lines = validate(capsys, folder, SOUND)

    assert code == 1
    said = f"ApiInstance orders: metadata.name: is already defined at {folder}/a.yaml:2; choose another name"
    assert lines == [f"b.yml:4: {said}"]


def test_overlapping_base_paths_name_each_other(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    second = SOUND.replace("name: orders", "name: old").replace("/orders", "/orders/old")

    code, lines = validate(capsys, folder, f"{SOUND}---{second}")

    said = "spec.address: base path /orders/old on port 8081 overlaps /orders of API orders"
    assert code == 1
    assert lines[0].startswith(f"a.yaml:13: ApiInstance old: {said}")
    assert lines[1:] == ["a.yaml:2: ApiInstance orders: ok", "a.yaml:9: ApiInstance old: would not be served"]


@pytest.mark.parametrize(
    ("target", "said"),
    [
        ("{}", "name: is missing; name the ApiInstance"),
        ("{kind: Service}", "name: is missing; name the Service"),
        (
            "{selector: {labels: {a: b}}}",
            "kind: is ApiInstance, but there is a selector; write kind: Selector, or take the selector out",
        ),
    ],
)
def test_binding_without_a_target_is_a_fault(
    folder: Path, capsys: pytest.CaptureFixture[str], target: str, said: str
) -> None:
    binding = f"""---
apiVersion: gateway.mulesoft.com/v1alpha1
kind: PolicyBinding
metadata: {{name: lost}}
spec: {{targetRef: {target}, policyRef: {{name: cors}}}}
"""

    code, lines = validate(capsys, folder, SOUND + binding)

    assert code == 1
    assert lines[0] == f"a.yaml:12: PolicyBinding lost: spec.targetRef.{said}"


def test_binding_to_nothing_is_a_fault(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    orphan = """---
apiVersion: gateway.mulesoft.com/v1alpha1
kind: PolicyBinding
metadata: {name: lost}
spec:
  targetRef: {name: order}
  policyRef: {name: ip-allowlist}
"""

    code, lines = validate(capsys, folder, SOUND + orphan)

    assert code == 1
    assert lines == [
        'a.yaml:13: PolicyBinding lost: spec.targetRef.name: there is no ApiInstance "order" in namespace'
        ' "default"; did you mean "orders"?; applied to nothing',
        "a.yaml:2: ApiInstance orders: ok",
    ]


@pytest.mark.parametrize(
    ("spec", "said"),
    [
        ("{}", "exactly one setting belongs here, found none"),
        ("{probe: {enabled: true}, timeouts: {}}", "found probe and timeouts"),
        ("{tracing: {}}", "tracing needs gatewright.dev/v1beta1"),
        ("{timeouts: {streamIdleSeconds: 1000000}}", "timeouts.streamIdleSeconds: input should be less than"),
        ("{timeouts: {upstreamResponseSeconds: 0.00001}}", "Seconds: input should be greater than"),
        ("{probe: {path: ready}}", "spec.probe.path: input should be '/probes/readiness'"),
        ("{probe: {port: 99999}}", "spec.probe.port: input should be less than or equal to 65535"),
    ],
)
def test_faulty_configuration(folder: Path, capsys: pytest.CaptureFixture[str], spec: str, said: str) -> None:
    text = (
        f"apiVersion: gateway.mulesoft.com/v1alpha1\nkind: Configuration\nmetadata: {{name: c}}\nspec: {spec}"
    )

    code, lines = validate(capsys, folder, text)

    assert code == 1
    assert said in lines[0]


@pytest.mark.parametrize("is_used", [False, True])
def test_every_policy_on_a_service_is_told_once(
    folder: Path, capsys: pytest.CaptureFixture[str], is_used: bool
) -> None:
    version = "apiVersion: gateway.mulesoft.com/v1alpha1"
    target = "targetRef: {kind: Service, name: erp}"
    documents = [
        f"{version}\nkind: Service\nmetadata: {{name: erp}}\nspec: {{address: http://10.0.0.1}}",
        *(
            f"{version}\nkind: PolicyBinding\nmetadata: {{name: {name}}}\n"
            f"spec: {{{target}, policyRef: {{name: {name}-flex}}}}"
            for name in ("credential-injection-oauth2", "credential-injection-basic-authentication")
        ),
    ]
    if is_used:
        ref = "targetRef: {name: a}, policyRef: {name: route}, config: {destinationRef: {name: erp}}"
        documents += [
            f"{version}\nkind: ApiInstance\nmetadata: {{name: a}}\nspec: {{address: http://0.0.0.0:8081}}",
            f"{version}\nkind: PolicyBinding\nmetadata: {{name: to-erp}}\nspec: {{{ref}}}",
        ]

    code, lines = validate(capsys, folder, "\n---\n".join(documents))

    told = [line for line in lines if "cannot be applied to a Service yet" in line]
    assert code == 1
    assert [line.split(": ")[1] for line in told] == [
        "PolicyBinding credential-injection-oauth2",
        "PolicyBinding credential-injection-basic-authentication",
    ]
    assert ("ApiInstance a: would not be served" in "".join(lines)) == is_used


def test_warnings_do_not_fail(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    others = "---\napiVersion: v1\nkind: ConfigMap\n"
    text = SOUND.replace("0.0.0.0", "127.0.0.1").replace("http://127.0.0.1:9000", "https://a.example/v1")

    code, lines = validate(capsys, folder, text + others)

    assert code == 0
    assert [line.split(": ")[:2] for line in lines] == [
        ["a.yaml:6", "warning"],
        ["a.yaml:7", "warning"],
        ["a.yaml:7", "warning"],
        ["a.yaml:9", "warning"],
        ["a.yaml:2", "ApiInstance orders"],
    ]


@pytest.mark.parametrize(
    ("document", "code", "said"),
    [
        (
            "kind: PolicyBinding\nmetadata: {name: all}\nspec: {targetRef: {kind: Selector, selector:"
            " {labels: {tier: public}}}, policyRef: {name: cors}}",
            0,
            "a.yaml:12: warning: PolicyBinding all: spec.targetRef: no ApiInstance has these labels",
        ),
        (
            "kind: ApiInstance\nmetadata: {name: bare}\nspec: {address: 'http://0.0.0.0:8082'}",
            0,
            "a.yaml:12: warning: ApiInstance bare: spec: has no services and no route; it answers 404",
        ),
        (
            "kind: Contract\nmetadata: {name: c}\nspec: {apiId: order, client: {id: a}}",
            1,
            'a.yaml:12: Contract c: spec.apiId: there is no ApiInstance "order" in namespace "default"; did',
        ),
        (
            "kind: Secret\nmetadata: {name: s}\nspec: {tls: {crt: aGk=, key: not base64}}",
            0,
            "a.yaml:12: warning: Secret s: spec.tls.key: is neither PEM nor base64",
        ),
    ],
)
def test_reference_that_leads_nowhere_is_told(
    folder: Path, capsys: pytest.CaptureFixture[str], document: str, code: int, said: str
) -> None:
    text = f"{SOUND}---\napiVersion: gateway.mulesoft.com/v1alpha1\n{document}\n"

    found, lines = validate(capsys, folder, text)

    assert found == code
    assert [line for line in lines if line.startswith(said)], lines


def test_variables_come_from_the_environment(
    folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    policy = "  policies: [{policyRef: {name: ip-allowlist}, config: {ips: [$OFFICE]}}]\n"

    monkeypatch.setenv("OFFICE", "192.0.2.0/24")
    sound, _ = validate(capsys, folder, SOUND + policy)
    monkeypatch.setenv("OFFICE", "upstairs")
    faulty, lines = validate(capsys, folder, SOUND + policy)

    assert (sound, faulty) == (0, 1)
    assert lines[0].startswith("a.yaml:8: ApiInstance orders: spec.policies[0].config.ips")


@pytest.mark.parametrize(
    ("written", "meant"),
    [("$$word", "$word"), ("$$$word", "$$word"), ("$5", "$5"), ("$$", "$$"), ("a$$word", "a$$word")],
)
def test_value_that_begins_with_a_dollar_is_written_with_two(written: str, meant: str) -> None:
    policy = "  policies: [{policyRef: {name: any}, config: {password: VALUE}}]\n".replace("VALUE", written)

    loaded = load_text(SOUND + policy, {"word": "other"})

    (api,) = loaded.resources
    assert isinstance(api, ApiInstance)
    assert loaded.diagnostics == ()
    assert api.spec.policies[0].config == {"password": meant}


def test_compile_prints_what_envoy_gets(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "a.yaml").write_text(SOUND)

    code, lines, errors = run(capsys, "compile", str(folder))

    config = json.loads("\n".join(lines))
    assert (code, errors) == (0, [])
    assert [one["name"] for one in config["static_resources"]["listeners"]] == ["p8081"]


def test_mistakes_are_one_line(
    folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    state = str(folder / "state")
    monkeypatch.chdir(folder)
    (folder / "file").write_text("")
    asked = [
        ("validate", str(folder / "none")),
        ("run", "--local", str(folder / "none"), "--state", state),
        ("run", "--local", str(folder), "--state", str(folder / "file")),
        ("run", "--state", state),
    ]

    answers = [run(capsys, *argv) for argv in asked]

    assert [(code, out, len(errors)) for code, out, errors in answers] == [(1, [], 1)] * 4
    assert all(errors[0].startswith("gatewright: ") for _, _, errors in answers)


def test_folder_without_files_is_told(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    answer = run(capsys, "validate", str(folder))

    assert answer == (0, [], [f"gatewright: {folder} holds no .yaml or .yml file"])


def test_bad_environment_is_one_line(
    folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FLEX_STREAM_IDLE_TIMEOUT_SECONDS", "long")

    code, _, errors = run(capsys, "run", "--local", str(folder), "--state", str(folder / "state"))

    assert (code, errors) == (1, ['gatewright: FLEX_STREAM_IDLE_TIMEOUT_SECONDS: "long" is not a number'])


def test_an_api_whose_policy_keeps_a_secret_is_sound(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    secret = "correct horse battery staple 2026!"
    config = f'{{signingMethod: hmac, textKey: "{secret}", skipClientIdValidation: true}}'
    policy = f"  policies: [{{policyRef: {{name: jwt-validation}}, config: {config}}}]\n"

    code, lines = validate(capsys, folder, SOUND + policy)

    assert (code, lines) == (0, ["a.yaml:2: ApiInstance orders: ok"])
    assert secret not in "\n".join(run(capsys, "compile", str(folder))[1])
