from __future__ import annotations

import contextlib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import model_validator

from towpath_core.errors import CouldNot, Misused
from towpath_registry import yamls
from towpath_registry.yamls import Section


class Owner(Section):
    name: str
    age: int = 0


class Office(Section):
    title: str
    owners: tuple[Owner, ...] = ()
    rate: float | int = 0
    depth: int = 0

    @model_validator(mode="after")
    def _proportions(self) -> Office:
        if self.depth > 2:
            raise ValueError("deeper than it is wide")
        return self


def written(folder: Path, text: str) -> Path:
    path = folder / "office.yaml"
    path.write_text(text, encoding="utf-8")
    return path


def read(folder: Path, text: str) -> Office:
    return yamls.read(written(folder, text), Office, "the settings")


def refusal(folder: Path, text: str) -> str:
    with pytest.raises(Misused) as refused:
        read(folder, text)
    assert refused.value.hint.startswith("mend ")
    return refused.value.message


def test_a_file_becomes_its_model(tmp_path: Path) -> None:
    office = read(tmp_path, "title: Statistics\nowners:\n  - name: Ada\n    age: 36\nrate: 0.5\n")
    assert office == Office(title="Statistics", owners=(Owner(name="Ada", age=36),), rate=0.5)


@pytest.mark.parametrize(
    "word", ["no", "NO", "yes", "on", "off", "0111", "2020-01-01", "1_000", "0x1F", "1:30", "Null"]
)
def test_words_that_other_readers_turn_into_something_else_stay_text(tmp_path: Path, word: str) -> None:
    assert yamls.load(written(tmp_path, f"code: {word}\n"), "it") == {"code": word}


@pytest.mark.parametrize(
    ("text", "value"),
    [
        *(("true", True), ("false", False), ("~", None), ("null", None), ("", None)),
        *(("7", 7), ("-7", -7), ("0", 0), ("0.5", 0.5), ("1e-3", 0.001), ("1.5e3", 1500.0)),
    ],
)
def test_plain_values_are_what_they_look_like(tmp_path: Path, text: str, value: object) -> None:
    got = yamls.load(written(tmp_path, f"it: {text}\n"), "it")["it"]
    assert got == value
    assert type(got) is type(value)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("title: 7\n", "office.yaml, line 1: title: expected text (put quotes around it)"),
        ("title: A\nowner: Ada\n", "office.yaml, line 2: owner: no such key"),
        ("owners: []\n", "office.yaml, line 1: title: is missing"),
        ("title: A\nowners:\n- name: Ada\n- age: 3\n", "office.yaml, line 4: owners.1.name: is missing"),
        ("title: A\nowners: Ada\n", "office.yaml, line 2: owners: expected a list"),
        ("title: A\nowners:\n- name: Ada\n  age: old\n", "office.yaml, line 4: owners.0.age: expected a valid integer"),
        ("title: A\nrate: high\n", "office.yaml, line 2: rate: expected a valid number"),
        ("title: A\nstrength: 3\n", "office.yaml, line 2: strength: no such key"),
        ("title: A\ndepth: 3\n", "office.yaml: deeper than it is wide"),
    ],
)
def test_what_does_not_fit_is_told_by_line_and_key(tmp_path: Path, text: str, told: str) -> None:
    assert refusal(tmp_path, text) == told


def test_all_faults_are_told_at_once(tmp_path: Path) -> None:
    told = refusal(tmp_path, "title: 1\nowner: x\n")
    assert "line 1: title" in told
    assert "line 2: owner" in told


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("title: A\ntitle: B\n", "office.yaml, line 2: key 'title' stands twice"),
        ("title: [A\nrate: 1\n", "office.yaml, line 2: "),
        ("title: !!python/object/apply:os.system [id]\n", "office.yaml, line 1: could not determine a constructor"),
        ("title: *nobody\n", "office.yaml, line 1: found undefined alias 'nobody'"),
        ("title: A\nowners: &all [*all]\n", "office.yaml, line 2: found unconstructable recursive node"),
        ("title: A\n? [a, b]\n: 1\n", "office.yaml, line 2: a key is a list or a mapping"),
        ("title: A\n? {a: b}\n: 1\n", "office.yaml, line 2: a key is a list or a mapping"),
        (f"title: {'[' * 3000}{']' * 3000}\n", "office.yaml is nested too deeply"),
        ("", "office.yaml is empty or not a mapping of keys"),
        ("- title\n", "office.yaml is empty or not a mapping of keys"),
        ("title: \x07\n", "office.yaml is not YAML"),
    ],
)
def test_what_is_no_such_yaml_is_told_by_line(tmp_path: Path, text: str, told: str) -> None:
    assert refusal(tmp_path, text).startswith(told)


def test_a_file_in_another_encoding_is_told(tmp_path: Path) -> None:
    path = written(tmp_path, "")
    path.write_bytes("title: größer".encode("latin-1"))
    with pytest.raises(Misused, match=r"office.yaml is not UTF-8 text \(byte 9\)"):
        yamls.read(path, Office, "the settings")


def test_a_missing_file_is_told_by_what_it_should_be(tmp_path: Path) -> None:
    with pytest.raises(CouldNot, match=r"cannot read the settings .*office.yaml: No such file"):
        yamls.read(tmp_path / "office.yaml", Office, "the settings")


def test_what_was_read_cannot_be_changed(tmp_path: Path) -> None:
    office = read(tmp_path, "title: A\n")
    with pytest.raises(ValueError, match="frozen"):
        setattr(office, "title", "B")  # noqa: B010 (the type checker would refuse it, too)


@given(st.text(max_size=60))
def test_no_text_whatever_ends_in_anything_but_a_model_or_our_own_error(
    tmp_path_factory: pytest.TempPathFactory, text: str
) -> None:
    path = tmp_path_factory.mktemp("any") / "office.yaml"
    path.write_bytes(text.encode("utf-8", "surrogatepass"))
    with contextlib.suppress(Misused):
        yamls.read(path, Office, "the settings")
