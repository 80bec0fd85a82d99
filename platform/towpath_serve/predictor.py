"""One model's answers, the same wherever they are given: in evaluation, in batches, over HTTP."""

from __future__ import annotations

import json
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from towpath_core import manifest as manifests
from towpath_core import model_files, skops_files
from towpath_core.digests import dir_hash
from towpath_core.errors import CouldNot, Mismatch, Refused
from towpath_core.manifest import Manifest
from towpath_core.verdicts import all_passed
from towpath_serve import loading, proof
from towpath_serve.records import Columns, Vetted, columns_of, vet

if TYPE_CHECKING:
    import pandas as pd

AUTO, REVIEW, REJECTED = "auto", "review", "rejected"
Floats = np.ndarray[Any, np.dtype[np.float64]]
Texts = np.ndarray[Any, np.dtype[np.str_]]


@dataclass(frozen=True, slots=True)
class Answers:
    """The best `k` labels of each record, the best first: labels and probabilities of shape (n, k), decisions (n,)."""

    labels: Texts
    probabilities: Floats
    decisions: Texts


@dataclass(frozen=True, slots=True)
class Predictor:
    """A verified model. `version` is how a person names it: occupation-coder/1."""

    manifest: Manifest
    classes: Texts
    digest: str
    version: str
    examples: list[dict[str, Any]] = field(repr=False)
    expected: list[dict[str, Any]] = field(repr=False)
    _model: Any = field(repr=False)

    @classmethod
    def open(cls, folder: Path, *, digest: str | None = None, version: str = "") -> Predictor:
        """Verify, inspect and load the folder; what is loaded are the bytes that were verified.

        Raises: Mismatch if its digest is not `digest`; Refused if it may not be loaded; CouldNot if it cannot be read.
        """
        if digest is not None:
            _same(dir_hash(folder), digest, folder)
        files = model_files.read(folder)
        found = model_files.digest(files)
        if digest is not None:
            _same(found, digest, folder)
        verdicts, archive = model_files.examine(files)
        if archive is None or not all_passed(verdicts):
            refusal = next(verdict for verdict in verdicts if not verdict.passed)
            raise Refused(f"the model in {folder} may not be loaded: {refusal.reason}")
        manifest = Manifest.parse(files[manifests.FILE])
        model = loading.build(archive)
        examples, expected = (_list(files, name) for name in (model_files.EXAMPLE, model_files.EXPECTED))
        return cls(manifest, model.classes_, found, version or manifest.name, examples, expected, model)

    def probabilities(self, frame: pd.DataFrame) -> Floats:
        """One row for each record of `frame`, one column for each class; the records are taken as sound.

        Raises: Refused if the model answers with anything but probabilities.
        """
        if not len(frame):
            return np.empty((0, len(self.classes)))
        names = [field.name for field in self.manifest.inputs]
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # an unseen category is answered as well as it can be
            found = np.asarray(self._model.predict_proba(frame[names]), dtype=np.float64)
        if found.shape != (len(frame), len(self.classes)) or not np.isfinite(found).all():
            raise Refused(f"{self.version} answers with something else than a probability for each class")
        return found

    def answers(self, probabilities: Floats) -> Answers:
        """The best labels of each row; among equals the first in the order of the classes."""
        count = min(self.manifest.top, len(self.classes))
        left = np.array(probabilities)
        rows = np.arange(len(left))
        best = np.empty((len(left), count), dtype=np.intp)
        values = np.empty((len(left), count))
        for place in range(count):
            best[:, place] = left.argmax(axis=1)
            values[:, place] = left[rows, best[:, place]]
            left[rows, best[:, place]] = -1
        threshold = self.manifest.threshold.value
        sure = values[:, 0] >= (np.inf if threshold is None else threshold)
        return Answers(self.classes[best], values, np.where(sure, AUTO, REVIEW))

    def vet(
        self, columns: Columns, count: int, *, already: Sequence[str] = (), numbers_as_text: bool = False
    ) -> Vetted:
        """Which of `count` records may be answered, and the model's input for these."""
        return vet(columns, self.manifest.inputs, count, already=already, numbers_as_text=numbers_as_text)

    def answer(self, records: Sequence[Any]) -> list[dict[str, Any]]:
        """One answer for each record, in their order; a record that is no good is rejected, with the reason."""
        columns, whole = columns_of(records, self.manifest.inputs)
        vetted = self.vet(columns, len(records), already=whole)
        answers = self.answers(self.probabilities(vetted.inputs))
        told = iter(
            zip(answers.labels.tolist(), answers.probabilities.tolist(), answers.decisions.tolist(), strict=True)
        )
        return [self._rejected(reason) if reason else self._answer(*next(told)) for reason in vetted.reasons]

    def prove(self) -> None:
        """Answer the model's own examples and compare with what was answered at evaluation.

        Raises: Mismatch if they differ, Refused if there is nothing to compare with.
        """
        if not self.examples or len(self.examples) != len(self.expected):
            raise Refused(f"{self.version} brings no examples with their expected answers: nothing proves it here")
        if faults := proof.differences(self.expected, self.answer(self.examples)):
            raise Mismatch(
                f"{self.version} answers otherwise here than at evaluation: {faults[0]}",
                hint="serve it in the environment that it was made in: towpath build",
            )

    def _answer(self, labels: list[str], values: list[float], decision: str) -> dict[str, Any]:
        top = [{"label": label, "probability": value} for label, value in zip(labels, values, strict=True)]
        return {
            "label": labels[0],
            "probability": values[0],
            "decision": decision,
            "reason": "",
            "top": top,
            "threshold": self.manifest.threshold.value,
            "model": self.version,
        }

    def _rejected(self, reason: str) -> dict[str, Any]:
        return {
            "label": None,
            "probability": None,
            "decision": REJECTED,
            "reason": reason,
            "top": [],
            "threshold": self.manifest.threshold.value,
            "model": self.version,
        }


def load_model(path: Path) -> Any:
    """The fitted classifier of one model.skops, by the rules that hold for a package.

    Raises: Refused if it may not be loaded, CouldNot if it cannot be read.
    """
    try:
        archive = skops_files.read(path.read_bytes())
    except OSError as error:
        raise CouldNot(f"cannot read the model {path}: {error.strerror}", hint="towpath run") from error
    except skops_files.Unfit as no:
        raise Refused(f"{path.name} may not be loaded: {no}") from no
    return loading.build(archive)


def _same(found: str, digest: str, folder: Path) -> None:
    if found != digest:
        raise Mismatch(f"the model in {folder} has the digest {found}, expected {digest}")


def _list(files: Mapping[str, bytes], name: str) -> list[dict[str, Any]]:
    """Raise Refused for a file that is there but is no list of objects."""
    try:
        found = json.loads(files.get(name, b"[]"))
    except ValueError:
        found = None
    if not isinstance(found, list) or not all(isinstance(item, dict) for item in found):
        raise Refused(f"{name} of the model is no list of objects")
    return found
