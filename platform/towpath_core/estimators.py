"""The platform's list: which estimators a model may be made of, and what may stand in each of their attributes.

An estimator is more than its type: a vectoriser that reads file names, a token pattern that takes minutes or an
attribute that hides a method are all made of harmless types. So each attribute is named here, with what it may hold;
one that is not named is refused. Trees are not on the list: their nodes are raw indices that scikit-learn follows
without looking.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple


@dataclass(frozen=True, slots=True)
class Type:
    """A class by module and name; the two are compared apart."""

    module: str
    name: str

    def __str__(self) -> str:
        return f"{self.module}.{self.name}"


@dataclass(frozen=True, slots=True)
class Array:
    """An array in a member of the archive: numbers, truth values or texts."""

    member: str
    dtype: str
    shape: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class ObjectArray:
    """One row of values of different types."""

    items: tuple[Value, ...]
    shape: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Dtype:
    """A numpy type, as numpy writes it: <f8."""

    text: str


@dataclass(frozen=True, slots=True)
class Span:
    start: int | None
    stop: int | None
    step: int | None


@dataclass(frozen=True, slots=True)
class Estimator:
    type: Type
    attributes: Mapping[str, Value]


# None, truth values, numbers and texts; lists, tuples and dictionaries of values; the classes above.
Value = Any


@dataclass(frozen=True, slots=True)
class Rule:
    """What an attribute may hold, and how that is told."""

    says: str
    holds: Callable[[Value], bool]

    def __call__(self, value: Value) -> bool:
        return self.holds(value)


class Fault(NamedTuple):
    """What does not fit, never the value itself."""

    attribute: str
    got: str
    expected: str


def fault(estimator: Estimator) -> Fault | None:
    """The first attribute that the platform's list does not allow."""
    rules = ALLOWED[estimator.type]
    for name, value in estimator.attributes.items():
        if name not in rules:
            return Fault("attribute", f"called {name!r}"[:80], "an attribute on the platform's list")
        if not rules[name](value):
            return Fault(name, _kind(value), "a value on the platform's list")
    return None


def _kind(value: Value) -> str:
    if isinstance(value, str):
        return repr(value)[:60]
    if isinstance(value, Estimator):
        return f"a {value.type.name}"
    return str(value) if isinstance(value, Type) else f"a {type(value).__name__}"


# Rules ---------------------------------------------------------------------------------------------------------------


def rule(holds: Callable[[Value], bool]) -> Rule:
    """A rule that is told by its name."""
    return Rule(holds.__name__, holds)


def one_of(*allowed: Value) -> Rule:
    choices = sorted(f"{type(choice).__name__} {choice!r}" for choice in allowed)
    return Rule(
        f"one of {choices}", lambda value: any(type(value) is type(choice) and value == choice for choice in allowed)
    )


def either(*rules: Rule) -> Rule:
    return Rule(f"either {[rule.says for rule in rules]}", lambda value: any(rule(value) for rule in rules))


def listed(rule: Rule) -> Rule:
    return Rule(
        f"list of ({rule.says})", lambda value: isinstance(value, list | tuple) and all(rule(item) for item in value)
    )


def table(rule: Rule) -> Rule:
    return Rule(
        f"table of ({rule.says})", lambda value: isinstance(value, dict) and all(rule(item) for item in value.values())
    )


def array(kinds: str) -> Rule:
    return Rule(f"array of {kinds}", lambda value: isinstance(value, Array) and value.dtype[1] in kinds)


def only(name: str) -> Rule:
    return Rule(f"a {name}", lambda value: isinstance(value, Estimator) and value.type.name == name)


@rule
def flag(value: Value) -> bool:
    return isinstance(value, bool)


@rule
def whole(value: Value) -> bool:
    return type(value) is int or (isinstance(value, Array) and value.shape == () and value.dtype[1] in "iu")


@rule
def number(value: Value) -> bool:
    return type(value) in (int, float) or (isinstance(value, Array) and value.shape == () and value.dtype[1] in "iuf")


@rule
def text(value: Value) -> bool:
    return isinstance(value, str)


@rule
def span(value: Value) -> bool:
    return isinstance(value, Span)


@rule
def dtype(value: Value) -> bool:
    return isinstance(value, Dtype)


@rule
def object_row(value: Value) -> bool:
    """Texts, numbers and missing values, as in the categories of a column, or arrays of numbers."""
    plain = either(nothing, text, number, array("biufU"))
    return isinstance(value, ObjectArray) and all(plain(item) for item in value.items)


@rule
def estimator(value: Value) -> bool:
    return isinstance(value, Estimator)


