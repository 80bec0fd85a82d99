"""Everything that somebody with a login may try against a governed server, on SQLite and on PostgreSQL.

Each attack is tried by somebody with EDIT, by somebody with MANAGE, and by an administrator. It must be answered with a
refusal whose words say why, leave the registry and the files as they were, and be in the ledger with the name of who
tried it; and the server must go on answering.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from postgres import Postgres
from registry_world import JUDGED, START, Material, material, private_key
from server_world import API, PASSWORD, Person, Said, ServerWorld, a_policy, team_server
from towpath_core.errors import Refused
from towpath_core.refs import ModelRef
from towpath_registry import dsse
from towpath_registry.nouns import ModelVersion

pytestmark = pytest.mark.slow
AJAX = "/ajax-api/2.0/mlflow"
MODEL, OTHER = "occupation-coder", "industry-coder"
ATTACKERS = ("eva", "max", "admin")
ARTIFACTS = "/api/2.0/mlflow-artifacts"


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def server(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerWorld]:
    home = tmp_path_factory.mktemp(f"governed-{request.param}")
    if request.param == "sqlite":
        with team_server(home) as world:
            yield world
        return
    import sqlalchemy

    from towpath_registry.sqlalchemy_door import EngineDatabases

    postgres: Postgres = request.getfixturevalue("postgres")
    with postgres.database() as name:
        engine = sqlalchemy.create_engine(postgres.url(name), poolclass=sqlalchemy.NullPool)
        with team_server(home, EngineDatabases(engine), postgres.url(name)) as world:
            yield world


@dataclass(frozen=True)
class Target:
    """A version that stands at staging and is asked for production, and where its files lie."""

    server: ServerWorld
    version: ModelVersion
    experiment: str
    model: str
    files: str
    evidence: str

    @property
    def content(self) -> dict[str, Any]:
        return {"name": self.version.name, "version": str(self.version.version)}

    def state(self) -> dict[str, Any]:
        """All that an attack must leave as it is."""
        with self.server.databases.reading() as database:
            rows = {
                table: database.rows(f"SELECT * FROM {table} ORDER BY 1, 2, 3")
                for table in ("registered_model_aliases", "model_version_tags", "registered_model_tags", "experiments")
            }
            rows["versions"] = database.rows(
                "SELECT name, version, current_stage, source, storage_location, run_id FROM model_versions"
                " ORDER BY 1, 2"
            )
            rows["runs"] = database.rows("SELECT run_uuid, lifecycle_stage, status FROM runs ORDER BY 1")
            rows["models"] = database.rows("SELECT model_id, lifecycle_stage, status FROM logged_models ORDER BY 1")
            rows["said"] = database.rows("SELECT run_uuid, key, value FROM latest_metrics ORDER BY 1, 2")
            rows["tags"] = database.rows("SELECT run_uuid, key, value FROM tags ORDER BY 1, 2")
        files = sorted(path for path in self.server.artifacts.rglob("*") if path.is_file())
        return {**rows, "files": [(str(path), hashlib.sha256(path.read_bytes()).hexdigest()) for path in files]}


@pytest.fixture(scope="module")
def target(server: ServerWorld) -> Target:
    version = server.add(material(1), MODEL)
    server.add(material(2), MODEL)
    server.add(material(3), OTHER)
    server.promote(version, "staging")
    server.ask_for(version, "production")
    files, envelopes = server.places(version)
    return Target(server, version, server.experiment(MODEL), version.source.rpartition("/")[2], files, envelopes)


@dataclass(frozen=True)
class Attack:
    """What is tried, the words of the refusal, and how the ledger calls the attempt (empty: MLflow itself refuses).

    Those in `mlflow_denies` have not even MLflow's permission, and never come as far as us.
    """

    name: str
    do: Callable[[Person, Target], Said]
    words: tuple[str, ...]
    attempt: str = ""
    statuses: tuple[int, ...] = (403,)
    mlflow_denies: tuple[str, ...] = ()


def asks(method: str, address: str, /, **content: Any) -> Callable[[Person, Target], Said]:
    """A request whose values may name the target: {run}, {model}, {experiment}, {files}, {evidence}."""

    def do(who: Person, at: Target) -> Said:
        names = {
            "run": at.version.run_id,
            "model": at.model,
            "experiment": at.experiment,
            "files": at.files,
            "evidence": at.evidence,
        }

        def filled(value: Any) -> Any:
            if isinstance(value, str):
                return value.format(**names) if "{" in value else value
            if isinstance(value, list):
                return [filled(inner) for inner in value]
            return {key: filled(inner) for key, inner in value.items()} if isinstance(value, dict) else value

        return who.ask(method, filled(address), filled(content) or None)

    return do


def put(path: str) -> Callable[[Person, Target], Said]:
    def do(who: Person, at: Target) -> Said:
        return who.ask("PUT", path.format(files=at.files, evidence=at.evidence, model=at.model), b"other bytes")

    return do


def spelt(how: Callable[[str], str], prefix: str = ARTIFACTS) -> Callable[[Person, Target], Said]:
    def do(who: Person, at: Target) -> Said:
        return who.ask("PUT", f"{prefix}/artifacts/{how(at.files + '/model.skops')}", b"other bytes")

    return do


def _crossed(who: Person, at: Target) -> Said:
    """A version of the attacker's own model, with the good run of another."""
    model = who.done("POST", f"{API}/logged-models", {"experiment_id": at.experiment, "name": "mine"})["model"]["info"]
    content = {
        "name": MODEL,
        "source": f"models:/{model['model_id']}",
        "model_id": model["model_id"],
        "run_id": at.version.run_id,
    }
    said = who.ask("POST", f"{API}/model-versions/create", content)
    with at.server.databases.writing() as database:  # so that the state is the same but for what was tried
        database.run("DELETE FROM logged_models WHERE model_id = :id", id=model["model_id"])
    return said


