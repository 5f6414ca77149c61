"""Boxes and their scores in manifests."""

import numpy as np
import pandas as pd
import pytest

from tfiqa.databases.box_rows import are_within, box_rows, has_boxes
from tfiqa.databases.manifest import Manifest, read_manifest
from tfiqa.errors import ManifestError
from tfiqa.score_scale import ScoreScale


def manifest(boxes, box_scores):
    table = pd.DataFrame({"image": "a.png", "score": 1.0, "boxes": boxes, "box_scores": box_scores})
    return Manifest(table, None, ScoreScale(0.0, 100.0, True, "MOS"))


def test_each_row_has_its_own_number_of_boxes():
    boxes, scores = box_rows(manifest(["[[0, 1, 2.5, 3], [4, 5, 6, 7]]", None, "[]"], ["[10, 20.5]", np.nan, "[]"]))
    assert [each.shape for each in boxes] == [(2, 4), (0, 4), (0, 4)]
    np.testing.assert_array_equal(boxes[0], np.array([[0, 1, 2.5, 3], [4, 5, 6, 7]], np.float32))
    assert [each.tolist() for each in scores] == [[10, 20.5], [], []]
    assert all(each.dtype == np.float32 for each in (*boxes, *scores))


@pytest.mark.parametrize(
    ("boxes", "box_scores", "message"),
    [
        ("[[0, 0, 5]]", "[1]", r"row 2: boxes is a list of \[left, top, right, bottom\]. Received: '\[\[0, 0, 5\]\]'"),
        ("0 0 5 5", "[1]", "row 2: boxes is a list"),
        ("[[0, 0, 5, NaN]]", "[1]", "row 2: boxes is a list"),
        ("[[0, 0, 5, 5], [0]]", "[1]", "row 2: boxes is a list"),
        ('{"a": 1}', "[1]", "row 2: boxes is a list"),
        ("[[0, 0, 5, 5]]", '["x"]', "row 2: box_scores is a list of numbers"),
        ("[[0, 0, 5, 5]]", "[[1]]", "row 2: box_scores is a list of numbers"),
        ("[[0, 0, 5, 5]]", "[1, 2]", "row 2: 1 boxes have 2 scores"),
        ("[[0, 0, 5, 5]]", None, "row 2: 1 boxes have 0 scores"),
        (f"[[0, 0, 5, 1{'0' * 400}]]", "[1]", "row 2: boxes is a list"),
        ("[" * 100_000, "[1]", "row 2: boxes is a list"),
        ("[[5, 0, 5, 9]]", "[1]", "row 2: a box has left below right"),
        ("[[0, 9, 5, 5]]", "[1]", "row 2: a box has left below right"),
    ],
)
def test_strange_cells_are_named(boxes, box_scores, message):
    with pytest.raises(ManifestError, match=message):
        box_rows(manifest([boxes], [box_scores]))


def test_a_missing_column_is_named():
    whole = manifest(["[[0, 0, 5, 5]]"], ["[1]"])
    assert has_boxes(whole)
    for column in ("boxes", "box_scores"):
        part = Manifest(whole.table.drop(columns=column), None, whole.scale)
        assert not has_boxes(part)
        with pytest.raises(ManifestError, match=f"'{column}' is missing"):
            box_rows(part)
    for empty in (None, "[]"):
        assert not has_boxes(manifest([empty], [empty]))
        assert has_boxes(manifest([empty, "[[0, 0, 5, 5]]"], [empty, "[1]"]))


def test_lists_in_parquet_are_boxes_too(tmp_path):
    boxes = [[[0, 1, 2.5, 3], [4, 5, 6, 7]], None, []]
    table = pd.DataFrame({"image": ["a.png", "b.png", "c.png"], "boxes": boxes, "box_scores": [[10, 20.5], None, []]})
    table.to_parquet(tmp_path / "m.parquet")
    found, scores = box_rows(read_manifest(tmp_path / "m.parquet"))
    assert [each.tolist() for each in found] == [boxes[0], [], []]
    assert [each.tolist() for each in scores] == [[10, 20.5], [], []]


def test_boxes_are_within_a_picture_up_to_its_last_pixel():
    boxes = np.array([[0, 0, 5, 5], [2, 1, 9, 6]], np.float32)
    assert are_within(boxes, height=6, width=9)
    assert are_within(boxes[:0], height=1, width=1)
    assert not are_within(boxes, height=5, width=9)
    assert not are_within(boxes, height=6, width=8)
    assert not are_within(boxes - 1, height=6, width=9)
