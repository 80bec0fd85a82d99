from __future__ import annotations

import pytest

from candidates import good
from registry_world import CARD
from towpath_registry.gates.documentation import Documentation


def refusals(card: str | None) -> list[str]:
    return [verdict.reason for verdict in Documentation().judge(good(card=card)) if not verdict.passed]


def test_without_a_model_card_it_refuses() -> None:
    assert refusals(None) == ["MODEL_CARD.md is not there, expected in the model's folder"]


@pytest.mark.parametrize("name", ["Purpose", "Data", "Method", "Quality", "Limits", "Contact"])
def test_each_section_must_be_there_and_filled_in(name: str) -> None:
    empty = CARD.replace(f"## {name}\n\nSaid in one sentence.", f"## {name}\n")
    assert refusals(CARD.replace(f"## {name}", f"### {name}")) == [
        f"the section {name} is not there, expected filled in"
    ]
    assert refusals(empty) == [f"the section {name} is empty, expected filled in"]
    assert refusals(empty.replace(f"## {name}", f"## {name}\n\n### Below\n")) == [
        f"the section {name} is empty, expected filled in"
    ]


@pytest.mark.parametrize("mark", ["TODO", "…to fill"])
def test_a_section_that_is_marked_as_unfinished_is_refused(mark: str) -> None:
    card = CARD.replace("## Data\n\nSaid", f"## Data\n\n{mark} Said")
    assert refusals(card) == [f"the section Data is unfinished ({mark}), expected filled in"]


def test_a_comment_is_no_text() -> None:
    card = CARD.replace("## Data\n\nSaid in one sentence.", "## Data\n\n<!-- say where\nthe data come from -->")
    assert refusals(card) == ["the section Data is empty, expected filled in"]
    assert refusals(CARD.replace("## Data", "<!--\n## Data")) != []


def test_a_heading_inside_code_is_no_section() -> None:
    fenced = CARD.replace("## Data\n\nSaid in one sentence.", "").replace(
        "## Method\n", "## Method\n```\n## Data\nx\n```\n"
    )
    assert refusals(fenced) == ["the section Data is not there, expected filled in"]


def test_other_sections_and_order_do_not_matter() -> None:
    sections = [f"## {part}" for part in CARD.split("## ")[1:]]
    assert refusals("# Card\n\n" + "\n".join(reversed(sections)) + "\n## More\n") == []