@rule
def named_steps(value: Value) -> bool:
    """Pairs of a name and an estimator."""
    step = either(estimator, nothing, one_of("passthrough", "drop"))
    return isinstance(value, list | tuple) and all(
        isinstance(pair, tuple) and len(pair) == 2 and text(pair[0]) and step(pair[1]) for pair in value
    )


@rule
def column_steps(value: Value) -> bool:
    """Name, estimator and the columns that it gets, by name or number."""
    return isinstance(value, list | tuple) and all(
        isinstance(item, tuple) and len(item) == 3 and text(item[0]) and _part(item) for item in value
    )


@rule
def remainder(value: Value) -> bool:
    return isinstance(value, tuple) and len(value) == 3 and value[0] == "remainder" and _part(value)


def _part(item: tuple[Value, ...]) -> bool:
    return either(estimator, one_of("passthrough", "drop"))(item[1]) and columns(item[2])


@rule
def ngrams(value: Value) -> bool:
    """One to ten, the lower number first."""
    return (
        isinstance(value, tuple)
        and len(value) == 2
        and all(type(part) is int for part in value)
        and 1 <= value[0] <= value[1] <= 10
    )


nothing = one_of(None)
columns = either(text, whole, span, listed(either(text, whole, flag)), array("biuU"), object_row)
weights = either(nothing, table(number))
jobs = either(nothing, whole)
noise = either(flag, whole)
numbers = array("biuf")
names = either(array("U"), object_row)
float_type = one_of(*(Type("numpy", f"float{bits}") for bits in (32, 64)), Dtype("<f4"), Dtype("<f8"))
whole_type = one_of(*(Type("numpy", f"int{bits}") for bits in (32, 64)), Dtype("<i4"), Dtype("<i8"))
number_type = either(float_type, whole_type)
category_lists = either(one_of("auto"), listed(either(listed(either(text, number, nothing)), names, numbers)))
row_of_numbers = either(numbers, object_row)
seed = either(nothing, whole)

_ANY = {
    "_sklearn_version": text,
    "n_features_in_": whole,
    "feature_names_in_": names,
    "_sklearn_output_config": table(one_of("default", "pandas")),
}
# Patterns that take time in proportion to the text; another one is a decision of the platform, not of a model.
TOKEN_PATTERNS = (r"(?u)\b\w\w+\b", r"(?u)\b\w+\b", r"\b\w+\b", r"\w+", r"\S+", r"(?u)\S+")
_FREQUENCIES = {
    "categories": category_lists,
    "dtype": number_type,
    "min_frequency": either(nothing, number),
    "max_categories": either(nothing, whole),
    "categories_": listed(either(names, numbers)),
    "_infrequent_enabled": flag,
    "_infrequent_indices": listed(either(nothing, array("iu"))),
    "_default_to_infrequent_mappings": listed(either(nothing, array("iu"))),
    "_missing_indices": table(whole),
}
_TFIDF = {
    "norm": one_of("l1", "l2", None),
    "use_idf": flag,
    "smooth_idf": flag,
    "sublinear_tf": flag,
}

