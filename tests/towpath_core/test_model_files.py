"""What may be loaded, and a collection of files that may not: each is refused, and for its own reason."""

from __future__ import annotations

import bz2
import gzip
import io
import json
import lzma
import os
import pickle
import re
import shutil
import struct
import sys
import tracemalloc
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn.compose import ColumnTransformer
from sklearn.feature_extraction.text import CountVectorizer, TfidfVectorizer
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import FeatureUnion, Pipeline
from sklearn.preprocessing import (
    FunctionTransformer,
    KBinsDiscretizer,
    OneHotEncoder,
    OrdinalEncoder,
    StandardScaler,
)
from sklearn.tree import DecisionTreeClassifier
from skops import io as skops_io

from towpath_core import estimators, model_files, skops_files
from towpath_core.digests import dir_hash
from towpath_core.errors import Refused
from towpath_core.skops_files import Limits, Unfit
from towpath_core.verdicts import all_passed

TEXTS = ["baker of bread", "nurse on a ward", "baker of cakes", "nurse at home"]
CODES = ["5432", "2231", "5432", "2231"]


def fitted(**parameters: Any) -> Pipeline:
    return Pipeline([("words", TfidfVectorizer(**parameters)), ("lr", LogisticRegression())]).fit(TEXTS, CODES)


def schema_of(archive: bytes) -> Any:
    with zipfile.ZipFile(io.BytesIO(archive)) as opened:
        return json.loads(opened.read("schema.json"))


def repacked(archive: bytes, change: Callable[[dict[str, bytes]], None]) -> bytes:
    """The same archive with other members."""
    with zipfile.ZipFile(io.BytesIO(archive)) as opened:
        members = {name: opened.read(name) for name in opened.namelist()}
    change(members)
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as packed:
        for name, content in members.items():
            packed.writestr(name, content)
    return out.getvalue()


def with_schema(change: Callable[[Any], None], archive: bytes | None = None) -> bytes:
    """A good model whose schema was changed by hand."""
    archive = archive or skops_io.dumps(fitted())
    schema = schema_of(archive)
    change(schema)
    return repacked(archive, lambda members: members.update({"schema.json": json.dumps(schema).encode()}))


def attributes(schema: Any, class_: str) -> dict[str, Any]:
    """The node of the attributes of the first estimator of that class."""
    waiting = [schema]
    while waiting:
        node = waiting.pop(0)
        if isinstance(node, dict):
            if node.get("__class__") == class_ and node.get("__loader__") == "ObjectNode":
                found: dict[str, Any] = node["content"]["content"]
                return found
            waiting.extend(node.values())
        elif isinstance(node, list):
            waiting.extend(node)
    raise AssertionError(f"no {class_}")


def plain(value: Any) -> dict[str, Any]:
    content = json.dumps(value)
    return {
        "__class__": "str", "__module__": "builtins", "__loader__": "JsonNode", "__id__": abs(hash(content)) + 1,
        "content": content, "is_json": True,
    }  # fmt: skip


def node(loader: str, module: str, class_: str, number: int = 9**18, **fields: Any) -> dict[str, Any]:
    return {"__class__": class_, "__module__": module, "__loader__": loader, "__id__": number, **fields}


def reason(archive: bytes, limits: Limits | None = None) -> str:
    """Why the archive is refused."""
    with pytest.raises(Unfit) as no:
        skops_files.read(archive, limits or Limits())
    return str(no.value)


# Good models ---------------------------------------------------------------------------------------------------------


def test_models_of_the_platforms_types_pass() -> None:
    table = np.array([["1", "a"], ["2", "b"], ["3", "a"], ["4", "b"]] * 5, dtype=object)
    codes = ["no", "yes", "no", "yes"] * 5
    bins = Pipeline([("fill", SimpleImputer()), ("bin", KBinsDiscretizer(2))])
    rare = Pipeline(
        [
            ("fill", SimpleImputer(strategy="constant", fill_value="?")),
            ("hot", OneHotEncoder(min_frequency=2, handle_unknown="infrequent_if_exist")),
        ]
    )
    columns = ColumnTransformer(
        [
            ("bins", bins, [0]),
            ("scale", StandardScaler(), [0]),
            ("rare", rare, [1]),
            ("order", OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=-1), [1]),
        ],
        remainder="passthrough",
    )
    union = FeatureUnion([("words", TfidfVectorizer()), ("parts", TfidfVectorizer(analyzer="char_wb"))])
    for model in (
        fitted(dtype=np.float32, ngram_range=(1, 2), sublinear_tf=True, stop_words=["of"]),
        Pipeline([("columns", columns), ("lr", LogisticRegression(random_state=0, class_weight="balanced"))]).fit(
            table, codes
        ),
        Pipeline([("union", union), ("lr", LogisticRegression(class_weight={5432: 2.0, 2231: 1.0}))]).fit(TEXTS, CODES),
    ):
        for packing in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
            assert skops_files.read(skops_io.dumps(model, compression=packing)).nodes > 10


