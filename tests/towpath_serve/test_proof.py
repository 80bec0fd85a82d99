"""When two answers are the same."""

from __future__ import annotations

from typing import Any

import pytest

from towpath_serve.proof import differences


def answer(**changes: Any) -> dict[str, Any]:
    top = [{"label": "5434", "probability": 0.8}, {"label": "2314", "probability": 0.2}]
    return {"label": "5434", "decision": "auto", "top": top, "threshold": 0.7, "model": "coder/1", **changes}


def test_the_same_answers_do_not_differ() -> None:
    other = [{"label": "5434", "probability": 0.8000001}, {"label": "2314", "probability": 0.1999999}]
    assert differences([answer(), answer()], [answer(top=other), answer(model="coder/2")]) == []


@pytest.mark.parametrize(
    ("got", "told"),
    [
        (answer(label="2314"), "example 1: the label is 2314, expected 5434"),
        (answer(label=None), "example 1: the label is None, expected 5434"),
        (answer(top=[]), "example 1: 0 labels, expected 2"),
        (answer(threshold=None), "example 1: the threshold is None, expected 0.7"),
        (answer(decision="review"), "example 1: the decision is review, expected auto"),
        (answer(top=[{"probability": 0.81}, {"probability": 0.2}]), "example 1: a probability is 0.01 off"),
        (answer(top=[{"probability": float("nan")}, {"probability": 0.2}]), "example 1: a probability is nan off"),
    ],
)
def test_other_answers_differ(got: dict[str, Any], told: str) -> None:
    assert differences([answer()], [got])[0].startswith(told)


def test_a_missing_answer_is_a_difference() -> None:
    assert differences([answer(), answer()], [answer()]) == ["1 answers to 2 examples"]


def test_a_score_on_the_edge_may_be_decided_either_way() -> None:
    edge = answer(threshold=0.8)
    assert differences([edge], [{**edge, "decision": "review"}]) == []