V1 = {"name": MODEL, "version": "1"}
ALIAS = "registered-models/alias"
STANDS = (f"{MODEL}/1 stands at staging",)
KEPT = ("what it comes from is kept",)
ONCE = ("its files are written once", "register it as the next version")
NO_DELETE = ("eva",)  # EDIT lets nobody delete what somebody else made

ATTACKS = (
    # The alias, by every address that MLflow has for it.
    *(
        Attack(
            f"alias of a level, {api}",
            asks("POST", f"{api}/{ALIAS}", name=MODEL, alias="production", version="1"),
            ("waits for 1 × business_owner (bob) and 1 × methodologist (mia)",),
            "apply",
        )
        for api in (API, AJAX)
    ),
    Attack(
        "alias of a level, without any request",
        asks("POST", f"{API}/{ALIAS}", name=MODEL, alias="staging", version="2"),
        (f"{MODEL}/2 does not move to staging", f"nobody has asked for it: towpath promote {MODEL}/2 --to staging"),
        "set-alias",
    ),
    *(
        Attack(
            f"alias {alias!r}",
            asks("POST", f"{API}/{ALIAS}", name=MODEL, alias=alias, version="1"),
            ("looks like the level production",),
            "set-alias",
        )
        for alias in ("Production", "PRODUCTION", "prоduction", "ｐroduction", "production\n")
    ),
    *(
        Attack(
            f"alias {alias!r}",
            asks("POST", f"{API}/{ALIAS}", name=MODEL, alias=alias, version="1"),
            ("alias",),
            statuses=(400,),
        )
        for alias in (" production", "production\u200b", "pro duction", "production/", "latest", "v1")
    ),
    Attack(
        "alias taken away",
        asks("DELETE", f"{API}/{ALIAS}", name=MODEL, alias="staging"),
        ("taken away by a retirement", f"towpath retire {MODEL} --level staging"),
        "delete-alias",
        mlflow_denies=NO_DELETE,
    ),
    *(
        Attack(
            f"stage {stage}",
            asks("POST", f"{API}/model-versions/transition-stage", **V1, stage=stage, archive_existing_versions=True),
            ("MLflow's stages are not used here",),
            "set-stage",
        )
        for stage in ("Production", "staging", "Archived")
    ),
    # Deleting and renaming.
    Attack(
        "version deleted",
        asks("DELETE", f"{API}/model-versions/delete", **V1),
        STANDS,
        "delete-version",
        mlflow_denies=NO_DELETE,
    ),
    Attack(
        "model deleted",
        asks("DELETE", f"{API}/registered-models/delete", name=MODEL),
        STANDS,
        "delete-model",
        mlflow_denies=NO_DELETE,
    ),
    Attack(
        "model renamed",
        asks("POST", f"{API}/registered-models/rename", name=MODEL, new_name="other"),
        (f"{MODEL} has versions",),
        "rename-model",
    ),
    *(
        Attack(
            f"model called {name!r}",
            asks("POST", f"{API}/registered-models/create", name=name),
            (f"looks like the model {MODEL}",),
            "create-model",
        )
        for name in ("Occupation-Coder", "occupation-coder ", "оccupation-coder", "occupation\u200b-coder")
    ),
    # Tags.
    *(
        Attack(
            f"tag {key!r} of a version",
            asks("POST", f"{API}/model-versions/set-tag", **V1, key=key, value="sha256:0"),
            ("towpath's own",),
            "set-tag",
        )
        for key in ("towpath.digest", "Towpath.Digest", "tоwpath.digest", "towpath.data")
    ),
    Attack(
        "tag of a version removed",
        asks("DELETE", f"{API}/model-versions/delete-tag", **V1, key="towpath.digest"),
        ("towpath's own",),
        "delete-tag",
        mlflow_denies=NO_DELETE,
    ),
    Attack(
        "ledger forged as tags",
        asks("POST", f"{API}/registered-models/set-tag", name=MODEL, key="towpath.ledger.00000001.x.1-1", value="x"),
        ("towpath's own",),
        "set-tag",
    ),
    Attack(
        "model hidden as a prompt",
        asks("POST", f"{API}/registered-models/set-tag", name=MODEL, key="mlflow.prompt.is_prompt", value="true"),
        ("a model stays a model",),
        "set-tag",
    ),
    # Versions made of what is not this server's, or of somebody else's run.
    *(
        Attack(
            f"source {source}",
            asks("POST", f"{API}/model-versions/create", name=MODEL, source=source),
            ("ource",),
            attempt="" if status == 400 else "create-version",
            statuses=(status,),
        )
        for source, status in (
            ("file:///etc", 400),
            ("/etc", 400),
            ("mlflow-artifacts:/1/models/../../x", 400),
            ("s3://bucket/model", 403),
            ("dbfs:/model", 403),
        )
    ),
    Attack(
        "version of one model with the run of another",
        _crossed,
        ("was not made by the run",),
        "create-version",
    ),
    Attack(
        "version made as a prompt's",
        asks(
            "POST",
            f"{API}/model-versions/create",
            name=MODEL,
            source="dummy-source",
            tags=[{"key": "mlflow.prompt.is_prompt", "value": "true"}],
        ),
        (f"this is a version of a prompt, and {MODEL} is a model",),
        "create-version",
    ),
    # What the version comes from.
    Attack(
        "run deleted", asks("POST", f"{API}/runs/delete", run_id="{run}"), KEPT, "delete-run", mlflow_denies=NO_DELETE
    ),
    Attack(
        "run restored",
        asks("POST", f"{API}/runs/restore", run_id="{run}"),
        KEPT,
        "restore-run",
        mlflow_denies=NO_DELETE,
    ),
    Attack(
        "experiment deleted",
        asks("POST", f"{API}/experiments/delete", experiment_id="{experiment}"),
        KEPT,
        "delete-experiment",
        mlflow_denies=NO_DELETE,
    ),
    Attack(
        "experiment restored",
        asks("POST", f"{API}/experiments/restore", experiment_id="{experiment}"),
        KEPT,
        "restore-experiment",
        mlflow_denies=NO_DELETE,
    ),
    Attack(
        "logged model deleted",
        asks("DELETE", f"{API}/logged-models/{{model}}"),
        KEPT,
        "delete-logged-model",
        mlflow_denies=NO_DELETE,
    ),
    Attack(
        "logged model failed",
        asks("PATCH", f"{API}/logged-models/{{model}}", model_id="{model}", status=3),
        KEPT,
        "finalize-model",
    ),
    Attack(
        "metric changed",
        asks("POST", f"{API}/runs/log-metric", run_id="{run}", key="accuracy_4", value=1.0, timestamp=1),
        KEPT,
        "log-metric",
    ),
    Attack(
        "metrics changed in one go",
        asks(
            "POST",
            f"{AJAX}/runs/log-batch",
            run_id="{run}",
            metrics=[{"key": "accuracy_4", "value": 1.0, "timestamp": 1, "step": 0}],
        ),
        KEPT,
        "log-batch",
    ),
    Attack(
        "parameter added",
        asks("POST", f"{API}/runs/log-parameter", run_id="{run}", key="seed", value="7"),
        KEPT,
        "log-param",
    ),
    Attack(
        "run given to somebody else",
        asks("POST", f"{API}/runs/set-tag", run_id="{run}", key="mlflow.user", value="dora"),
        KEPT,
        "set-tag",
    ),
    # Files, by every way to write or delete them.
    Attack("model overwritten", put(f"{ARTIFACTS}/artifacts/{{files}}/model.skops"), ONCE, "upload"),
    Attack(
        "model overwritten, AJAX", put("/ajax-api/2.0/mlflow-artifacts/artifacts/{files}/model.skops"), ONCE, "upload"
    ),
    Attack("file added to the model", put(f"{ARTIFACTS}/artifacts/{{files}}/extra/code.py"), ONCE, "upload"),
    Attack("evidence overwritten", put(f"{ARTIFACTS}/artifacts/{{evidence}}/quality.dsse.json"), ONCE, "upload"),
    Attack("evidence added", put(f"{ARTIFACTS}/artifacts/{{evidence}}/safety.dsse.json"), ONCE, "upload"),
    Attack(
        "evidence overwritten by the UI's upload",
        lambda who, at: who.ask(
            "POST",
            f"{AJAX}/upload-artifact?run_uuid={at.version.run_id}&path=evidence/quality.dsse.json",
            b"{}",
            {"Content-Type": "application/octet-stream"},
        ),
        ONCE,
        "upload",
    ),
    *(
        Attack(f"model overwritten, spelt {name}", spelt(how), ONCE, "upload")
        for name, how in {
            "%2F": lambda path: path.replace("/", "%2F"),
            "%252F": lambda path: path.replace("/", "%252F"),
            "%25252F": lambda path: path.replace("/", "%25252F"),
            "./": lambda path: path.replace("/", "/./", 1),
            "//": lambda path: path.replace("/", "//", 1),
            "%6d": lambda path: path.replace("models", "%6dodels"),
            "%256d": lambda path: path.replace("models", "%256dodels"),
            "#": lambda path: f"{path}%23",
            "all quoted": lambda path: "".join(f"%{ord(letter):02x}" for letter in path),
        }.items()
    ),
    Attack(
        "model overwritten, spelt ..",
        spelt(lambda path: path.replace("/models/", "/models/x/..%2F")),
        ("nvalid path",),
        statuses=(400,),
        mlflow_denies=("eva", "max"),
    ),
    Attack(
        "files deleted",
        asks("DELETE", f"{ARTIFACTS}/artifacts/{{files}}"),
        ("its files are written once",),
        "delete-artifacts",
        mlflow_denies=NO_DELETE,
    ),
    Attack(
        "folder above deleted",
        asks("DELETE", f"{ARTIFACTS}/artifacts/{{experiment}}/models"),
        ("its files are written once",),
        "delete-artifacts",
        mlflow_denies=NO_DELETE,
    ),
    Attack(
        "everything deleted",
        asks("DELETE", f"{ARTIFACTS}/artifacts/{{experiment}}"),
        ("its files are written once",),
        "delete-artifacts",
        mlflow_denies=NO_DELETE,
    ),
    Attack(
        "upload in parts begun",
        asks("POST", f"{ARTIFACTS}/mpu/create/{{files}}", path="{files}/model.skops", num_parts=1),
        ("ultipart upload is not supported",),
        statuses=(501,),
    ),
    Attack(
        "upload in parts completed",
        asks(
            "POST",
            f"{ARTIFACTS}/mpu/complete/{{files}}",
            path="{files}/model.skops",
            upload_id="1",
            parts=[{"part_number": 1, "etag": "x"}],
        ),
        ("ultipart upload is not supported",),
        statuses=(501,),
    ),
    Attack(
        "presigned upload",
        asks("POST", f"{API}/artifacts/presigned-upload-url", model_id="{model}", path="model.skops"),
        ("not supported for proxied artifact storage",),
        statuses=(400,),
    ),
    # Where the server writes.
    *(
        Attack(
            f"experiment in {place}, {api}",
            asks("POST", f"{api}/experiments/create", name="elsewhere", artifact_location=place),
            ("the server chooses where",),
            "create-experiment",
        )
        for place in ("file:///etc", "/etc", "s3://bucket/x", "mlflow-artifacts:/1/models")
        for api in (API, AJAX)
    ),
)


