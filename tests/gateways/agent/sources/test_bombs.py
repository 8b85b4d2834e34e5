"""Files made to exhaust who reads them: each is a diagnostic of its own, and nothing more."""

import os
import resource
import time
from pathlib import Path

import pytest

from gateways.agent.sources import files

HEAD = "apiVersion: gateway.mulesoft.com/v1alpha1\nkind: Configuration\nmetadata: {name: c}\n"
BOMBS = {
    "aliases of one long text": "a: &a '" + "k" * 100_000 + "'\nb: [" + ",".join(["*a"] * 5000) + "]",
    "merges": "a0: &a0 {" + ",".join(f"k{at}: 1" for at in range(8)) + "}\n"
    + "".join(f"a{at}: &a{at} {{<<: [{','.join([f'*a{at - 1}'] * 8)}]}}\n" for at in range(1, 12)),
    "aliases": "a: &a [1,1]\n" + "".join(
        f"{after}: &{after} [{','.join(['*' + before] * 9)}]\n"
        for before, after in zip("abcdefghij", "bcdefghijk", strict=True)
    ),
    "a number in base 60": "a: 1" + ":1" * 1_000_000,
    "a fraction in base 60": "a: 1" + ":1" * 1_000_000 + ".5",
    "a million values": "a: [" + ",".join(["1"] * 1_000_000) + "]",
    "a million empty lists": "a: [" + ",".join(["[]"] * 1_000_000) + "]",
    "40 MB": "#" * 40_000_000,
}  # fmt: skip


@pytest.mark.parametrize("text", BOMBS.values(), ids=BOMBS.keys())
def test_a_bomb_is_one_line_for_its_author(tmp_path: Path, text: str) -> None:
    (tmp_path / "bomb.yaml").write_text(HEAD + "x:\n" + text if text[0] != "#" else text)
    began, memory = time.process_time(), resource.getrusage(resource.RUSAGE_SELF).ru_maxrss

    loaded = files.load(tmp_path)

    assert len(loaded.diagnostics) == 1
    assert time.process_time() - began < 10
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - memory < 600 * 1024


@pytest.mark.timeout(20)
def test_what_is_no_file_is_not_read(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.yaml")
    (tmp_path / "zero.yaml").symlink_to("/dev/zero")

    loaded = files.load(tmp_path)

    assert all("no regular file" in str(diagnostic) for diagnostic in loaded.diagnostics)
