"""The digest under which answers are remembered is SipHash-2-4 of 128 bits, as its authors have it."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from policies.answers.question import LUA
from policies.compiled import TYPE_URL, Compiled, Filter
from tests.policies.envoy import Envoy, running_envoy

pytestmark = pytest.mark.envoy

# Key 00 01 … 0f, text 00 01 … of so many bytes; from the reference implementation's vectors.
VECTORS = {
    0: "a3817f04ba25a8e66df67214c7550293",
    1: "da87c1d86b99af44347659119b22fc45",
    8: "3b62a9ba6258f5610f83e264f31497b4",
    15: "5493e99933b0a8117e08ec0f97cfc3d9",
    63: "5150d1772f50834a503e069a973fbd7c",
}
CODE = """
local policy_name, settings = "test", {ask = {}}
%s
function envoy_on_request(handle)
  local key = ffi.new("uint64_t[2]")
  key[0], key[1] = 0x0706050403020100ULL, 0x0f0e0d0c0b0a0908ULL
  local letters = {}
  for i = 1, tonumber(handle:headers():get("x-length")) do letters[i] = string.char(i - 1) end
  made[0], made[1] = digest(key, table.concat(letters))
  local bytes, said = ffi.string(made, 16), {}
  for i = 1, 16 do said[i] = ("%%02x"):format(bytes:byte(i)) end
  handle:respond({[":status"] = "200"}, table.concat(said))
end
"""


@pytest.fixture(scope="module")
def envoy(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Envoy]:
    lua = {
        "@type": TYPE_URL + "envoy.extensions.filters.http.lua.v3.Lua",
        "default_source_code": {"inline_string": CODE % Path(LUA).read_text()},
    }
    with running_envoy({"hash": [Compiled((Filter("hash", lua),))]}, tmp_path_factory.mktemp("hash")) as made:
        yield made


@pytest.mark.parametrize("length", VECTORS)
def test_vectors(envoy: Envoy, length: int) -> None:
    assert envoy.get("/hash", {"x-length": str(length)}).body == VECTORS[length]