ALLOWED: dict[Type, dict[str, Rule]] = {
    Type("sklearn.pipeline", "Pipeline"): {
        "steps": named_steps,
        "transform_input": nothing,
        "memory": nothing,
        "verbose": noise,
    },
    Type("sklearn.pipeline", "FeatureUnion"): {
        "transformer_list": named_steps,
        "n_jobs": jobs,
        "transformer_weights": weights,
        "verbose": noise,
        "verbose_feature_names_out": flag,
    },
    Type("sklearn.compose._column_transformer", "ColumnTransformer"): {
        "transformers": column_steps,
        "transformers_": column_steps,
        "remainder": either(estimator, one_of("passthrough", "drop")),
        "sparse_threshold": number,
        "n_jobs": jobs,
        "transformer_weights": weights,
        "verbose": noise,
        "verbose_feature_names_out": flag,
        "force_int_remainder_cols": either(flag, one_of("deprecated")),
        "sparse_output_": flag,
        "output_indices_": table(span),
        "_columns": listed(columns),
        "_remainder": remainder,
        "_transformer_to_input_indices": table(either(listed(whole), array("iu"))),
    },
    # Only what `passthrough` becomes when fitted: without a function of its own.
    Type("sklearn.preprocessing._function_transformer", "FunctionTransformer"): {
        "func": nothing,
        "inverse_func": nothing,
        "validate": flag,
        "accept_sparse": flag,
        "check_inverse": flag,
        "feature_names_out": one_of(None, "one-to-one"),
        "kw_args": nothing,
        "inv_kw_args": nothing,
    },
    Type("sklearn.feature_extraction.text", "TfidfVectorizer"): {
        "input": one_of("content"),
        "encoding": one_of("utf-8"),
        "decode_error": one_of("strict", "ignore", "replace"),
        "strip_accents": one_of(None, "ascii", "unicode"),
        "lowercase": flag,
        "preprocessor": nothing,
        "tokenizer": nothing,
        "analyzer": one_of("word", "char", "char_wb"),
        "stop_words": either(one_of(None, "english"), listed(text)),
        "token_pattern": one_of(*TOKEN_PATTERNS),
        "ngram_range": ngrams,
        "max_df": number,
        "min_df": number,
        "max_features": either(nothing, whole),
        "vocabulary": either(nothing, listed(text), table(whole)),
        "binary": flag,
        "dtype": float_type,
        **_TFIDF,
        "fixed_vocabulary_": flag,
        "vocabulary_": table(whole),
        "_stop_words_id": whole,
        "_tfidf": only("TfidfTransformer"),
    },
    Type("sklearn.feature_extraction.text", "TfidfTransformer"): {**_TFIDF, "idf_": array("f")},
    Type("sklearn.preprocessing._encoders", "OneHotEncoder"): {
        **_FREQUENCIES,
        "drop": one_of(None, "first", "if_binary"),
        "sparse_output": flag,
        "handle_unknown": one_of("error", "ignore", "infrequent_if_exist", "warn"),
        "feature_name_combiner": one_of("concat"),
        "drop_idx_": either(nothing, row_of_numbers),
        "_drop_idx_after_grouping": either(nothing, row_of_numbers),
        "_n_features_outs": listed(whole),
    },
    Type("sklearn.preprocessing._encoders", "OrdinalEncoder"): {
        **_FREQUENCIES,
        "handle_unknown": one_of("error", "use_encoded_value"),
        "unknown_value": either(nothing, number),
        "encoded_missing_value": number,
    },
    Type("sklearn.preprocessing._discretization", "KBinsDiscretizer"): {
        "n_bins": either(whole, numbers),
        "encode": one_of("onehot", "onehot-dense", "ordinal"),
        "strategy": one_of("uniform", "quantile", "kmeans"),
        "quantile_method": text,
        "dtype": either(nothing, float_type),
        "subsample": either(nothing, whole),
        "random_state": seed,
        "bin_edges_": object_row,
        "n_bins_": numbers,
        "_encoder": only("OneHotEncoder"),
    },
    Type("sklearn.preprocessing._data", "StandardScaler"): {
        "copy": flag,
        "with_mean": flag,
        "with_std": flag,
        "mean_": either(nothing, numbers),
        "var_": either(nothing, numbers),
        "scale_": either(nothing, numbers),
        "n_samples_seen_": either(number, numbers),
    },
    Type("sklearn.impute._base", "SimpleImputer"): {
        "missing_values": either(nothing, number, text),
        "strategy": one_of("mean", "median", "most_frequent", "constant"),
        "fill_value": either(nothing, number, text),
        "copy": flag,
        "add_indicator": one_of(False),
        "keep_empty_features": flag,
        "indicator_": nothing,
        "statistics_": row_of_numbers,
        "_fit_dtype": dtype,
        "_fill_dtype": dtype,
    },
    Type("sklearn.linear_model._logistic", "LogisticRegression"): {
        "penalty": one_of(None, "l1", "l2", "elasticnet", "deprecated"),
        "C": number,
        "l1_ratio": either(nothing, number),
        "dual": flag,
        "tol": number,
        "fit_intercept": flag,
        "intercept_scaling": number,
        "class_weight": either(one_of(None, "balanced"), table(number)),
        "random_state": seed,
        "solver": one_of("lbfgs", "liblinear", "newton-cg", "newton-cholesky", "sag", "saga"),
        "max_iter": whole,
        "multi_class": one_of("auto", "deprecated", "multinomial"),
        "verbose": noise,
        "warm_start": flag,
        "n_jobs": jobs,
        "classes_": array("U"),
        "n_iter_": numbers,
        "coef_": array("f"),
        "intercept_": array("f"),
    },
}
for _rules in ALLOWED.values():
    _rules.update(_ANY)


@dataclass(frozen=True, slots=True)
class Types:
    """Which types of the platform's list may be used. `doubt` says why none may, until somebody has looked at it."""

    names: frozenset[Type]
    doubt: str = ""

    def without(self, names: Collection[str]) -> Types:
        """Fewer: without those of these names, module and class."""
        return Types(frozenset(type_ for type_ in self.names if str(type_) not in names), self.doubt)

    @property
    def digest(self) -> str:
        """Changes with any type, any attribute of one, and any rule of what that may hold."""
        listed = {str(type_): {name: rule.says for name, rule in ALLOWED[type_].items()} for type_ in self.names}
        return "sha256:" + hashlib.sha256(json.dumps(listed, sort_keys=True).encode()).hexdigest()


PLATFORM = Types(frozenset(ALLOWED))