def test_every_parameter_of_the_installed_scikit_learn_is_on_the_list() -> None:
    """A new version of scikit-learn adds some: then they are to be looked at, and named."""
    for type_, rules in estimators.ALLOWED.items():
        module = __import__(type_.module, fromlist=[type_.name])
        names = set(getattr(module, type_.name)._get_param_names())
        assert names <= rules.keys(), f"{type_}: {names - rules.keys()}"


def test_a_packaged_folder_passes_with_one_verdict_for_each_part(packaged: Path) -> None:
    verdicts = model_files.inspect(packaged)

    assert all_passed(verdicts)
    assert [verdict.subject for verdict in verdicts] == ["the folder", "MLmodel", "towpath.json", "model.skops"]
    assert {verdict.gate for verdict in verdicts} == {"model-format"}
    assert "TfidfVectorizer" in verdicts[3].got


def test_the_digest_of_the_files_read_is_the_folders(packaged: Path) -> None:
    assert model_files.digest(model_files.read(packaged)) == dir_hash(packaged)


@pytest.mark.slow
def test_mlflow_loads_the_folder_and_shows_signature_and_example(packaged: Path) -> None:
    import mlflow
    import pandas as pd

    model = mlflow.pyfunc.load_model(str(packaged))

    assert model.predict(pd.DataFrame({"text": ["cook in a kitchen"]})).tolist() == ["5434"]
    assert model.metadata.signature.inputs.input_names() == ["text"]
    assert model.input_example[0] == {"text": "cook in a kitchen"}


# The archive ---------------------------------------------------------------------------------------------------------


def test_a_pickle_by_another_name_is_refused() -> None:
    for protocol in range(6):
        assert reason(pickle.dumps({"a": 1}, protocol)) == (
            "the file is no zip archive from its first byte on, expected a skops file"
        )


@pytest.mark.parametrize("content", [b"", b"PK", b"PK\x03\x04", b"PK\x05\x06" + bytes(18)])
def test_an_empty_or_cut_file_is_refused(content: bytes) -> None:
    assert "zip archive" in reason(content)


def test_a_cut_archive_is_refused() -> None:
    assert reason(skops_io.dumps(fitted())[:-40]) == "the file is a broken zip archive, expected a skops file"


def test_bytes_before_the_archive_are_refused() -> None:
    good = skops_io.dumps(fitted())
    assert "no zip archive from its first byte on" in reason(b"#!/bin/sh\n" + good)
    assert "laid out in an unusual way" in reason(good[:60] + good)


def test_bytes_behind_the_archive_are_refused() -> None:
    good = skops_io.dumps(fitted())
    assert "followed or preceded by something else" in reason(good + b"x" * 30)


def test_a_gap_between_members_is_refused() -> None:
    good = skops_io.dumps(fitted())
    at = good.index(b"PK\x03\x04", 10)
    end = good.rindex(b"PK\x05\x06")
    directory = struct.unpack_from("<I", good, end + 16)[0]
    moved = bytearray(good[:at] + b"hidden!!" + good[at:])
    with zipfile.ZipFile(io.BytesIO(good)) as opened:
        later = [entry for entry in opened.infolist() if entry.header_offset >= at]
        position = directory + 8
        for entry in opened.infolist():
            if entry in later:
                struct.pack_into("<I", moved, position + 42, entry.header_offset + 8)
            position += 46 + len(entry.filename)
    struct.pack_into("<I", moved, end + 8 + 16, directory + 8)

    with zipfile.ZipFile(io.BytesIO(bytes(moved))) as opened:
        assert opened.testzip() is None, "other readers take it"
    assert "laid out in an unusual way" in reason(bytes(moved))


def test_two_schemas_are_refused() -> None:
    """A scanner that reads the first would see another model than a loader that reads the last."""
    out = io.BytesIO(skops_io.dumps(fitted()))
    with zipfile.ZipFile(out, "a") as archive, pytest.warns(UserWarning, match="Duplicate name"):
        archive.writestr("schema.json", "{}")
    assert "two members of one name" in reason(out.getvalue())


