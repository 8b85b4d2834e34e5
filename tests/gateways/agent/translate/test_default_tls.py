"""The gateway's own TLS: for https APIs without a tls policy, for https upstreams without a CA."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from gateways.agent import cli
from gateways.agent.translate.apis import LastTranslation, translate
from gateways.protocol.resources import RESOURCE
from tests.certificates import self_signed
from tests.gateways.agent.translate.test_guards import KEY, api, document, inline, translated

PAIR, OTHER = self_signed(), self_signed()


def default(**parts: Any) -> dict[str, Any]:
    return document("Configuration", "tls", {"defaultTLS": parts})


def served(*documents: dict[str, Any]) -> str:
    (found,) = translated(*documents).gateway.apis
    assert found.listener.tls is not None
    return found.listener.tls.certificate


def test_https_api_without_a_policy_is_served_with_it() -> None:
    assert "needs a policy tls" in translated(api("https")).refused[KEY]
    assert served(default(inbound={"certificate": PAIR}), api("https")) == PAIR["crt"]


def test_policy_of_its_own_stands_before_it() -> None:
    own = inline("tls", {"certificate": OTHER})

    assert served(default(inbound={"certificate": PAIR}), api("https", own)) == OTHER["crt"]


def test_plain_api_stays_plain() -> None:
    (found,) = translated(default(inbound={"certificate": PAIR}), api("http")).gateway.apis

    assert found.listener.tls is None


def test_changed_one_is_what_the_api_is_served_with() -> None:
    last = LastTranslation()
    for pair in (PAIR, OTHER):
        documents = [default(inbound={"certificate": pair}), api("https")]
        (found,) = translate([RESOURCE.validate_python(one) for one in documents], last).gateway.apis
        assert found.listener.tls is not None
        assert found.listener.tls.certificate == pair["crt"]


def test_certificate_may_be_a_secret() -> None:
    secret = document("Secret", "edge", {"tls": PAIR})
    certificate = {"crt": "${secret:edge#crt}", "key": "${secret:edge#key}"}

    assert served(secret, default(inbound={"certificate": certificate}), api("https")) == PAIR["crt"]


def test_secret_that_is_missing_leaves_it_out_and_refuses_the_api() -> None:
    certificate = {"crt": "${secret:edge#crt}", "key": "${secret:edge#key}"}

    translation = translated(default(inbound={"certificate": certificate}), api("https"))

    assert "needs a policy tls" in translation.refused[KEY]
    assert any('no Secret "edge"' in one.message for one in translation.faults)


def test_what_has_no_effect_is_told() -> None:
    translation = translated(default(outboundPolicyCalls={"minVersion": "1.3"}), api("http"))

    assert [one.message for one in translation.faults if one.is_warning]
    assert translation.refused == {}


def test_trust_is_of_the_gateway() -> None:
    trust = {"trustedCA": PAIR["crt"]}

    found = translated(default(outbound=trust), api("http")).gateway.default_trust

    assert found is not None
    assert found.trusted_ca == PAIR["crt"]


def test_upstream_without_trust_of_its_own_is_reached_by_it(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    spec = {"address": "http://0.0.0.0:8081/a", "services": {"s": {"address": "https://backend.test"}}}
    documents = [document("ApiInstance", "a", spec), default(outbound={"trustedCA": PAIR["crt"]})]
    (tmp_path / "all.yaml").write_text(yaml.safe_dump_all(documents))

    assert cli.main(["compile", str(tmp_path)]) == 0

    assert PAIR["crt"].splitlines()[1] in capsys.readouterr().out
