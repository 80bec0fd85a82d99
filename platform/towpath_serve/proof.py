"""Whether a model answers as it did at evaluation."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

TOLERANCE = 1e-6


def differences(expected: Sequence[Mapping[str, Any]], got: Sequence[Mapping[str, Any]]) -> list[str]:
    """One sentence for each example that was answered otherwise: labels are equal, probabilities within 1e-6."""
    if len(expected) != len(got):
        return [f"{len(got)} answers to {len(expected)} examples"]
    found = ((number, _difference(one, other)) for number, (one, other) in enumerate(zip(expected, got, strict=True)))
    return [f"example {number + 1}: {fault}" for number, fault in found if fault]


def _difference(expected: Mapping[str, Any], got: Mapping[str, Any]) -> str:
    if got.get("label") != expected["label"]:
        return f"the label is {got.get('label')}, expected {expected['label']}"
    ours, theirs = _probabilities(expected), _probabilities(got)
    if len(ours) != len(theirs):
        return f"{len(theirs)} labels, expected {len(ours)}"
    off = max((abs(a - b) for a, b in zip(ours, theirs, strict=True)), default=0.0)
    if not off <= TOLERANCE:
        return f"a probability is {off:.2g} off, expected at most {TOLERANCE:g}"
    if got.get("threshold") != expected["threshold"]:
        return f"the threshold is {got.get('threshold')}, expected {expected['threshold']}"
    at_the_edge = expected["threshold"] is not None and abs(ours[0] - expected["threshold"]) <= TOLERANCE
    if got.get("decision") != expected["decision"] and not at_the_edge:
        return f"the decision is {got.get('decision')}, expected {expected['decision']}"
    return ""


def _probabilities(answer: Mapping[str, Any]) -> list[float]:
    return [float(item["probability"]) for item in answer.get("top", [])]
