"""The whole path on a governed server whose artifacts lie in an object store, by HTTP and by MLflow's own client."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from object_store import SECRET, ObjectStore, pointing_at
from registry_world import material
from server_world import API, PASSWORD, Said, ServerWorld, team_server
from towpath_core.errors import Refused
from towpath_core.refs import ModelRef
from towpath_registry.artifact_place import S3Place
from towpath_registry.nouns import REFUSED, ModelVersion

pytestmark = pytest.mark.slow
ARTIFACTS, AJAX = "/api/2.0/mlflow-artifacts", "/ajax-api/2.0/mlflow-artifacts"
MODEL = "occupation-coder"
ONCE = ("its files are written once", "register it as the next version")


@dataclass(frozen=True)
class World:
    """A server, its object store, and a version that stands at staging and is asked for production."""

    server: ServerWorld
    store: ObjectStore
    place: S3Place
    version: ModelVersion
    files: str
    evidence: str

    def content(self) -> dict[str, str]:
        found = self.store.content(self.place)
        return {key: hashlib.sha256(content).hexdigest() for key, content in found.items()}

    def ask(self, method: str, path: str, content: object = None, by: str = "max") -> Said:
        names = {"files": self.files, "evidence": self.evidence, "run": self.version.run_id}
        return self.server.people[by].ask(method, path.format(**names), content)


@pytest.fixture(scope="module")
def made(running: ObjectStore, tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    place = running.place()
    with pointing_at(running), team_server(tmp_path_factory.mktemp("s3"), place=place) as server:
        version = server.add(material(1), MODEL)
        server.promote(version, "staging")
        server.ask_for(version, "production")
        yield World(server, running, place, version, *server.places(version))


@pytest.fixture
def world(made: World) -> Iterator[World]:
    with pointing_at(made.store):
        yield made


def test_a_version_goes_to_staging_on_what_the_object_store_holds(world: World) -> None:
    key = world.place.key
    assert {key(f"{world.files}/MLmodel"), key(f"{world.evidence}/quality.dsse.json")} <= world.content().keys()
    assert world.server.desk.store.version(ModelRef(MODEL, alias="staging")).version == 1
    assert not world.server.artifacts.exists()


def test_what_was_changed_in_the_bucket_past_the_server_is_not_promoted(world: World) -> None:
    other = world.server.add(material(2), MODEL)
    files, _ = world.server.places(other)
    world.store.put(world.place, f"{files}/requirements.txt", b"evil\n")
    desk = world.server.desk
    plan = desk.plan(ModelRef(MODEL, version=other.version), "staging")
    assert "data-checks" in {verdict.gate for verdict in plan.verdicts if not verdict.passed}
    assert any("digest" in f"{verdict.gate} {verdict.reason}" for verdict in plan.verdicts if not verdict.passed)
    with pytest.raises(Refused, match="the gates refuse it"):
        desk.request(plan, "ann", "a test")
    assert world.server.desk.store.version(ModelRef(MODEL, alias="staging")).version == 1


SPELT = ("%2F", "%252F", "//", "/./", "/x/..%2F")


@pytest.mark.parametrize("by", ["eva", "max", "admin"])
@pytest.mark.parametrize("prefix", [ARTIFACTS, AJAX])
def test_nobody_overwrites_or_adds_a_file(world: World, prefix: str, by: str) -> None:
    before, seen = world.content(), len(world.server.ledger(MODEL))
    for path in ("{files}/MLmodel", "{files}/new/extra.txt", "{evidence}/quality.dsse.json"):
        said = world.ask("PUT", f"{prefix}/artifacts/{path}", b"other bytes", by)
        assert said.status == 403, said
        assert all(word in said.message for word in ONCE), said
    assert world.content() == before
    tried = world.server.ledger(MODEL)[seen:]
    assert [(entry.event, entry.actor, entry.details["attempt"]) for entry in tried] == [(REFUSED, by, "upload")] * 3


@pytest.mark.parametrize("slash", SPELT)
def test_no_spelling_of_the_address_writes(world: World, slash: str) -> None:
    before = world.content()
    path = f"{world.files}/MLmodel".replace("/", slash, 2)
    said = world.server.admin.ask("PUT", f"{ARTIFACTS}/artifacts/{path}", b"other bytes")
    assert said.status in (400, 403), said
    assert "written once" in said.message or "read as another name" in said.message or "nvalid path" in said.message
    assert world.content() == before


@pytest.mark.parametrize("path", ["{files}", "{files}/MLmodel", "{evidence}"])
def test_nobody_deletes_a_file_or_a_folder(world: World, path: str) -> None:
    before = world.content()
    said = world.ask("DELETE", f"{ARTIFACTS}/artifacts/{path}")
    assert said.status == 403, said
    assert ONCE[0] in said.message, said
    above = world.files.partition("/")[0]
    said = world.server.admin.ask("DELETE", f"{ARTIFACTS}/artifacts/{above}")
    assert said.status == 403, said
    assert ONCE[0] in said.message, said
    assert world.content() == before


@pytest.mark.parametrize("what", ["create", "complete", "abort"])
@pytest.mark.parametrize("prefix", [ARTIFACTS, AJAX])
def test_no_upload_in_parts_past_the_server(world: World, prefix: str, what: str) -> None:
    content = {
        "path": f"{world.files}/MLmodel",
        "num_parts": 1,
        "upload_id": "1",
        "parts": [{"part_number": 1, "etag": "x", "url": "http://example.invalid"}],
    }
    said = world.ask("POST", f"{prefix}/mpu/{what}/{{files}}", content, "admin")
    assert said.status in (400, 501), said
    assert "ultipart upload is not supported" in said.message or "nvalid" in said.message, said
    assert world.store.unfinished(world.place) == 0


def test_no_signed_address_is_handed_out(world: World) -> None:
    answers = [
        world.ask("GET", f"{ARTIFACTS}/presigned/{{files}}/MLmodel", by="admin"),
        world.ask("POST", f"{API}/artifacts/presigned-upload-url", {"run_id": world.version.run_id, "path": "x"}),
        world.ask("POST", f"{API}/artifacts/presigned-download-url", {"run_id": world.version.run_id, "path": "x"}),
    ]
    for said in answers:
        assert said.status in (400, 501), said
        assert "not supported" in said.message, said
        assert world.store.address not in said.text
    told = world.server.admin.done("GET", "/api/3.0/mlflow/server-info")
    assert (told["multipart_uploads_enabled"], told["multipart_downloads_enabled"]) == (False, False)


def test_run_and_version_are_kept(world: World) -> None:
    before = world.content()
    for method, path, content in (
        ("POST", "runs/delete", {"run_id": world.version.run_id}),
        ("DELETE", "model-versions/delete", {"name": MODEL, "version": "1"}),
        ("DELETE", f"logged-models/{world.version.source.rpartition('/')[2]}", None),
    ):
        said = world.server.admin.ask(method, f"{API}/{path}", content)
        assert said.status == 403, said
        assert f"{MODEL}/1" in said.message, said
    assert world.content() == before


def test_other_runs_files_are_written_read_and_deleted(world: World) -> None:
    eva = world.server.people["eva"]
    experiment = eva.done("POST", f"{API}/experiments/create", {"name": "trial"})["experiment_id"]
    run = eva.done("POST", f"{API}/runs/create", {"experiment_id": experiment})["run"]["info"]["run_id"]
    path = f"{ARTIFACTS}/artifacts/{experiment}/{run}/artifacts/plots/a plot.txt".replace(" ", "%20")
    for content in (b"first", b"second"):
        assert eva.ask("PUT", path, content).status == 200
    assert eva.ask("GET", path).text == "second"
    listed = eva.done("GET", f"{API}/artifacts/list?run_id={run}&path=plots")["files"]
    assert [(one["path"], int(one["file_size"])) for one in listed] == [("plots/a plot.txt", 6)]
    missing = eva.ask("GET", path + ".no")
    assert missing.status == 404, missing
    assert world.server.admin.ask("DELETE", path).status == 200
    assert eva.done("GET", f"{API}/artifacts/list?run_id={run}&path=plots").get("files", []) == []


CLIENT = """
    import sys, mlflow
    from pathlib import Path
    client, run, model, folder = mlflow.MlflowClient(), *sys.argv[1:]
    Path(folder, "big.bin").write_bytes(bytes(9 << 20))
    made = client.create_run(client.create_experiment("by-the-client"))
    client.log_artifacts(made.info.run_id, folder, "data")
    assert Path(client.download_artifacts(made.info.run_id, "data/big.bin")).stat().st_size == 9 << 20
    for log in (
        lambda: client.log_artifact(run, f"{folder}/big.bin", "evidence"),
        lambda: client.log_model_artifacts(model, folder),
    ):
        try:
            log()
        except Exception as error:
            print(error)
    client.delete_run(made.info.run_id)
