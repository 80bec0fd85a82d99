"""What is at a plain MLflow registry is here afterwards: by MLflow's own client on both sides."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

import plain_mlflow
from plain_mlflow import BEGAN, CODER, MANY, ODD, Plain
from towpath_core.digests import dir_hash
from towpath_core.errors import CouldNot, Mismatch, NotFound, Refused
from towpath_registry import places
from towpath_registry.import_plan import Order, Plan, Stand
from towpath_registry.importing import Importer
from towpath_registry.mlflow_transfer import Side
from towpath_registry.plain_registry import DIGEST, FROM, STATE, WHICH, Model, Run, Version

pytestmark = pytest.mark.slow

LEVELS = ("staging", "production")
AS = Order(names={ODD: "odd-name"})


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Plain:
    folder = tmp_path_factory.mktemp("plain")
    return plain_mlflow.fill(f"sqlite:///{folder}/mlflow.db", folder / "files")


@pytest.fixture
def plain(made: Plain, tmp_path: Path) -> Plain:
    """A copy of the database, which a test may change; the files stay where they are."""
    shutil.copyfile(made.uri.removeprefix("sqlite:///"), tmp_path / "mlflow.db")
    return replace(made, uri=f"sqlite:///{tmp_path}/mlflow.db")


@pytest.fixture
def here(home: Path) -> Side:
    environ = {"TOWPATH_HOME": str(home)}
    places.ensure_home(environ)
    return Side(places.tracking_uri(environ), "here", {}, places.artifacts(environ), "importer")


def importer(plain: Plain, here: Side, order: Order = AS, address: str = "http://old:5000") -> Importer:
    return Importer(Side(plain.uri, address, {}), here, order, LEVELS, lambda _: None)


def client(side: Side) -> Any:
    return side._client


def only_model(side: Side, name: str = CODER) -> Model:
    found = side.model(name)
    assert found is not None
    return found


def runs(side: Side) -> dict[str, Run]:
    (experiment,) = [e for e in side.experiments() if e.name == "occupations"]
    return {run.name: run for run in side.runs(experiment)}


def test_a_run_arrives_with_every_value_of_its_metrics_and_everything_else(plain: Plain, here: Side) -> None:
    importer(plain, here).run()
    child, there = runs(here)["child"], runs(Side(plain.uri, "", {}))["child"]
    assert (child.status, child.started, child.ended) == ("FINISHED", BEGAN + 1, BEGAN + 1_000)
    assert child.params == {"alpha": "0.1", "long": "x" * 5_000, "empty": ""}
    assert here.values(child) == Side(plain.uri, "", {}).values(there)
    assert len(here.values(child)) == MANY + 3
    assert ("odd/nan", "nan", BEGAN, 0) in here.values(child)
    assert child.datasets == there.datasets
    assert child.datasets[0].tags == (("mlflow.data.context", "training"),)
    assert (child.tags["note"], child.tags["mlflow.user"]) == ("größer", "ann")
    assert {e.name: e.tags for e in here.experiments()}["occupations"] == {"office": "one"}


def test_a_run_names_its_parent_and_its_models_by_the_ids_that_they_have_here(plain: Plain, here: Side) -> None:
    importer(plain, here).run()
    child, parent = runs(here)["child"], runs(here)["parent"]
    assert child.tags["mlflow.parentRunId"] == parent.id != plain.parent
    ((logged, step),) = child.made
    found = client(here).get_logged_model(logged)
    assert (found.name, found.model_type, found.params, found.source_run_id, step) == (
        "coder",
        "sk",
        {"p": "2"},
        child.id,
        3,
    )
    assert [(m.key, m.value, m.timestamp, m.run_id) for m in found.metrics] == [("linked", 0.5, BEGAN + 9, child.id)]
    assert parent.status == "FAILED"


def test_what_is_imported_says_where_it_came_from(plain: Plain, here: Side) -> None:
    importer(plain, here).run()
    child = runs(here)["child"]
    assert (child.tags[FROM], child.tags[WHICH]) == ("http://old:5000", plain.child)
    assert child.tags[f"imported.{WHICH}"] == "by hand"
    first = only_model(here).versions[0]
    assert first.tags[FROM].startswith(f"http://old:5000 {CODER}/1, made 20")
    assert first.tags[FROM].endswith(f", run {plain.child}, source models:/{plain.logged}")
    assert only_model(here).versions[1].tags[FROM].endswith(f"source runs:/{plain.child}/model, stage Staging")


def test_files_arrive_byte_for_byte(plain: Plain, here: Side, tmp_path: Path) -> None:
    importer(plain, here).run()
    there = Side(plain.uri, "", {})
    assert there.fetch(runs(there)["child"].uri, tmp_path / "there")
    assert here.fetch(runs(here)["child"].uri, tmp_path / "here")
    assert dir_hash(tmp_path / "there") == dir_hash(tmp_path / "here")
    assert (tmp_path / "here" / "report größer.txt").read_text() == "by hand"


def test_versions_keep_their_numbers_and_get_the_digest_of_their_files(
    plain: Plain, here: Side, tmp_path: Path
) -> None:
    importer(plain, here).run()
    model = only_model(here)
    assert (model.description, [v.number for v in model.versions]) == ("Codes job titles.", [1, 3, 4])
    for version in model.versions:
        folder = tmp_path / str(version.number)
        here.fetch(here.files_of(version), folder)
        assert version.tags["towpath.digest"] == dir_hash(folder)
        assert version.source.startswith("models:/m-")
    first, second, third = model.versions
    assert (first.description, first.tags["a"], first.tags["towpath.commit"]) == ("first", "b", "4f5c2d1e")
    assert {first.run, second.run} == {runs(here)["child"].id}
    assert third.run == ""


def test_what_only_towpath_may_say_is_kept_under_another_name(plain: Plain, here: Side) -> None:
    importer(plain, here).run()
    assert only_model(here).tags == {"owner": "bea", "imported.towpath.ledger.00000001": "of a plain server"}
    first = only_model(here).versions[0].tags
    assert first["imported.towpath.experiment"] == "true"
    assert "towpath.experiment" not in first


def test_an_alias_is_set_and_a_level_is_left_to_who_decides(plain: Plain, here: Side) -> None:
    work = importer(plain, here)
    assert set(work.plan().stood) == {
        Stand(CODER, 1, "production", "production"),
        Stand(CODER, 4, "staging", "Staging"),
        Stand(CODER, 3, "staging", "stage Staging"),
    }
    work.run()
    assert only_model(here).aliases == {"champion": 3}


def test_the_plan_counts_what_is_there_and_what_is_here_already(plain: Plain, here: Side) -> None:
    def counted(plan: Plan) -> list[tuple[str, str, int, int]]:
        return [(p.name, p.target, p.count, p.there) for p in (*plan.experiments, *plan.models)]

    before = importer(plain, here).plan()
    assert counted(before) == [("occupations", "occupations", 2, 0), (ODD, "odd-name", 0, 0), (CODER, CODER, 3, 0)]
    assert before.deleted_runs == 1
    assert here.models() == []
    outcome = importer(plain, here).run()
    assert counted(importer(plain, here).plan()) == [
        ("occupations", "occupations", 2, 2), (ODD, "odd-name", 0, 0), (CODER, CODER, 3, 3)]  # fmt: skip
    assert outcome.counted == {
        "runs": (2, 2), "logged models": (2, 2), "models": (2, 2), "versions": (3, 3), "other aliases": (1, 1)
    }  # fmt: skip
    assert (outcome.copied["runs"], outcome.copied["metric values"], outcome.copied["versions"]) == (2, MANY + 3, 3)


def test_a_second_import_writes_nothing(plain: Plain, here: Side) -> None:
    importer(plain, here).run()
    before = [*only_model(here).versions, *runs(here).values()]
    assert importer(plain, here).run().copied == {}
    assert [*only_model(here).versions, *runs(here).values()] == before


def test_what_is_new_at_the_source_is_imported_later(plain: Plain, here: Side) -> None:
    importer(plain, here).run()
    there = Side(plain.uri, "", {})
    client(there).log_metric(plain.parent, "late", 1.0)
    client(there).create_model_version(CODER, f"runs:/{plain.child}/model", plain.child)
    outcome = importer(plain, here).run()
    assert (outcome.copied["runs"], outcome.copied["versions"]) == (1, 1)
    assert dict(runs(here)["parent"].latest) == {"late": "1.0"}
    assert [v.number for v in only_model(here).versions] == [1, 3, 4, 5]


def test_what_was_added_here_afterwards_is_no_difference(plain: Plain, here: Side) -> None:
    importer(plain, here).run()
    child = runs(here)["child"]
    client(here).log_metric(child.id, "own", 1.0)
    client(here).set_tag(child.id, "own", "yes")
    client(here).delete_tag(child.id, DIGEST)  # so that it is copied and compared again
    client(here).delete_logged_model_tag(child.made[0][0], DIGEST)
    copied = importer(plain, here).run().copied
    assert (copied["runs"], copied["logged models"]) == (1, 1)
    assert runs(here)["child"].tags["own"] == "yes"


def test_a_run_that_was_left_half_done_is_taken_up_and_not_made_twice(plain: Plain, here: Side) -> None:
    there = Side(plain.uri, "", {})
    begun = replace(runs(there)["child"], tags={})
    place = here.experiment("occupations")
    here.new_run(place, begun, {FROM: "http://old:5000", WHICH: plain.child})
    importer(plain, here).run()
    assert sorted(runs(here)) == ["child", "parent"]
    assert {DIGEST, STATE} <= runs(here)["child"].tags.keys()


def test_a_version_that_was_left_with_a_lower_number_is_taken_away(plain: Plain, here: Side) -> None:
    third = only_model(Side(plain.uri, "", {})).versions[1]
    client(here).create_registered_model(CODER)
    logged = client(here).create_logged_model(here.experiment("occupations"), "left").model_id
    origin = importer(plain, here)._asked.origin(third)
    assert here.new_version(CODER, logged, "", {FROM: origin}, third) == 1
    with pytest.raises(Mismatch, match=f"{CODER}/1 before, and does not give that number again"):
        importer(plain, here).run()
    client(Side(plain.uri, "", {})).delete_model_version(CODER, "1")
    importer(plain, here).run()
    assert [v.number for v in only_model(here).versions] == [3, 4]


def test_a_number_that_was_given_before_is_not_given_again(plain: Plain, here: Side) -> None:
    importer(plain, here).run()
    here.drop_version(CODER, 3)
    with pytest.raises(Mismatch) as caught:
        importer(plain, here).run()
    assert caught.value.message == f"the registry has had a {CODER}/3 before, and does not give that number again"
    assert [v.number for v in only_model(here).versions] == [1, 4]


def test_a_model_that_was_made_here_is_not_taken_for_the_imported_one(plain: Plain, here: Side) -> None:
    client(here).create_registered_model(CODER)
    place = here.experiment("own")
    logged = client(here).create_logged_model(place, "own").model_id
    here.new_version(CODER, logged, "", {}, Version(CODER, 1, "", "", "", 0, {}, ""))
    with pytest.raises(Refused) as caught:
        importer(plain, here).plan()
    assert f"{CODER} is here already: its version 1 was made here" in caught.value.message
    assert caught.value.hint == f"choose others, as in: --as {CODER}={CODER}-imported"


def test_the_same_model_of_another_registry_is_not_taken_for_the_imported_one(plain: Plain, here: Side) -> None:
    importer(plain, here).run()
    with pytest.raises(Refused) as caught:
        importer(plain, here, address="http://other:5000").plan()
    assert "its version 1 was imported from http://old:5000" in caught.value.message


def test_a_name_that_no_command_could_say_is_refused_with_one_that_can_be_had(plain: Plain, here: Side) -> None:
    with pytest.raises(Refused) as caught:
        importer(plain, here, Order()).plan()
    assert caught.value.hint == f"choose others, as in: --as {ODD}=odd-name"
    with pytest.raises(Refused, match=f"{CODER} would be the name of {ODD} too"):
        importer(plain, here, Order(names={ODD: CODER})).plan()


def test_one_model_brings_the_runs_behind_it_and_no_others(plain: Plain, here: Side) -> None:
    order = Order(only=(CODER,), names={CODER: "coder"})
    outcome = importer(plain, here, order).run()
    assert sorted(runs(here)) == ["child"]
    assert runs(here)["child"].tags["mlflow.parentRunId"] == plain.parent
    assert [model.name for model in here.models()] == ["coder"]
    assert outcome.counted["versions"] == (3, 3)


def test_an_unknown_model_is_named(plain: Plain, here: Side) -> None:
    with pytest.raises(NotFound) as caught:
        importer(plain, here, Order(only=("churn",)))
    assert (caught.value.message, caught.value.hint) == (
        "http://old:5000 has no model churn", f"it has {ODD}, {CODER}")  # fmt: skip


def lost(plain: Plain, tmp_path: Path) -> Plain:
    """The same registry, whose run has lost its files."""
    import sqlite3

    with sqlite3.connect(plain.uri.removeprefix("sqlite:///")) as rows:
        rows.execute("UPDATE runs SET artifact_uri = ?", ((tmp_path / "nowhere").as_uri(),))
        gone = ((tmp_path / "nowhere").as_uri(),)
        rows.execute("UPDATE model_versions SET storage_location = ? WHERE source LIKE 'runs:/%'", gone)
    return plain


def test_versions_whose_files_are_gone_are_imported_only_if_that_is_wanted(
    plain: Plain, here: Side, tmp_path: Path
) -> None:
    lost(plain, tmp_path)
    with pytest.raises(CouldNot) as caught:
        importer(plain, here).run()
    assert caught.value.message == f"the files of {CODER}/3 are gone from http://old:5000"
    assert "--without-files" in caught.value.hint
    outcome = importer(plain, here, replace(AS, without_files=True)).run()
    assert outcome.notes == [f"{CODER}/3 was imported without its files, which are gone at the source"]
    assert ["towpath.digest" in v.tags for v in only_model(here).versions] == [True, False, True]


def test_files_that_are_not_those_that_were_registered_are_told_of(plain: Plain, here: Side) -> None:
    client(Side(plain.uri, "", {})).set_model_version_tag(CODER, "1", "towpath.digest", "sha256:" + "0" * 64)
    outcome = importer(plain, here).run()
    assert outcome.notes == [f"the files of {CODER}/1 are not those that it was registered with"]
    assert only_model(here).versions[0].tags["towpath.digest"] == "sha256:" + "0" * 64


@pytest.mark.parametrize(
    "spoil",
    [
        lambda side, run: side._client.set_tag(run, "note", "kleiner"),
        lambda side, run: side._client.update_run(run, name="other"),
        lambda side, run: side._client.set_terminated(run, "FINISHED", 7),
    ],
)
def test_a_copy_that_is_not_what_was_read_is_a_mismatch(
    plain: Plain, here: Side, spoil: Callable[[Side, str], None]
) -> None:
    class Spoiled(Side):
        """A registry in which somebody else writes at the same time."""

        def fill_run(self, run_id: str, *rest: Any) -> None:
            super().fill_run(run_id, *rest)
            spoil(self, run_id)

    target = Spoiled(here._uri, "here", {}, here._artifacts, "importer")
    with pytest.raises(Mismatch) as caught:
        importer(plain, target).run()
    assert "is not whole after it was copied" in caught.value.message
    assert DIGEST not in runs(here)["child"].tags


def test_each_side_is_shown_its_own_credentials_and_no_others(plain: Plain, environment: dict[str, str]) -> None:
    import os

    seen = []

    class Looking(Side):
        def models(self) -> list[Model]:
            with self._asking("looking"):
                seen.append({n: os.environ.get(n) for n in ("MLFLOW_TRACKING_USERNAME", "MLFLOW_TRACKING_PASSWORD")})
            return []

    os.environ["MLFLOW_TRACKING_PASSWORD"] = "of the target"
    Looking(plain.uri, "", {"MLFLOW_TRACKING_USERNAME": "reader"}).models()
    assert seen == [{"MLFLOW_TRACKING_USERNAME": "reader", "MLFLOW_TRACKING_PASSWORD": None}]
    assert os.environ["MLFLOW_TRACKING_PASSWORD"] == "of the target"
    assert "MLFLOW_TRACKING_USERNAME" not in os.environ