@pytest.mark.parametrize("who", ATTACKERS)
@pytest.mark.parametrize("attack", ATTACKS, ids=lambda attack: attack.name)
def test_an_attack_is_refused_recorded_and_without_effect(target: Target, attack: Attack, who: str) -> None:
    server, before, seen = target.server, target.state(), len(_refusals(target.server))
    said = attack.do(server.people[who], target)
    if who in attack.mlflow_denies:
        assert (said.status, said.text) == (403, "Permission denied")
    else:
        assert said.status in attack.statuses, said
        for word in attack.words:
            assert word in said.message
    assert target.state() == before
    recorded = _refusals(server)[seen:]
    if attack.attempt and who not in attack.mlflow_denies:
        assert [(entry.actor, entry.details["attempt"]) for entry in recorded] == [(who, attack.attempt)]
        assert recorded[0].reason
    else:
        assert recorded == []
    assert server.admin.ask("GET", "/health").status == 200


def _refusals(server: ServerWorld) -> list[Any]:
    from towpath_registry import books
    from towpath_registry.nouns import REFUSED, Question

    with server.databases.reading() as database:
        found = []
        for workspace, model in database.rows("SELECT DISTINCT workspace, model FROM towpath_ledger"):
            found += books.entries(database, workspace, model, Question(events=(REFUSED,)))
    return sorted(found, key=lambda entry: entry.seq)


