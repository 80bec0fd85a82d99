"""A saved model is the same file for the same model, and can be read back."""

from __future__ import annotations

import hashlib
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import skops.io
from sklearn.compose import ColumnTransformer
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.pipeline import Pipeline

from towpath import models
from towpath_core.errors import Misused

TITLES = pd.DataFrame({"text": ["night nurse", "nurse", "farm hand", "farm worker"]})
CODES = np.array(["2231", "2231", "9111", "9111"])


def fitted() -> Pipeline:
    words = ColumnTransformer([("words", TfidfVectorizer(dtype=np.float32), "text")])
    return Pipeline([("words", words), ("codes", LogisticRegression())]).fit(TITLES, CODES)


def digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def test_a_saved_model_gives_the_same_probabilities(tmp_path: Path) -> None:
    model = fitted()
    models.save(model, tmp_path / "model.skops")
    loaded = skops.io.load(tmp_path / "model.skops", trusted=[])
    assert np.array_equal(loaded.predict_proba(TITLES), model.predict_proba(TITLES))


def test_two_processes_write_the_same_bytes(tmp_path: Path) -> None:
    program = f"import runpy; runpy.run_path({__file__!r})['write']()"
    for name in ("a.skops", "b.skops"):
        subprocess.run([sys.executable, "-c", program, str(tmp_path / name)], check=True, timeout=120)
    assert digest(tmp_path / "a.skops") == digest(tmp_path / "b.skops")


def write() -> None:
    models.save(fitted(), Path(sys.argv[1]))


def test_other_weights_are_other_bytes(tmp_path: Path) -> None:
    model = fitted()
    models.save(model, tmp_path / "a.skops")
    model.named_steps["codes"].coef_ *= 1.01
    models.save(model, tmp_path / "b.skops")
    assert digest(tmp_path / "a.skops") != digest(tmp_path / "b.skops")


def test_a_model_without_probabilities_is_refused(tmp_path: Path) -> None:
    with pytest.raises(Misused, match="gives no probabilities"):
        models.save(Ridge().fit([[0.0], [1.0]], [0, 1]), tmp_path / "model.skops")
    assert not list(tmp_path.iterdir())


def test_codes_that_are_numbers_are_refused(tmp_path: Path) -> None:
    model = LogisticRegression().fit([[0.0], [1.0]], [1110, 9111])
    with pytest.raises(Misused, match="expected text") as caught:
        models.save(model, tmp_path / "model.skops")
    assert "codes are strings" in caught.value.hint