@pytest.mark.parametrize("name", ["../../x.npy", "/etc/x.npy", "a.npy", "1.pkl", "1.npz", "sub/1.npy", "1.npy\n"])
def test_a_member_of_another_name_is_refused(name: str) -> None:
    bad = repacked(skops_io.dumps(fitted()), lambda members: members.update({name: b"x"}))
    assert "a member's name is" in reason(bad)


def test_a_member_that_nobody_mentions_is_refused() -> None:
    bad = repacked(skops_io.dumps(fitted()), lambda members: members.update({"99.npy": b"x"}))
    assert "members that the schema does not mention" in reason(bad)


def test_a_zip_bomb_is_refused_before_it_is_unpacked() -> None:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("1.npy", bytes(100 << 20))
        archive.writestr("schema.json", "{}")
    assert "that unpack to 104857600" in reason(out.getvalue())


def test_a_bomb_costs_no_memory_to_refuse() -> None:
    """A megabyte that unpacks to a gigabyte; skops takes seconds and two gigabytes to list it."""
    packer, zeros = zlib.compressobj(1, wbits=-15), bytes(16 << 20)
    packed = b"".join(packer.compress(zeros) for _ in range(64)) + packer.flush()
    size, name = 1 << 30, b"1.npy"
    head = struct.pack("<HHHHHIIIHH", 20, 0, 8, 0, 33, 0, len(packed), size, len(name), 0)
    local = b"PK\x03\x04" + head + name + packed
    entry = b"PK\x01\x02" + struct.pack("<H", 20) + head + struct.pack("<HHHII", 0, 0, 0, 0, 0) + name
    bomb = local + entry + b"PK\x05\x06" + struct.pack("<HHHHIIH", 0, 0, 1, 1, len(entry), len(local), 0)
    tracemalloc.start()
    try:
        told = reason(bomb)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert "bytes that unpack to 1073741824" in told
    assert peak < 4 << 20


def test_many_members_that_are_too_large_together_are_refused() -> None:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for number in range(20):
            archive.writestr(f"{number}.npy", bytes(100_000))
        archive.writestr("schema.json", "{}")
    assert "too large when unpacked" in reason(out.getvalue(), Limits(total=1 << 20))
    assert "21 members, expected at most 5" in reason(out.getvalue(), Limits(members=5))


def test_unusual_packing_is_refused() -> None:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_LZMA) as archive:
        archive.writestr("schema.json", "{}")
    assert "packed in an unusual way" in reason(out.getvalue())


# The schema ----------------------------------------------------------------------------------------------------------


def replaced(text: bytes) -> bytes:
    return repacked(skops_io.dumps(fitted()), lambda members: members.update({"schema.json": text}))


def test_a_schema_that_is_no_strict_json_is_refused() -> None:
    assert "a key stands twice" in reason(replaced(b'{"protocol": 2, "protocol": 0}'))
    assert "NaN is not a number" in reason(replaced(b'{"protocol": NaN}'))
    assert "no object" in reason(replaced(b"[]"))
    assert "too large" in reason(replaced(b"{}" + b" " * 100), Limits(schema=50))


def test_nesting_is_refused() -> None:
    assert "nested too deeply" in reason(replaced(b'{"a":' * 100_000 + b"1" + b"}" * 100_000))
    deep: dict[str, Any] = plain(1)
    for level in range(80):
        deep = node("ListNode", "builtins", "list", 10**6 + level, content=[deep])
    bad = with_schema(lambda schema: attributes(schema, "Pipeline").update(transform_input=deep))
    assert "nested too deeply" in reason(bad)


def test_three_hundred_lists_in_one_another_are_refused() -> None:
    """skops ends with a RecursionError."""
    model = fitted()
    deep: list[Any] = []
    for _ in range(300):
        deep = [deep]
    model.named_steps["words"].stop_words = deep
    with pytest.raises(RecursionError, match="recursion"):
        skops_io.dumps(model)
    nest: dict[str, Any] = plain(1)
    for level in range(300):
        nest = node("ListNode", "builtins", "list", 10**6 + level, content=[nest])
    bad = with_schema(lambda schema: attributes(schema, "TfidfVectorizer").update(stop_words=nest))
    assert reason(bad) == "schema.json is nested too deeply or too large, expected at most 60 levels"