@pytest.mark.parametrize("attack", ATTACKS, ids=lambda attack: attack.name)
def test_whoever_has_no_login_is_asked_for_one(target: Target, attack: Attack) -> None:
    if "one model with the run" in attack.name:
        pytest.skip("it begins with a request that must succeed")
    said = attack.do(target.server.people["nobody"], target)
    assert (said.status, "not authenticated" in said.text) == (401, True)


@pytest.mark.parametrize(
    "header", ["X-Forwarded-User", "X-Remote-User", "Remote-User", "X-Auth-Request-User", "X-Mlflow-User"]
)
def test_a_header_that_names_somebody_changes_nobody(target: Target, header: str) -> None:
    content = {"name": MODEL, "alias": "production", "version": "1"}
    said = target.server.people["ann"].ask("POST", f"{API}/{ALIAS}", content, {header: "bob"})
    assert said.status == 403
    assert said.message.startswith("ann cannot apply")
    assert _refusals(target.server)[-1].actor == "ann"
    assert target.server.people["nobody"].ask("POST", f"{API}/{ALIAS}", content, {header: "admin"}).status == 401


@pytest.mark.parametrize("who", ATTACKERS)
def test_graphql_knows_no_way_to_change_the_registry(target: Target, who: str) -> None:
    before = target.state()
    mutation = 'mutation { setRegisteredModelAlias(name: "x", alias: "production", version: "1") { name } }'
    said = target.server.people[who].ask("POST", "/graphql", {"query": mutation})
    assert "Cannot query field 'setRegisteredModelAlias'" in said.text
    known = target.server.people[who].ask(
        "POST", "/graphql", {"query": "{ __schema { mutationType { fields { name } } } }"}
    )
    assert {field["name"] for field in known.json["data"]["__schema"]["mutationType"]["fields"]} <= READS
    assert target.state() == before


