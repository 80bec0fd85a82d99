from __future__ import annotations

import shutil
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from registry_world import NAME, EmbeddedWorld, Ticking, forget, material
from towpath_core.digests import dir_hash
from towpath_registry.adopting import Adopted, adopt
from towpath_registry.embedded import EmbeddedStore
from towpath_registry.nouns import IMPORTED, ModelVersion

BARE: dict[str, Any] = {"tags": {}, "checked": None, "judged": None, "documented": None, "digest": "none"}


@pytest.fixture
def plain(tmp_path: Path) -> EmbeddedWorld:
    """Two versions without tags, as MLflow alone registers them; the first stands at production."""
    world = EmbeddedWorld(tmp_path / "home")
    for number in (1, 2):
        world.add(material(number, **BARE))
    forget(world.database)
    change(world, "INSERT INTO registered_model_aliases(name, alias, version) VALUES(?, 'production', 1)", NAME)
    return world


def change(world: EmbeddedWorld, statement: str, *values: object) -> None:
    with closing(sqlite3.connect(world.database)) as rows, rows:
        rows.execute(statement, values)


def adopted(world: EmbeddedWorld, *, dry_run: bool = False) -> Adopted:
    store = EmbeddedStore(world.database, Ticking())
    return adopt(store, lambda _: None, dry_run=dry_run)


def version(world: EmbeddedWorld, number: int) -> ModelVersion:
    return next(v for v in world.store.versions(NAME) if v.version == number)


def test_versions_get_the_digest_of_their_files_and_levels_an_entry(plain: EmbeddedWorld) -> None:
    found = adopted(plain)
    assert (found.models, found.versions, found.digests, found.without_files) == (1, 2, 2, [])
    (entry,) = found.stood
    assert (entry.event, entry.level, entry.version, entry.verdicts) == (IMPORTED, "production", 1, ())
    for number in (1, 2):
        with plain.store.model_folder(version(plain, number)) as folder:
            assert version(plain, number).digest == dir_hash(folder)
    assert entry.digest == version(plain, 1).digest


def test_from_then_on_the_level_is_guarded(plain: EmbeddedWorld) -> None:
    adopted(plain)
    with pytest.raises(sqlite3.IntegrityError, match="towpath"):
        change(plain, "UPDATE registered_model_aliases SET version = 2")


def test_a_dry_run_changes_nothing(plain: EmbeddedWorld) -> None:
    before = plain.database.read_bytes()
    assert adopted(plain, dry_run=True).digests == 2
    assert plain.database.read_bytes() == before


def test_what_is_under_towpath_already_is_left_alone(plain: EmbeddedWorld) -> None:
    adopted(plain)
    again = adopted(plain)
    assert (again.already, again.digests, len(again.stood)) == (True, 0, 1)


def test_a_digest_that_a_version_has_is_kept_whatever_its_files_are(plain: EmbeddedWorld) -> None:
    other = "sha256:" + "0" * 64
    change(plain, "INSERT INTO model_version_tags(name, version, \"key\", value) VALUES(?, 1, 'towpath.digest', ?)",
           NAME, other)  # fmt: skip
    assert adopted(plain).digests == 1
    assert version(plain, 1).digest == other


def test_without_its_files_a_version_has_no_digest(plain: EmbeddedWorld) -> None:
    with plain.store.model_folder(version(plain, 2)) as folder:
        shutil.rmtree(folder)
    found = adopted(plain)
    assert (found.digests, found.without_files) == (1, [f"{NAME}/2"])
    assert version(plain, 2).digest == ""


def test_names_that_mean_trouble_are_told(plain: EmbeddedWorld) -> None:
    change(plain, "INSERT INTO registered_models(name, creation_time) VALUES('Odd Name', 1)")
    change(plain, "INSERT INTO registered_model_aliases(name, alias, version) VALUES(?, 'Staging', 2)", NAME)
    found = adopted(plain)
    assert (found.odd_names, found.look_alikes) == (["Odd Name"], [f"{NAME}@Staging"])
    assert [entry.level for entry in found.stood] == ["production"]


def test_a_version_that_was_registered_as_part_of_a_run_is_found_there(plain: EmbeddedWorld) -> None:
    made = version(plain, 2)
    with closing(sqlite3.connect(plain.database)) as rows:
        ((uri,),) = rows.execute("SELECT artifact_uri FROM runs WHERE run_uuid = ?", (made.run_id,)).fetchall()
    with plain.store.model_folder(made) as folder:
        shutil.copytree(folder, Path(uri.removeprefix("file://")) / "model")
        expected = dir_hash(folder)
    change(plain, "UPDATE model_versions SET storage_location = ? WHERE version = 2", f"runs:/{made.run_id}/model")
    adopted(plain)
    assert version(plain, 2).digest == expected