@pytest.mark.parametrize("protocol", [0, 1, 3, True, "2", None])
def test_another_protocol_is_refused(protocol: Any) -> None:
    """Older ones reach older loading code."""
    assert "protocol is" in reason(with_schema(lambda schema: schema.update(protocol=protocol)))


@pytest.mark.parametrize(
    "loader",
    [
        "OperatorFuncNode", "MethodNode", "PartialNode", "FunctionNode", "ConstructorFromReduceNode", "CachedNode",
        "TreeNode", "LossNode", "RandomGeneratorNode", "SparseMatrixNode", "BytesNode", "DefaultDictNode", "EvilNode",
    ],
)  # fmt: skip
def test_a_node_of_another_kind_is_refused(loader: str) -> None:
    bad = with_schema(
        lambda schema: attributes(schema, "Pipeline").update(memory=node(loader, "os", "system", content=plain(1)))
    )
    assert f"a node is a {loader} (os.system)" in reason(bad)


def test_a_loader_that_is_no_name_is_refused() -> None:
    bad = with_schema(lambda schema: attributes(schema, "Pipeline").update(memory={"__loader__": {}, "__class__": []}))
    assert "a node is without loader, module and class" in reason(bad)


@pytest.mark.parametrize(
    ("loader", "module", "class_", "fields"),
    [
        ("TypeNode", "os", "system", {}),
        ("TypeNode", "builtins", "eval", {}),
        ("TypeNode", "builtins", "map", {}),
        ("ObjectNode", "subprocess", "Popen", {"content": plain(1)}),
        ("ObjectNode", "sklearn.pipeline.Pipeline", "x", {"content": plain(1)}),
        ("ObjectNode", "sklearn", "pipeline.Pipeline", {"content": plain(1)}),
        ("ObjectNode", "evil.pipeline", "Pipeline", {"content": plain(1)}),
        ("ObjectNode", "sklearn.linear_model", "LogisticRegression", {"content": plain(1)}),
        ("NdArrayNode", "numpy", "memmap", {"type": "numpy", "file": "1.npy"}),
        ("NdArrayNode", "os", "ndarray", {"type": "numpy", "file": "1.npy"}),
    ],
)
def test_a_type_that_is_not_on_the_list_is_refused(loader: str, module: str, class_: str, fields: Any) -> None:
    bad = with_schema(
        lambda schema: attributes(schema, "Pipeline").update(memory=node(loader, module, class_, **fields))
    )
    assert reason(bad) == f"a type is {module}.{class_}, expected a type on the platform's list"


def test_a_module_that_is_not_on_the_list_is_not_even_imported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "booby.py").write_text("raise SystemExit('it ran')")
    monkeypatch.syspath_prepend(tmp_path)
    bad = with_schema(
        lambda schema: attributes(schema, "Pipeline").update(
            memory=node("ObjectNode", "booby", "Trap", content=plain(1))
        )
    )
    assert reason(bad) == "a type is booby.Trap, expected a type on the platform's list"
    assert "booby" not in sys.modules


@pytest.mark.parametrize(
    ("loader", "fields", "what"),
    [
        ("ListNode", {"content": []}, "a list"),
        ("TupleNode", {"content": []}, "a tuple"),
        ("DictNode", {"content": {}, "key_types": plain(1)}, "a dictionary"),
        ("SliceNode", {"content": {}}, "a slice"),
        ("JsonNode", {"content": "1", "is_json": True}, "a plain value"),
        ("DTypeNode", {"content": plain(1)}, "a column type"),
    ],
)
def test_a_container_of_another_type_is_refused(loader: str, fields: Any, what: str) -> None:
    bad = with_schema(
        lambda schema: attributes(schema, "Pipeline").update(memory=node(loader, "subprocess", "Popen", **fields))
    )
    assert f"{what} is a subprocess.Popen" in reason(bad)


@pytest.mark.parametrize("content", ["[1]", '{"a": 1}', 1, "1" * 5000, '"' + "x" * (2 << 20) + '"'])
def test_a_plain_value_is_plain(content: Any) -> None:
    odd = node("JsonNode", "builtins", "str", content=content, is_json=True)
    bad = with_schema(lambda schema: attributes(schema, "Pipeline").update(memory=odd))
    assert "a plain value is" in reason(bad) or "malformed (ValueError)" in reason(bad)


def test_one_id_for_two_objects_is_refused() -> None:
    """skops gives the second the content of the first, so a reader without memory would see another model."""

    def same_id(schema: Any) -> None:
        found = attributes(schema, "TfidfVectorizer")
        found["lowercase"]["__id__"] = found["input"]["__id__"]

    assert "used for two different objects" in reason(with_schema(same_id))