READS = {"mlflowSearchDatasets", "mlflowSearchRuns", "mlflowSearchModelVersions", "testMutation"}


def test_a_client_with_the_store_s_own_address_writes_nothing(target: Target) -> None:
    from mlflow import MlflowClient
    from mlflow.exceptions import MlflowException

    plain = target.server.database
    before = target.state()
    governed = MlflowClient(plain, f"governed+{plain}")
    with pytest.raises(MlflowException, match="only through its server"):
        governed.set_registered_model_alias(MODEL, "production", "1")
    with pytest.raises(MlflowException, match="only through its server"):
        governed.delete_model_version(MODEL, "1")
    past = MlflowClient(plain, plain)
    with pytest.raises(MlflowException, match="towpath"):
        past.set_registered_model_alias(MODEL, "production", "1")
    with pytest.raises(MlflowException, match="towpath: "):
        past.delete_registered_model_alias(MODEL, "staging")
    with pytest.raises(MlflowException, match="towpath: "):
        past.delete_registered_model(MODEL)
    assert target.state() == before


def test_mlflow_s_own_client_is_told_what_is_missing(target: Target, tmp_path: Path) -> None:
    import os

    from mlflow import MlflowClient
    from mlflow.exceptions import MlflowException

    os.environ.update({"MLFLOW_TRACKING_USERNAME": "ann", "MLFLOW_TRACKING_PASSWORD": PASSWORD})
    client = MlflowClient(target.server.address, target.server.address)
    with pytest.raises(MlflowException, match=r"it waits for 1 × business_owner \(bob\)"):
        client.set_registered_model_alias(MODEL, "production", "1")
    copied = client.copy_model_version(f"models:/{MODEL}/1", "a-copy")
    with pytest.raises(MlflowException, match="nobody has asked for it"):
        client.set_registered_model_alias("a-copy", "staging", copied.version)


