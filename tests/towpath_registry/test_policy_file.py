from __future__ import annotations

from pathlib import Path

import pytest

from policies import filled, policy
from towpath_core.errors import CouldNot, Misused
from towpath_registry import policy_file
from towpath_registry.policy import solo

READY = sorted(Path(policy_file.__file__).with_name("policies").glob("*.yaml"))


def written(folder: Path, text: str) -> Path:
    path = folder / "policy.yaml"
    path.write_text(text, encoding="utf-8")
    return path


def refusal(path: Path) -> list[str]:
    """Why a file holds no policy, line by line."""
    with pytest.raises(Misused) as caught:
        policy_file.read(path)
    return [line.strip() for line in caught.value.message.splitlines()]


def test_the_file_of_solo_is_solo(tmp_path: Path) -> None:
    """It is written twice: with comments for people, and in Python because it is read before every promotion."""
    path = tmp_path / "solo.yaml"
    path.write_bytes(policy_file.built_in("solo"))
    assert policy_file.read(path) == solo()


@pytest.mark.parametrize("path", READY, ids=lambda path: path.stem)
def test_each_ready_policy_is_called_by_its_name_and_explains_itself(path: Path) -> None:
    text = path.read_text()
    assert f"\nname: {path.stem}\n" in text
    assert text.startswith("# ")
    assert sum(line.strip().startswith("#") for line in text.splitlines()) > 10
    assert max(map(len, text.splitlines())) <= 120


@pytest.mark.parametrize("name", ["solo", "team", "strict"])
def test_a_policy_written_as_a_file_is_the_same_policy(tmp_path: Path, name: str) -> None:
    assert policy_file.read(written(tmp_path, policy_file.text(policy(name)))) == policy(name)


def test_what_is_to_be_filled_in_is_told_in_the_order_of_the_file(tmp_path: Path) -> None:
    path = written(tmp_path, policy_file.built_in("team").decode())
    told = refusal(path)
    numbers = [int(line.partition("line ")[2].partition(":")[0]) for line in told]
    assert numbers == sorted(numbers)
    assert all("still to be filled in" in line for line in told)
    lines = path.read_text().splitlines()
    assert all("<" in lines[number - 1] for number in numbers)
    with pytest.raises(Misused) as caught:
        policy_file.read(path)
    assert caught.value.hint == f"fill in {path}, then towpath policy check {path}"


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ("version: 1", "version: true", "version: is True, expected a whole number from 1 to 100"),
        ("since: 2026-01-01", "since: soon", "signers.first-key.since: is 'soon', expected a d"),
        ("after: staging", "after: stagin", "levels.production.after: there is no level 'stagin'"),
        (
            "approvals: {methodologist: 1, business_owner: 1}",
            "approvals: {methodologist: 1, it_operator: 1}",
            "levels.production.approvals.it_operator: nobody holds this role",
        ),
        ("policy_role: methodologist", "policy_role: boss", "policy_role: nobody holds the role"),
        ("own_keys: false", "own_keys: no", "own_keys: is 'no', expected true or false"),
        ("name: team", "name: team\nname: twice", "key 'name' stands twice"),
        ("name: team", "name: [team", "expected ',' or ']'"),
        ("name: team", "name: !!python/object/apply:os.system [id]", "could not determine a con"),
        ("name: team", "name: &a [*a]", "found unconstructable recursive node"),
    ],
)
def test_each_fault_is_told_with_its_line_and_key(tmp_path: Path, old: str, new: str, told: str) -> None:
    text = filled("team")
    assert old in text
    lines = refusal(written(tmp_path, text.replace(old, new)))
    assert [line for line in lines if told in line], lines
    number = next(place for place, line in enumerate(text.splitlines(), 1) if old in line)
    assert any(f"line {number}" in line or f"line {number + 1}" in line for line in lines)


@pytest.mark.parametrize("text", ["", "[]", "- a\n", "solo\n", "7"])
def test_what_is_no_mapping_is_told(tmp_path: Path, text: str) -> None:
    (told,) = refusal(written(tmp_path, text))
    assert told.startswith("policy.yaml: is ")
    assert told.endswith("expected keys with values")


def test_a_missing_file_is_told(tmp_path: Path) -> None:
    with pytest.raises(CouldNot, match=r"cannot read the policy .*nowhere.yaml: No such file"):
        policy_file.read(tmp_path / "nowhere.yaml")


def test_a_bomb_of_aliases_is_refused_by_what_it_is(tmp_path: Path) -> None:
    bomb = "name: &0 [x, x]\n" + "".join(f"k{n}: &{n} [*{n - 1}, *{n - 1}]\n" for n in range(1, 40))
    told = refusal(written(tmp_path, bomb))
    assert told[0] == "policy.yaml, line 1: name: is a list, expected text"
