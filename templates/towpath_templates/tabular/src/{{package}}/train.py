"""Train: age in groups and each code on its own, in a logistic regression that can be read line by line."""

from __future__ import annotations

from typing import Any

from sklearn.compose import ColumnTransformer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import KBinsDiscretizer, OneHotEncoder

from towpath.stages import params, save_model, training_data


def main() -> None:
    records, employed = training_data("train")
    save_model(unfitted(params()["train"], list(records.columns)).fit(records, employed))


def unfitted(settings: dict[str, Any], columns: list[str]) -> Pipeline:
    """The model as params.yaml describes it."""
    # Employment rises and falls with age: groups let the model follow that, a single slope would not.
    age = KBinsDiscretizer(
        settings["age_groups"], encode="onehot", strategy="quantile", quantile_method="averaged_inverted_cdf"
    )
    # A code that training never saw counts as one of the rare ones.
    codes = OneHotEncoder(handle_unknown="infrequent_if_exist", min_frequency=settings["min_records"])
    others = [name for name in columns if name != "AGEP"]
    features = ColumnTransformer([("age", age, ["AGEP"]), ("codes", codes, others)])
    return Pipeline([("features", features), ("classifier", LogisticRegression(C=settings["C"], max_iter=1000))])


if __name__ == "__main__":
    main()