def test_fields_that_skops_does_not_write_are_refused() -> None:
    bad = with_schema(lambda schema: attributes(schema, "Pipeline")["memory"].update(extra=1))
    assert "a JsonNode is an object with content, extra, is_json" in reason(bad)


def test_a_dictionary_whose_keys_have_no_types_is_refused() -> None:
    """skops drops the entries that have none."""
    bad = with_schema(lambda schema: schema["content"]["key_types"]["content"].pop())
    assert "without a type for each key" in reason(bad)


# Arrays --------------------------------------------------------------------------------------------------------------


def with_array(change: Callable[[bytes], bytes]) -> bytes:
    """A good model with another first array."""

    def changed(members: dict[str, bytes]) -> None:
        name = next(name for name in members if name.endswith(".npy"))
        members[name] = change(members[name])

    return repacked(skops_io.dumps(fitted()), changed)


def saved(array: Any) -> bytes:
    out = io.BytesIO()
    np.save(out, array, allow_pickle=True)
    return out.getvalue()


def test_an_array_of_objects_is_refused() -> None:
    """numpy pickles them."""
    bad = with_array(lambda _: saved(np.array([os.system], dtype=object)))
    assert "an array of objects (pickle inside)" in reason(bad)


def test_an_array_of_structures_is_refused() -> None:
    bad = with_array(lambda _: saved(np.zeros(2, dtype=[("a", "O")])))
    assert "an array of objects" in reason(bad)
    bad = with_array(lambda _: saved(np.zeros(2, dtype=[("a", "f8")])))
    assert "an array of another kind" in reason(bad)


def test_an_array_that_claims_another_size_is_refused() -> None:
    bad = with_array(lambda content: content.replace(b"'shape': (", b"'shape': (9999", 1).replace(b"    \n", b"\n", 1))
    assert "as its header says" in reason(bad)


def test_a_member_that_is_no_array_is_refused() -> None:
    assert "no .npy file of version 1" in reason(with_array(lambda _: b"PK\x03\x04" + bytes(100)))


# Attributes of harmless types ----------------------------------------------------------------------------------------


def test_a_vectoriser_that_reads_file_names_is_refused() -> None:
    """No type gives it away: it would open the files that a request names."""
    bad = with_schema(lambda schema: attributes(schema, "TfidfVectorizer").update(input=plain("filename")))
    assert reason(bad) == "TfidfVectorizer's input is 'filename', expected a value on the platform's list"


def test_a_count_vectoriser_that_reads_file_names_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("baker of bread")
    (tmp_path / "b").write_text("nurse on a ward")
    files = [str(tmp_path / "a"), str(tmp_path / "b")]
    model = Pipeline([("words", CountVectorizer(input="filename")), ("lr", LogisticRegression())]).fit(files, CODES[:2])
    assert "a type is sklearn.feature_extraction.text.CountVectorizer" in reason(skops_io.dumps(model))


@pytest.mark.parametrize("pattern", ["(a+)+$", "(?u)\\b\\w\\w+\\b|x", ".*"])
def test_a_token_pattern_of_ones_own_is_refused(pattern: str) -> None:
    """(a+)+$ takes seconds for 27 characters."""
    bad = with_schema(lambda schema: attributes(schema, "TfidfVectorizer").update(token_pattern=plain(pattern)))
    assert f"TfidfVectorizer's token_pattern is {pattern!r}" in reason(bad)


@pytest.mark.parametrize("name", ["predict", "transform", "build_analyzer", "__class__", "steps_x"])
def test_an_attribute_that_is_not_on_the_list_is_refused(name: str) -> None:
    """An instance attribute hides the method of its name."""

    def hide(schema: Any) -> None:
        found = attributes(schema, "Pipeline")
        found[name] = plain(1)
        schema["content"]["key_types"]["content"].append(schema["content"]["key_types"]["content"][0])

    assert f"Pipeline's attribute is called {name!r}" in reason(with_schema(hide))


def test_a_function_in_the_place_of_a_method_is_refused() -> None:
    """No type gives it away: `model.predict` would be numpy's."""
    model = fitted()
    model.predict = np.negative
    assert "FunctionNode (numpy.negative)" in reason(skops_io.dumps(model))


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("ngram_range", 5),
        ("encoding", "unicode_escape"),
        ("analyzer", "lines"),
        ("preprocessor", "x"),
        ("tokenizer", 1),
    ],
)
def test_a_parameter_with_another_value_is_refused(name: str, value: Any) -> None:
    bad = with_schema(lambda schema: attributes(schema, "TfidfVectorizer").update({name: plain(value)}))
    assert f"TfidfVectorizer's {name} is" in reason(bad)


