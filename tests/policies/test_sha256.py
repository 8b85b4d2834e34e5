"""The digest that scripts make is SHA-256's."""

import hashlib
from collections.abc import Iterator

import pytest

from policies.compiled import Compiled, Scope
from policies.scripting.script import SHA256, script
from tests.policies.envoy import Envoy, running_envoy

pytestmark = pytest.mark.envoy

SHOW = """
envoy_on_request = guarded(function(handle)
  local text = handle:headers():get("x-text") or ""
  local headers = { ["x-digest"] = sha256(text), ["x-same"] = tostring(is_same(text, "secret")) }
  return { status = "200", headers = headers }
end)
"""
LENGTHS = [*range(1, 4), *range(53, 67), *range(117, 131), 1000, 4096]


@pytest.fixture(scope="module")
def envoy(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Envoy]:
    folder = tmp_path_factory.mktemp("sha256")
    (folder / "show.lua").write_text(SHOW)
    chain = Compiled(
        (script(Scope("test/sha", "test/api", "", folder), "show", [SHA256, folder / "show.lua"], {}),)
    )
    with running_envoy({"show": [chain]}, folder) as running:
        yield running


@pytest.mark.parametrize("length", LENGTHS)
def test_the_digest_of_any_length(envoy: Envoy, length: int) -> None:
    text = ("The quick brown fox; " * length)[:length].replace(" ", "_")

    answer = envoy.get("/show", {"x-text": text})

    assert answer.headers["x-digest"] == hashlib.sha256(text.encode()).hexdigest()


def test_the_digest_of_nothing(envoy: Envoy) -> None:
    assert envoy.get("/show").headers["x-digest"] == hashlib.sha256(b"").hexdigest()


@pytest.mark.parametrize(
    ("text", "same"), [("secret", "true"), ("secreT", "false"), ("secre", "false"), ("secrets", "false")]
)
def test_texts_are_compared_whole(envoy: Envoy, text: str, same: str) -> None:
    assert envoy.get("/show", {"x-text": text}).headers["x-same"] == same
