"""Columns to features and back: every type, every cell, no bit lost."""

import json

import numpy as np
import pandas as pd
import pytest
from packable_manifests import SCALE, rich_table

from tfiqa.errors import DatabaseLayoutError, ManifestError
from tfiqa.pipelines.records.columns import feature_values, table_digest, table_of
from tfiqa.pipelines.records.schema import PICTURE_FEATURES, read_schema, schema_of, write_schema
from tfiqa.score_scale import ScoreScale

COLUMNS = {
    "float64": pd.Series([0.1, np.nan, -0.0, np.inf]),
    "float32": pd.Series([0.1, np.nan, 1e-40, 3e38], dtype=np.float32),
    "nullable float": pd.Series([0.1, None, 2, 1 / 3], dtype="Float64"),
    "int64": pd.Series([0, -1, 2**63 - 1, -(2**63)]),
    "uint8": pd.Series([0, 255, 1, 2], dtype=np.uint8),
    "nullable int": pd.Series([0, None, 2**62 + 1, -1], dtype="Int64"),
    "bool": pd.Series([True, False, True, True]),
    "nullable bool": pd.Series([True, None, False, None], dtype="boolean"),
    "text": pd.Series(["", "a", "ü\n", "0"]),
    "text with gaps": pd.Series(["", np.nan, "nan", np.nan]),
    "object text": pd.Series(["", "a", np.nan, "b"], dtype=object),
    "nullable text": pd.Series(["", None, "<NA>", "b"], dtype="string"),
    "nothing but gaps": pd.Series([np.nan] * 4),
    "text, all gaps": pd.Series([None] * 4, dtype="str"),
    "odd bytes": pd.Series(["caf\udce9.jpg"] * 4, dtype=object),
}


def returned(table):
    features = schema_of(table)
    return table_of(feature_values(table, features), [feature for feature in features if feature.column])


@pytest.mark.parametrize("name", COLUMNS)
def test_a_column_comes_back_with_its_type_and_cells(name):
    table = pd.DataFrame({"x": COLUMNS[name]})
    after = returned(table)
    pd.testing.assert_frame_equal(after, table, check_exact=True)
    if table["x"].dtype == np.float64:
        assert after["x"].to_numpy().tobytes() == table["x"].to_numpy().tobytes()
    assert table_digest(after, SCALE) == table_digest(table, SCALE)


def test_a_whole_table_comes_back_in_order():
    table = rich_table()
    pd.testing.assert_frame_equal(returned(table), table, check_exact=True)


def test_numbers_are_there_for_training_and_in_full():
    table = pd.DataFrame({"score": [1 / 3, np.nan, 1e300]})
    values = feature_values(table, schema_of(table))
    assert values["score"].dtype == np.float32
    np.testing.assert_array_equal(values["score"], np.array([1 / 3, np.nan, np.inf], np.float32))
    assert np.frombuffer(values["score/exact"][0], "<f8").item() == 1 / 3


def test_a_missing_text_is_no_empty_text():
    table = pd.DataFrame({"a": ["", None], "b": ["", "x"]})
    values = feature_values(table, schema_of(table))
    assert values["a"].tolist() == [b"", b""]
    assert values["a/missing"].tolist() == [0, 1]
    assert "b/missing" not in values


@pytest.mark.parametrize(
    "change",
    [
        lambda table: table.assign(score=np.nextafter(table["score"], 9)),
        lambda table: table.iloc[::-1].reset_index(drop=True),
        lambda table: table.rename(columns={"note": "notes"}),
        lambda table: table[table.columns[::-1]],
        lambda table: table.assign(group=table["group"].fillna("")),
        lambda table: table.assign(level=table["level"] + 1),
        lambda table: table.assign(note=[*table["note"][:5], "", "\x00\U0001f4f7x"]),
        lambda table: table.iloc[:6],
    ],
)
def test_the_digest_sees_every_change(change):
    assert table_digest(change(rich_table()), SCALE) != table_digest(rich_table(), SCALE)


def test_the_digest_sees_the_scale_and_not_the_library_s_types():
    table = pd.DataFrame({"image": ["a", "b"]})
    assert table_digest(table, SCALE) != table_digest(table, ScoreScale(0, None, True, SCALE.unit))
    assert table_digest(table, SCALE) == table_digest(table.astype(object), SCALE)


@pytest.mark.parametrize(
    ("name", "cells"),
    [
        ("taken", pd.to_datetime(["2020-01-01"])),
        ("kind", pd.Categorical(["a"])),
        ("size", pd.Series([(1, 2)])),
        ("mixed", pd.Series([1], dtype=object)),
        ("large", pd.Series([2**63], dtype=np.uint64)),
        ("long", pd.Series([1], dtype=np.longdouble)),
        ("complex", pd.Series([1j])),
    ],
)
def test_what_records_cannot_hold_is_refused(name, cells):
    with pytest.raises(ManifestError, match=f"column '{name}'"):
        schema_of(pd.DataFrame({"image": ["a"], name: cells}))


@pytest.mark.parametrize("name", ["image/row", "score/exact", "group/missing", "image/path"])
def test_a_column_cannot_take_the_name_of_another_feature(name):
    table = pd.DataFrame({"image": ["a", "b"], "score": [1.0, 2.0], "group": ["a", None], name: ["c", "d"]})
    with pytest.raises(ManifestError, match=f"'{name}'"):
        schema_of(table)


def test_a_name_that_looks_like_ours_is_a_column_like_any(tmp_path):
    table = pd.DataFrame({"group": ["a", "b"], "group/missing": [1, 0]})
    pd.testing.assert_frame_equal(returned(table), table)


def test_the_schema_s_file(tmp_path):
    features = schema_of(rich_table())
    write_schema(tmp_path, features)
    assert read_schema(tmp_path) == features
    document = json.loads((tmp_path / "schema.json").read_text(encoding="utf-8"))
    entries = {entry["name"]: entry for entry in document["features"]}
    assert len(entries) == len(features) > len(PICTURE_FEATURES)
    assert entries["score"]["column_dtype"] == "float64"
    assert entries["score"]["shape"] == []
    assert set(document["kinds"]) == {entry["kind"] for entry in entries.values()}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (None, "no schema.json"),
        ("{", "damaged"),
        ("[]", "not of the format"),
        ('{"format": "tfiqa records", "version": 2}', "version 2"),
        ('{"format": "tfiqa records", "version": 1}', "damaged"),
        ('{"format": "tfiqa records", "version": 1, "features": [{"name": "x", "colour": 1}]}', "damaged"),
    ],
)
def test_other_files_are_refused_in_one_line(tmp_path, text, said):
    if text is not None:
        (tmp_path / "schema.json").write_text(text)
    with pytest.raises(DatabaseLayoutError, match=said) as caught:
        read_schema(tmp_path)
    assert "\n" not in str(caught.value)