def test_a_type_in_the_place_of_a_function_is_refused() -> None:
    model = Pipeline([("f", FunctionTransformer()), ("lr", LogisticRegression())]).fit([[1.0], [2.0]], CODES[:2])
    bad = with_schema(
        lambda schema: attributes(schema, "FunctionTransformer").update(func=node("TypeNode", "builtins", "str")),
        skops_io.dumps(model),
    )
    assert "FunctionTransformer's func is builtins.str" in reason(bad)


def test_a_function_is_refused() -> None:
    model = Pipeline([("f", FunctionTransformer(np.log1p)), ("lr", LogisticRegression())])
    assert "FunctionNode (numpy.log1p)" in reason(skops_io.dumps(model.fit([[1.0], [2.0]], CODES[:2])))


def test_trees_are_refused() -> None:
    """scikit-learn follows their indices without looking."""
    model = DecisionTreeClassifier().fit([[1.0], [2.0]], CODES[:2])
    assert "Tree" in reason(skops_io.dumps(model))


def test_a_tree_whose_nodes_look_at_a_column_that_is_not_there_is_refused() -> None:
    """skops loads it, and scikit-learn crashes the process."""
    model = DecisionTreeClassifier().fit([[1.0], [2.0]], CODES[:2])
    state = model.tree_.__getstate__()
    state["nodes"]["feature"][0] = 2_000_000_000
    model.tree_.__setstate__(state)
    assert reason(skops_io.dumps(model)) == (
        "a type is sklearn.tree._classes.DecisionTreeClassifier, expected a type on the platform's list"
    )


def test_a_random_state_is_refused() -> None:
    model = fitted()
    model.named_steps["lr"].random_state = np.random.RandomState(0)
    assert "RandomStateNode" in reason(skops_io.dumps(model))


# The folder ----------------------------------------------------------------------------------------------------------


@pytest.fixture
def folder(packaged: Path, tmp_path: Path) -> Path:
    """A packaged model that may be changed."""
    return Path(shutil.copytree(packaged, tmp_path / "package"))


def refusals(folder: Path) -> list[str]:
    return [verdict.reason for verdict in model_files.inspect(folder) if not verdict.passed]


def test_an_unknown_file_is_refused(folder: Path) -> None:
    (folder / "model.pkl").write_bytes(pickle.dumps(1))
    assert refusals(folder)[0].startswith("the folder is with 'model.pkl' in it, expected known files only: MLmodel")
    with pytest.raises(Refused, match=r"model\.pkl"):
        model_files.read(folder)


def pickled(protocol: int) -> bytes:
    """It would run a command."""

    class Trap:
        def __reduce__(self) -> Any:
            return os.system, ("touch it_ran",)

    return pickle.dumps(Trap(), protocol)


def zipped(name: str, content: bytes) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        archive.writestr(name, content)
    return out.getvalue()


PACKED: dict[str, Callable[[bytes], bytes]] = {
    "as it is": lambda content: content,
    "zlib": zlib.compress,
    "gzip": gzip.compress,
    "bz2": bz2.compress,
    "lzma": lzma.compress,
    "zip": lambda content: zipped("data.pkl", content),
    "npz": lambda content: zipped("1.npy", content),
    "array": lambda _: saved(np.array([os.system], dtype=object)),
}


@pytest.mark.parametrize("packed", PACKED)
@pytest.mark.parametrize("protocol", [0, 2, 5])
def test_a_pickle_in_the_model_s_place_is_refused(folder: Path, packed: str, protocol: int) -> None:
    (folder / "model.skops").write_bytes(PACKED[packed](pickled(protocol)))
    told = refusals(folder)
    assert told in (
        ["the file is no zip archive from its first byte on, expected a skops file"],
        ["a member's name is 'data.pkl', expected a number and .npy, or schema.json"],
        ["the archive is without a schema.json, expected a skops file"],
    )