# What the gates, the policy and the people refuse, asked as MLflow's interface asks it.


def _refused_at_staging(server: ServerWorld, version: ModelVersion, *words: str, who: str = "admin") -> None:
    content = {"name": version.name, "alias": "staging", "version": str(version.version)}
    said = server.people[who].ask("POST", f"{API}/{ALIAS}", content)
    assert said.status == 403, said
    for word in words:
        assert word in said.message, said.message
    assert server.desk.store.models()  # the ledger is whole, and the registry answers
    with pytest.raises(Refused, match="the gates refuse it"):
        desk = server.desk
        desk.request(desk.plan(ModelRef(version.name, version=version.version), "staging"), "ann", "all the same")
    assert server.admin.ask("GET", "/health").status == 200


class Unsigned(Material):
    def evidence(self, name: str, actual: str) -> dict[str, bytes]:
        """Envelopes without a signature."""
        return {file: _stripped(content) for file, content in super().evidence(name, actual).items()}


class SignedByAnother(Material):
    def evidence(self, name: str, actual: str) -> dict[str, bytes]:
        """Envelopes that a key signed which nobody named."""
        signed = super().evidence(name, actual)
        return {file: dsse.seal(_payload(content), private_key(77)) for file, content in signed.items()}


def _payload(envelope: bytes) -> bytes:
    import base64

    return base64.b64decode(json.loads(envelope)["payload"])


