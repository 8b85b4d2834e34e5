"""A file that is read piece by piece says the same as a whole; what stayed is not read again."""

import os
from pathlib import Path

import pytest

from gateways.agent.sources import files, pieces
from gateways.agent.sources.parsing import ReadResource, parse

SECRET = """apiVersion: gatewright.dev/v1alpha1
kind: Secret
metadata: {{name: {name}}}
spec: {{data: {{word: "{word}"}}}}
"""


def secret(name: str, word: str = "x") -> str:
    return SECRET.format(name=name, word=word)


TEXTS = {
    "nothing": "",
    "one": secret("a"),
    "several": f"# first\n---\n{secret('a')}---\n\n---\n{secret('b')}--- # more\n{secret('c')}---",
    "wrong in the second": f"{secret('a')}---\nkind: Secret\n---\n{secret('c')}",
    "not all are ours": f"{secret('a')}---\nkind: Pod\napiVersion: v1\n---\n[1]\n---\n{secret('c')}",
    "hyphens in a text": f"{secret('a')}---\nword: |\n  --- a\n  ---\nother: a ---\n---\n{secret('c')}",
    "hyphens that are longer": f"{secret('a')}---- b\n---\n{secret('c')}",
    "broken by a quote": f'{secret("a")}---\nword: "a\n---\nb"\n---\n{secret("c")}',
    "broken by a bracket": f"{secret('a')}---\nwords: [a\n---\nb]\n---\n{secret('c')}",
    "broken at the end": f"{secret('a')}---\n{secret('b')} - x\n",
    "a directive": f"%YAML 1.1\n---\n{secret('a')}...\n---\n{secret('b')}",
    "a tag of its own": f"%TAG ! tag:x,2000:\n---\n{secret('a')}---\nword: !own 1\n",
    "other ends of lines": f"{secret('a')}---\n{secret('b')}".replace("\n", "\r\n"),
    "an end of a line in a text": secret("a", "x\u2028---") + f"---\n{secret('b')}---\nkind: 1\n",
    "an anchor": f"word: &a 1\n---\n{secret('a')}---\nword: *a\n---\n{secret('b')}",
}


@pytest.mark.parametrize("text", TEXTS.values(), ids=TEXTS)
def test_in_pieces_it_says_what_it_says_as_a_whole(text: str) -> None:
    content = text.encode()

    def told(piece: pieces.FilePiece) -> list[object]:
        return [
            (piece.first_line + one.node.start_mark.line, one.resource)
            if isinstance(one, ReadResource)
            else (piece.first_line + one.line, one.message, one.is_warning, one.data)
            for one in piece.found
        ]

    whole = told(pieces.FilePiece(content, 1, parse(content, {})[0]))
    read = pieces.read(content, {})

    for found in (read, pieces.read(content, {}, read)):
        assert [one for piece in found for one in told(piece)] == whole


def test_of_a_folder_only_what_changed_is_read_again(tmp_path: Path) -> None:
    several, other, broken = (tmp_path / name for name in ("several.yaml", "other.yaml", "wrong.yaml"))
    several.write_text("---\n".join(map(secret, "abc")))
    other.write_text(secret("d"))
    broken.write_text("kind: Secret\n")
    for path in (several, other, broken):
        os.utime(path, (1_000_000_000, 1_000_000_000))
    reader = files.FolderReader({})
    before = {one.resource.metadata.name: one.resource for one in reader.load(tmp_path).documents}

    several.write_text("\n# a line more\n---\n" + "---\n".join((secret("a"), secret("b", "y"), secret("c"))))
    found, anew = reader.load(tmp_path), files.load(tmp_path, {})

    after = {one.resource.metadata.name: one.resource for one in found.documents}
    assert {name for name in after if after[name] is before[name]} == {"c", "d"}
    assert [(one.resource, one.file, one.line) for one in found.documents] == [
        (one.resource, one.file, one.line) for one in anew.documents
    ]
    assert found.diagnostics == anew.diagnostics
    assert len(found.diagnostics) == 1


def test_a_file_that_changes_twice_in_a_moment_is_read_each_time(tmp_path: Path) -> None:
    path, reader = tmp_path / "a.yaml", files.FolderReader({})
    for word in ("1", "2", "3"):
        path.write_text(secret("a", word))
        now = path.stat().st_mtime_ns
        (document,) = reader.load(tmp_path).documents
        path.write_text(secret("a", "9"))
        os.utime(path, ns=(now, now))

        (again,) = reader.load(tmp_path).documents

        assert document.resource != again.resource