@pytest.mark.parametrize("packed", PACKED)
@pytest.mark.parametrize(
    "name", ["input_example.json", "expected.json", "requirements.txt", "python_env.yaml", "MODEL_CARD.md"]
)
def test_a_pickle_in_the_place_of_a_text_is_refused(folder: Path, name: str, packed: str) -> None:
    (folder / name).write_bytes(PACKED[packed](pickled(4)))
    (told,) = refusals(folder)
    assert told in (
        f"{name} is no text, expected UTF-8 text",
        f"{name} is text with control characters, expected plain text",
    )


@pytest.mark.parametrize(
    "suffix", ["pkl", "pickle", "joblib", "npz", "npy", "onnx", "pt", "bin", "h5", "gz", "py", "so"]
)
def test_a_file_of_any_other_kind_is_refused(folder: Path, suffix: str) -> None:
    (folder / f"model.{suffix}").write_bytes(pickled(2))
    assert f"with 'model.{suffix}' in it" in refusals(folder)[0]


def test_texts_in_any_language_and_with_any_line_ends_pass(folder: Path) -> None:
    (folder / "nomenclature.csv").write_bytes("\ufeffcode,title\r\n1,Bäcker 面包师\tf\n".encode())
    assert refusals(folder) == []


def test_a_folder_inside_is_refused(folder: Path) -> None:
    (folder / "code").mkdir()
    assert "with 'code' in it" in refusals(folder)[0]


def test_a_link_is_refused(folder: Path, tmp_path: Path) -> None:
    (folder / "MODEL_CARD.md").unlink()
    (tmp_path / "elsewhere").write_text("x")
    (folder / "MODEL_CARD.md").symlink_to(tmp_path / "elsewhere")
    assert refusals(folder) == ["MODEL_CARD.md is a link, expected a plain file"]


def test_a_pipe_is_refused_and_nobody_waits_for_it(folder: Path) -> None:
    (folder / "MODEL_CARD.md").unlink()
    os.mkfifo(folder / "MODEL_CARD.md")
    assert refusals(folder) == ["MODEL_CARD.md is no plain file, expected a plain file"]


def test_a_file_that_is_too_large_is_refused(folder: Path) -> None:
    with (folder / "MLmodel").open("r+b") as stream:
        stream.truncate((1 << 20) + 1)
    assert refusals(folder) == ["MLmodel is more than 1048576 bytes, expected at most 1048576"]


@pytest.mark.parametrize("name", ["MLmodel", "towpath.json", "model.skops"])
def test_a_missing_part_is_refused(folder: Path, name: str) -> None:
    (folder / name).unlink()
    assert f"the folder is without {name}" in refusals(folder)[0]


def change_mlmodel(folder: Path, change: Callable[[Any], None]) -> None:
    content = json.loads((folder / "MLmodel").read_text())
    change(content)
    (folder / "MLmodel").write_text(json.dumps(content))


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (lambda c: c["flavors"]["python_function"].update(loader_module="evil"), "loader_module is 'evil'"),
        (lambda c: c["flavors"]["python_function"].update(model_path="../x.skops"), "model_path is '../x.skops'"),
        (lambda c: c["flavors"]["python_function"].update(model_path="/x.skops"), "model_path is '/x.skops'"),
        (lambda c: c["flavors"]["python_function"].update(code="code"), "python_function is with code"),
        (lambda c: c["flavors"]["python_function"].update(env="conda.yaml"), "python_function is with env"),
        (lambda c: c["flavors"]["sklearn"].update(code="code"), "sklearn is with code"),
        (lambda c: c["flavors"]["sklearn"].update(serialization_format="pickle"), "serialization_format is 'pickle'"),
        (lambda c: c["flavors"]["sklearn"].update(pickled_model="model.pkl"), "pickled_model is 'model.pkl'"),
        (lambda c: c["flavors"]["sklearn"].update(skops_trusted_types=["os.system"]), "skops_trusted_types is"),
        (lambda c: c["flavors"].update(pytorch={}), "MLmodel's flavors is with pytorch"),
        (lambda c: c["flavors"].update({"<<": {}}), "MLmodel's flavors is with <<"),
        (lambda c: c.update(metadata={}), "MLmodel is with metadata"),
        (lambda c: c["saved_input_example_info"].update(artifact_path="/etc/passwd"), "artifact_path is '/etc/passwd'"),
    ],
)
def test_an_mlmodel_that_names_anything_else_is_refused(folder: Path, change: Callable[[Any], None], told: str) -> None:
    change_mlmodel(folder, change)
    assert told in refusals(folder)[0]


