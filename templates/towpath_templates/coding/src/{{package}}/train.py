"""Train: n-grams of words and characters, and a linear classifier whose confidence can be believed."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import pandas as pd
from scipy.optimize import minimize_scalar
from scipy.special import softmax
from sklearn.compose import ColumnTransformer
from sklearn.exceptions import ConvergenceWarning
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import log_loss
from sklearn.pipeline import FeatureUnion, Pipeline

from towpath.stages import params, save_model, training_data


def main() -> None:
    model = unfitted(params()["train"])
    with warnings.catch_warnings():
        # The fit is stopped early on purpose: sixty passes instead of eight gain less than a point of accuracy.
        warnings.simplefilter("ignore", ConvergenceWarning)
        model.fit(*training_data("train"))
    calibrate(model, *training_data("validation"))
    save_model(model)


def unfitted(settings: dict[str, Any]) -> Pipeline:
    """The model as params.yaml describes it."""
    common = {"min_df": settings["min_titles"], "dtype": np.float32}  # float32 halves the model, and loses nothing
    words = TfidfVectorizer(ngram_range=tuple(settings["words"]), **common)
    characters = TfidfVectorizer(analyzer="char_wb", ngram_range=tuple(settings["characters"]), **common)
    features = FeatureUnion([("words", words), ("characters", characters)])
    classifier = LogisticRegression(
        solver="saga", C=settings["C"], max_iter=settings["passes"], random_state=settings["seed"]
    )
    # "text" and not ["text"]: the n-grams are made of the column's texts, not of the list of columns.
    return Pipeline([("features", ColumnTransformer([("text", features, "text")])), ("classifier", classifier)])


def calibrate(model: Pipeline, records: pd.DataFrame, codes: np.ndarray) -> float:
    """Divide the scores by the temperature at which the confidence in the first answer fits how often it is right.

    That confidence decides between automatic coding and a person. The temperature, which is also returned, becomes
    part of the coefficients, so that the model stays a plain linear classifier.
    """
    scores = model.decision_function(records).astype(np.float64)
    right = model.classes_[scores.argmax(axis=1)] == codes

    def misfit(log_temperature: float) -> float:
        confidence = softmax(scores / np.exp(log_temperature), axis=1).max(axis=1)
        return log_loss(right, confidence, labels=[False, True])

    temperature = float(np.exp(minimize_scalar(misfit, bounds=(-2, 2), method="bounded").x))
    classifier = model[-1]
    classifier.coef_ /= temperature
    classifier.intercept_ /= temperature
    return temperature


if __name__ == "__main__":
    main()
