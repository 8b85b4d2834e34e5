"""Small files of the state folder that a failing disk or a hand has damaged."""

import json
import logging
import subprocess
import uuid
from pathlib import Path

import pytest

from gateways.agent.apply import Applier
from gateways.agent.connected import run
from gateways.agent.envoy.process import Envoy
from gateways.agent.host.state_folder import StateUnusable, replica_id
from gateways.agent.link import registration
from gateways.agent.settings import RunSettings
from gateways.agent.store import SnapshotStore, Stored
from gateways.agent.traffic.log_files import LogFiles
from gateways.protocol.resources import API_VERSION
from tests.traffic.gateway import running_gateway

API = """
apiVersion: gateway.mulesoft.com/v1alpha1
kind: ApiInstance
metadata: {name: a}
spec:
  address: http://127.0.0.1:${port}/a
  services: {backend: {address: "${upstream}"}}
  policies:
  - policyRef: {name: ip-allowlist-flex}
    config: {ips: [192.0.2.1], ipExpression: "#[attributes.headers['x-ip']]"}
"""
DAMAGES = [b"", b"\0\0\0", b'{"id":', b"[]", b'{"id":7}', b'{"id":"x"}', b"\xff\xfe"]


@pytest.mark.parametrize("damage", DAMAGES)
def test_damaged_replica_id_is_told_by_envoys_configuration(
    tmp_path: Path, damage: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    started_as = str(uuid.uuid4())
    (tmp_path / "envoy").mkdir()
    (tmp_path / "envoy" / "bootstrap.json").write_text(json.dumps({"node": {"id": started_as}}))
    (tmp_path / "replica.json").write_bytes(damage)

    found = replica_id(tmp_path)

    assert found == replica_id(tmp_path) == started_as
    assert "replica.json damaged=true" in caplog.text


def test_damaged_replica_id_is_made_anew_where_nothing_tells_it(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "replica.json").write_bytes(b'{"id"')

    made = replica_id(tmp_path)

    assert replica_id(tmp_path) == str(uuid.UUID(made)) == made
    assert "it is new" in caplog.text


def test_removed_replica_id_is_made_anew_without_a_word(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "envoy").mkdir()
    (tmp_path / "envoy" / "bootstrap.json").write_text(json.dumps({"node": {"id": str(uuid.uuid4())}}))

    assert replica_id(tmp_path) not in (tmp_path / "envoy" / "bootstrap.json").read_text()
    assert caplog.text == ""


@pytest.mark.parametrize("damage", DAMAGES)
def test_state_folder_that_does_not_tell_its_gateway_is_not_used(tmp_path: Path, damage: bytes) -> None:
    settings = RunSettings(state=tmp_path / "state", name="edge", registration=(registered(tmp_path),))
    settings.state.mkdir()
    (settings.state / "gateway.json").write_bytes(damage)

    with pytest.raises(StateUnusable, match=r"gateway\.json is damaged.*delete that file, else choose"):
        run(settings)


def registered(folder: Path) -> Path:
    """The file of a gateway that is registered with a console."""
    connection = {
        "agentId": [str(uuid.uuid4())],
        "assetName": "edge",
        "environment": {"org_id": "o", "env_id": "e"},
        "anypoint": {"url": "http://127.0.0.1:1"},
        "consolePublicKey": "k",
        "privateKey": "k",
        "mode": "online",
    }
    document = {
        "apiVersion": API_VERSION,
        "kind": "Configuration",
        "metadata": {"name": "edge"},
        "spec": {"platformConnection": connection},
    }
    file = folder / registration.FILE_NAME
    file.write_text(json.dumps(document))
    return file


@pytest.mark.parametrize("damage", [b"", b"\xff", b"12x"])
def test_damaged_log_id_follows_the_rotated_files(
    tmp_path: Path, damage: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    logs = LogFiles(tmp_path, reopen=lambda: None)
    (tmp_path / "access.log").write_text("{}\n")
    logs.cut()
    (tmp_path / "access.log").write_text("{}\n")
    ids = [file.id for file in logs.files()]
    (tmp_path / "access.id").write_bytes(damage)

    assert [file.id for file in logs.files()] == ids
    assert "access.id damaged=true" in caplog.text


def test_strange_file_among_the_kept_snapshots_hinders_no_save(tmp_path: Path) -> None:
    (tmp_path / "kept").mkdir()
    (tmp_path / "kept" / "notes.json").write_text("{}")

    SnapshotStore(tmp_path).save(Stored(1, "d", (), {}))

    assert SnapshotStore(tmp_path).load() is not None


@pytest.mark.envoy
def test_damaged_files_of_envoy_are_written_anew(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    with running_gateway(API, tmp_path) as gateway:
        folder, state = gateway.envoy.folder, gateway.envoy.state
        gateway.envoy.stop()
        for path in (*folder.glob("[cl]ds.json"), *folder.glob("rds-*.json"), *state.glob("scripts/*.lua")):
            path.write_bytes(path.read_bytes()[:-20])
        (state / "envoy.pid").write_bytes(b"\xff")

        gateway.envoy = Envoy(state, gateway.envoy.node, drain_seconds=1)
        gateway.envoy.start()
        ack = Applier(gateway.envoy).restore()

        assert ack is not None
        assert [one.reason for one in ack.resources] == [""]
        statuses = [gateway.get("/a", headers={"x-ip": ip}).status_code for ip in ("192.0.2.1", "192.0.2.2")]
        assert statuses == [200, 403]
        assert not [entry for entry in caplog.records if entry.levelno >= logging.ERROR]


@pytest.mark.envoy
@pytest.mark.parametrize("damage", [b"", b"\xff", b"999999999"])
def test_running_envoy_is_adopted_without_its_pid_file(tmp_path: Path, damage: bytes) -> None:
    with running_gateway(API, tmp_path) as gateway:
        pid = gateway.envoy.pid
        gateway.envoy.leave()
        (gateway.envoy.state / "envoy.pid").write_bytes(damage)

        successor = Envoy(gateway.envoy.state, gateway.envoy.node, drain_seconds=1)
        successor.start()

        assert successor.pid == pid
        successor.leave()


@pytest.mark.envoy
def test_reader_of_envoys_configuration_is_not_taken_for_envoy(tmp_path: Path) -> None:
    configuration = tmp_path / "state" / "envoy" / "bootstrap.json"
    configuration.parent.mkdir(parents=True)
    configuration.touch()
    with subprocess.Popen(["tail", "-f", configuration]) as reader:
        try:
            with running_gateway(API, tmp_path) as gateway:
                assert gateway.envoy.pid != reader.pid
            assert reader.poll() is None
        finally:
            reader.kill()