@pytest.mark.parametrize(
    "text",
    [
        "flavors: !!python/object/apply:os.system [id]",
        "a: &a [x, x]\nb: &b [*a, *a]\nc: &c [*b, *b]\nd: [*c, *c]",
        '{"flavors": {"sklearn": {}, "sklearn": {}}}',
        "flavors:\n  sklearn: {}\n  sklearn: {code: code}\n",
    ],
    ids=["a tag", "an anchor bomb", "two flavours of one name", "two flavours of one name in YAML"],
)
def test_what_readers_of_yaml_do_with_an_mlmodel_is_never_tried(folder: Path, text: str) -> None:
    (folder / "MLmodel").write_text(text)
    (told,) = refusals(folder)
    assert re.fullmatch(r"MLmodel is no strict JSON \(\w+\), expected JSON with each key once", told)


@pytest.mark.parametrize("text", ["flavors:\n  sklearn: {}\n", '{"flavors": 1, "flavors": 2}', "", "[" * 5000, "\xff"])
def test_an_mlmodel_that_is_no_strict_json_is_refused(folder: Path, text: str) -> None:
    """Another reader of YAML could see something else in it."""
    (folder / "MLmodel").write_bytes(text.encode("latin-1"))
    assert "MLmodel is no strict JSON" in refusals(folder)[0]


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (lambda c: c.update(schema=2), "expected an object with schema 1"),
        (lambda c: c.update(inputs=[]), "inputs need a type"),
        (lambda c: c.update(inputs=["text"]), "is not a manifest"),
        (lambda c: c.update(top="all"), "no whole numbers above 0"),
        (lambda c: c.update(name=1), "no texts"),
        (lambda c: c["threshold"].update(score="margin"), "threshold.score is 'margin', expected 'p1'"),
        (lambda c: c["inputs"][0].update(max_length=10**9), "max_length is too large"),
        (lambda c: c.update(inputs=c["inputs"] * 2), "not named each by one name"),
    ],
)
def test_a_manifest_that_says_something_else_is_refused(folder: Path, change: Any, told: str) -> None:
    content = json.loads((folder / "towpath.json").read_text())
    change(content)
    (folder / "towpath.json").write_text(json.dumps(content))
    assert told in refusals(folder)[0]


def test_one_refusal_does_not_hide_another(folder: Path) -> None:
    (folder / "MLmodel").write_text("x: y")
    (folder / "model.skops").write_bytes(pickle.dumps(1))
    assert len(refusals(folder)) == 2


# Fewer types ---------------------------------------------------------------------------------------------------------


def test_a_type_that_the_policy_takes_away_is_refused(folder: Path) -> None:
    fewer = estimators.PLATFORM.without(["sklearn.feature_extraction.text.TfidfVectorizer"])
    (told,) = [verdict.reason for verdict in model_files.inspect(folder, fewer) if not verdict.passed]
    assert told == ("a type is sklearn.feature_extraction.text.TfidfVectorizer, expected a type that the policy allows")
    assert model_files.examine(model_files.read(folder), fewer)[1] is None


def test_a_list_that_nobody_has_reviewed_lets_nothing_through(folder: Path) -> None:
    doubted = estimators.Types(frozenset(), "another than the one that was reviewed")
    (told,) = [verdict.reason for verdict in model_files.inspect(folder, doubted) if not verdict.passed]
    assert told == (
        "the list of types is another than the one that was reviewed, expected one that somebody has reviewed"
    )


def test_the_digest_of_the_list_changes_with_types_attributes_and_rules(monkeypatch: pytest.MonkeyPatch) -> None:
    first = estimators.PLATFORM.digest
    (type_, rules), *_ = estimators.ALLOWED.items()
    name, *_ = rules
    for changed in ({**rules, "extra": estimators.flag}, {**rules, name: estimators.one_of("x")}):
        monkeypatch.setitem(estimators.ALLOWED, type_, changed)
        assert estimators.PLATFORM.digest != first
    monkeypatch.setitem(estimators.ALLOWED, type_, rules)
    assert estimators.PLATFORM.digest == first
    assert estimators.PLATFORM.without([str(type_)]).digest != first


def test_every_rule_of_the_list_is_told_by_what_it_holds() -> None:
    """Two rules of one name would let the digest stand while the list changes."""
    said: dict[str, set[Any]] = {}
    for rules in estimators.ALLOWED.values():
        for rule in rules.values():
            code = rule.holds.__code__.co_code, rule.holds.__qualname__
            said.setdefault(rule.says, set()).add(code)
    assert {says for says, codes in said.items() if len(codes) > 1} == set()
