"""What the environment names for a proxy and is none is told in a line."""

from pathlib import Path

import pytest

from gateways.agent.cli import main


@pytest.mark.parametrize("proxy", ["socks5://proxy", "http://[::1", "ftp://proxy"])
def test_what_is_no_proxy_is_told_before_anything_starts(
    proxy: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("HTTPS_PROXY", proxy)
    state = tmp_path / "state"

    run = main(["run", "--local", str(tmp_path), "--state", str(state)])
    told = capsys.readouterr().err
    given = ["--token=x", "--https-proxy", proxy, "--output-directory", str(tmp_path)]
    registered = main(["registration", "create", "a", *given])

    assert (run, registered) == (1, 1)
    assert "names no proxy" in told
    assert "names no proxy" in capsys.readouterr().err
    assert not state.exists()
    assert not list(tmp_path.glob("*.yaml"))