def _stripped(envelope: bytes) -> bytes:
    return json.dumps({**json.loads(envelope), "signatures": []}).encode()


def remade(kind: type[Material], number: int, **other: Any) -> Material:
    made = material(number, **other)
    return kind(**{name: getattr(made, name) for name in made.__dataclass_fields__})


@pytest.mark.parametrize(
    ("name", "made", "words"),
    [
        ("unsigned", lambda: remade(Unsigned, 11), ("data-checks", "sign")),
        ("signed-by-another", lambda: remade(SignedByAnother, 12), ("data-checks", "trust")),
        ("of-other-bytes", lambda: material(13, about="sha256:" + "9" * 64), ("data-checks", "sha256:999999999999")),
        ("with-another-digest", lambda: material(14, digest="sha256:" + "9" * 64), ("digest",)),
        ("without-a-digest", lambda: material(15, digest="none"), ("digest",)),
        ("without-quality", lambda: material(16, judged=None), ("quality",)),
        ("that-failed", lambda: material(17, judged=(replace(JUDGED[0], passed=False), JUDGED[1])), ("quality",)),
        ("that-is-too-old", lambda: material(18, made=START - timedelta(days=400)), ("old",)),
        ("without-provenance", lambda: material(19, tags={}), ("provenance",)),
        (
            "with-a-pickle",
            lambda: replace(material(20), files={**material(20).files, "model.pkl": b"\x80\x04N."}),
            ("model",),
        ),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_evidence_that_proves_nothing_moves_nothing(
    server: ServerWorld, name: str, made: Callable[[], Material], words: tuple[str, ...]
) -> None:
    _refused_at_staging(server, server.add(made(), f"evidence-{name}"), *words)


def test_evidence_of_another_model_does_not_count(server: ServerWorld) -> None:
    """The same bytes under another name: what was signed speaks of the first."""
    first = server.add(material(21), "lent-by")
    made = material(21)

    class Lent(Material):
        def evidence(self, name: str, actual: str) -> dict[str, bytes]:
            return made.evidence("lent-by", actual)

    second = server.add(Lent(**{n: getattr(made, n) for n in made.__dataclass_fields__}), "lent-to")
    assert first.digest == second.digest
    _refused_at_staging(server, second, "lent-by")


def test_a_model_made_again_under_the_same_name_begins_anew(server: ServerWorld) -> None:
    server.add(material(22), "made-again")
    server.admin.done("DELETE", f"{API}/registered-models/delete", {"name": "made-again"})
    again = server.add(replace(material(23), judged=None), "made-again")
    assert again.version == 1
    _refused_at_staging(server, again, "quality")


def test_who_made_it_does_not_approve_it_not_even_through_a_second_run(server: ServerWorld) -> None:
    """mia may approve; she copies ann's version by a run of her own, and has ann ask for it."""
    grant = {"username": "mia", "resource_type": "experiment", "resource_id": server.experiment("second-run")}
    server.admin.done("POST", "/api/3.0/mlflow/users/permissions/grant", {**grant, "permission": "EDIT"})
    version = server.add(material(24), "second-run")
    files, _ = server.places(version)
    server.put("mia", f"{files}/MODEL_CARD.md", (server.artifacts / files / "MODEL_CARD.md").read_bytes())
    desk = server.desk
    number = server.ask_for(version, "staging")
    with pytest.raises(Refused, match="mia"):
        desk.approve(number, "mia", "my own work is good")
    content = {"name": "second-run", "alias": "staging", "version": "1"}
    said = server.people["max"].ask("POST", f"{API}/{ALIAS}", content)
    assert (said.status, "methodologist" in said.message) == (403, True)


def test_bytes_changed_on_the_disk_after_the_request_are_refused(server: ServerWorld) -> None:
    version = server.add(material(25), "tampered")
    desk = server.desk
    number = server.ask_for(version, "staging")
    desk.approve(number, "mia", "good")
    files, _ = server.places(version)
    (server.artifacts / files / "requirements.txt").write_bytes(b"# other\n")
    said = server.people["ann"].ask("POST", f"{API}/{ALIAS}", {"name": "tampered", "alias": "staging", "version": "1"})
    assert (said.status, "digest" in said.message) == (403, True)
    assert (
        server.admin.done("GET", f"{API}/registered-models/get?name=tampered")["registered_model"].get("aliases")
        is None
    )


def test_a_complete_request_is_done_by_setting_the_alias(server: ServerWorld) -> None:
    """And by nobody who is neither in the policy nor asked for it."""
    version = server.add(material(26), "complete")
    number = server.ask_for(version, "staging")
    server.desk.approve(number, "mia", "good")
    content = {"name": "complete", "alias": "staging", "version": "1"}
    said = server.people["max"].ask("POST", f"{API}/{ALIAS}", content)
    assert (said.status, "max is not in the policy" in said.message) == (403, True)
    assert server.people["ann"].ask("POST", f"{API}/{ALIAS}", content).status == 200
    found = server.admin.done("GET", f"{API}/registered-models/get?name=complete")["registered_model"]
    assert found["aliases"] == [{"alias": "staging", "version": "1"}]
    last = server.ledger("complete")[-1]
    assert (last.event, last.actor, last.level, last.version) == ("promoted", "ann", "staging", 1)


def test_a_revoked_key_voids_what_it_signed(server: ServerWorld) -> None:
    version = server.add(material(27), "revoked")
    desk = server.desk
    (signer,) = a_policy().content()["signers"].values()
    gone = {"first-key": {**signer, "revoked": {"at": f"{START:%Y-%m-%d}", "reason": "compromise"}}}
    others = {"second-key": {**signer, "public": private_key(78).public.text}}
    desk.set_policy(a_policy(version=2, signers={**gone, **others}), "mia", "the key was lost")
    try:
        _refused_at_staging(server, version, "data-checks")
    finally:
        desk.set_policy(a_policy(version=3), "mia", "it was found")


def test_a_page_of_another_site_makes_a_browser_change_nothing(target: Target) -> None:
    content = {"name": MODEL, "alias": "mine", "version": "1"}
    said = target.server.people["ann"].ask("POST", f"{AJAX}/{ALIAS}", content, {"Origin": "https://evil.example"})
    assert (said.status, "Cross-origin" in said.text) == (403, True)
    said = target.server.people["ann"].ask("GET", "/", headers={"Host": "evil.example"})
    assert (said.status, "Invalid Host" in said.text) == (403, True)


def test_a_huge_request_is_not_read(target: Target) -> None:
    """The answer comes before the content is sent."""
    import http.client

    connection = http.client.HTTPConnection(target.server.address.removeprefix("http://"), timeout=30)
    connection.putrequest("POST", f"{API}/runs/log-batch")
    connection.putheader("Content-Type", "application/json")
    connection.putheader("Content-Length", str(33 << 20))
    connection.endheaders()
    answer = connection.getresponse()
    assert (answer.status, "larger than the 32 MiB" in answer.read().decode()) == (413, True)


def test_every_attempt_is_in_a_ledger_that_is_whole(target: Target) -> None:
    entries = target.server.ledger(MODEL)
    assert {entry.actor for entry in entries if entry.event == "refused"} >= set(ATTACKERS)