"""


def test_mlflow_s_own_client_writes_through_the_server_and_is_refused_there(world: World, tmp_path: Path) -> None:
    before = world.content()
    model = world.version.source.rpartition("/")[2]
    environ = {
        **{name: value for name, value in os.environ.items() if not name.startswith("AWS_")},
        "MLFLOW_TRACKING_URI": world.server.address,
        "MLFLOW_TRACKING_USERNAME": "ann",
        "MLFLOW_TRACKING_PASSWORD": PASSWORD,
        "MLFLOW_ENABLE_PROXY_MULTIPART_UPLOAD": "true",
        "MLFLOW_MULTIPART_UPLOAD_MINIMUM_FILE_SIZE": str(1 << 20),
    }
    command = [sys.executable, "-c", textwrap.dedent(CLIENT), world.version.run_id, model, str(tmp_path)]
    done = subprocess.run(command, env=environ, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("its files are written once") == 2, done.stdout
    added = world.content().keys() - before.keys()
    assert {key.rpartition("/")[2] for key in added} == {"big.bin"}
    assert all(world.content()[key] == digest for key, digest in before.items())


def collect(world: World) -> None:
    """As an administrator does: rows go in the database, files through the server, as whoever it logs in."""
    environ = {
        **{name: value for name, value in os.environ.items() if not name.startswith("AWS_")},
        "MLFLOW_TRACKING_URI": world.server.address,
        "MLFLOW_TRACKING_USERNAME": "admin",
        "MLFLOW_TRACKING_PASSWORD": world.server.admin.password,
    }
    command = [sys.executable, "-m", "mlflow", "gc", "--backend-store-uri", world.server.database]
    done = subprocess.run(command, env=environ, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_mlflow_gc_takes_what_was_deleted_and_nothing_that_is_kept(world: World) -> None:
    eva = world.server.people["eva"]
    collect(world)  # what others deleted before
    experiment = eva.done("POST", f"{API}/experiments/create", {"name": "collected"})["experiment_id"]
    run = eva.done("POST", f"{API}/runs/create", {"experiment_id": experiment})["run"]["info"]["run_id"]
    before = world.content()
    assert any(world.files in name for name in before)
    assert eva.ask("PUT", f"{ARTIFACTS}/artifacts/{experiment}/{run}/artifacts/a.txt", b"a").status == 200
    world.server.admin.done("POST", f"{API}/runs/delete", {"run_id": run})
    collect(world)
    assert world.content() == before
    assert world.server.admin.ask("GET", f"{API}/runs/get?run_id={run}").status == 404


def test_what_the_server_says_holds_no_secret(world: World) -> None:
    said = world.server.admin.ask("GET", f"{ARTIFACTS}/artifacts/{world.files}/none")
    assert said.status == 404
    assert SECRET not in said.text
    assert all(SECRET not in entry.reason for entry in world.server.ledger(MODEL))
