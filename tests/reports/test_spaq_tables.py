"""SPAQ's tables 2 and 3 and figure 4, and the paper's numbers."""

import re

import numpy as np
import pandas as pd
import pytest

from tfiqa.databases.manifest import Manifest
from tfiqa.databases.reader import FolderIndex
from tfiqa.databases.spaq import SPAQ
from tfiqa.errors import InvalidInput
from tfiqa.reports import spaq_paper
from tfiqa.reports.spaq_tables import LEVELS, attribute_srcc, rank_cameras, scene_levels
from tfiqa.score_scale import ScoreScale

MOS = ScoreScale(0, 100, True, "MOS")
RANK = ScoreScale(1, 15, False, "rank")


def manifest(scale=MOS, **columns):
    table = pd.DataFrame(columns)
    return Manifest(table.assign(image=[f"{row}.jpg" for row in range(len(table))]), None, scale)


def test_attributes_are_held_against_the_score():
    table = pd.DataFrame(
        {"score": [1, 2, 3, 4], "contrast": [1, 2, 4, 3], "sharpness": [9, None, 5, 1], "noisiness": 7}
    )
    found = attribute_srcc(table, MOS)
    assert found.index.tolist() == ["contrast", "noisiness", "sharpness"]
    assert found["srcc"].to_list() == pytest.approx([0.8, np.nan, -1], nan_ok=True)
    assert found["pictures"].to_list() == [4, 4, 3]
    assert attribute_srcc(table, RANK).loc["contrast", "srcc"] == pytest.approx(-0.8)
    assert attribute_srcc(table[["score"]], MOS).empty


def test_the_official_workbook_against_table_2(shared):
    folder = shared / "data" / "labels" / "SPAQ"
    if not folder.is_dir():
        pytest.skip(f"the official workbooks are not at hand: {folder}")
    labels = SPAQ().labels(FolderIndex(folder, "spaq"))
    found = attribute_srcc(labels, SPAQ.scale)
    assert set(found["pictures"]) == {spaq_paper.PICTURES}
    ours = found["srcc"].round(3).to_dict()
    paper = {name: human for name, (human, _) in spaq_paper.TABLE_2.items()}
    assert ours.pop("contrast") == 0.875  # .87490; the paper has .874
    assert paper.pop("contrast") == 0.874
    assert ours == paper


def cameras(scores, scene):
    return [{"phone": phone, "scene": scene, "score": score} for phone, score in scores.items()]


def test_cameras_are_counted_over_shared_scenes():
    rows = [
        *cameras({"a": 90, "b": 80, "c": 20, "d": 10}, 1),
        *cameras({"a": 90, "b": 40, "c": 50, "d": 10}, 2),
        *cameras({"a": 10, "b": 70, "c": 70, "d": 90}, 3),
        *cameras({"a": 10}, 4),  # nobody to compare with
        {"phone": None, "scene": 1, "score": 100},
    ]
    found = rank_cameras(manifest(**pd.DataFrame(rows).to_dict("list")), places=1)
    assert (found.scenes, found.left_out, found.places) == (3, 1, 1)
    assert found.table.index.tolist() == ["a", "d", "b", "c"]
    assert found.table.loc["a"].to_dict() == {"scenes": 3, "top": 2, "bottom": 1}
    assert found.table.loc["d"].to_dict() == {"scenes": 3, "top": 1, "bottom": 2}
    assert found.worst_first().index.tolist() == ["d", "a", "b", "c"]


def test_lower_scores_are_better_where_the_scale_says_so():
    rows = pd.DataFrame(cameras({"a": 1, "b": 2}, "x")).to_dict("list")
    assert rank_cameras(manifest(RANK, **rows), places=1).table.index.tolist() == ["a", "b"]
    assert rank_cameras(manifest(MOS, **rows), places=1).table.index.tolist() == ["b", "a"]


def test_equals_share_a_place_and_several_pictures_are_averaged():
    rows = [*cameras({"a": 50, "b": 50, "c": 40, "d": 0}, "x"), *cameras({"c": 80}, "x")]
    found = rank_cameras(manifest(**pd.DataFrame(rows).to_dict("list")), places=2)
    assert found.table["top"].to_dict() == {"a": 1, "b": 1, "c": 1, "d": 0}  # c: 60 on average
    assert found.table["bottom"].to_dict() == {"a": 1, "b": 1, "c": 0, "d": 1}


def test_what_cannot_be_ranked():
    with pytest.raises(InvalidInput, match="no column 'phone'"):
        rank_cameras(manifest(score=[1.0], scene=["x"]))
    rows = pd.DataFrame(cameras(dict.fromkeys("abcdefghi", 5.0), "x")).to_dict("list")
    with pytest.raises(InvalidInput, match="no scene shot by 10 cameras or more"):
        rank_cameras(manifest(**rows))


def test_scores_by_scene_and_level():
    data = manifest(
        score=[0.0, 20.0, 50.0, 100.0, 99.0],
        scene_night=[1, 1, 0.5, 0, 0],
        scene_plant=[0, 0, 0.5, 1, 0],
        scene_human=[0, 0, 0, 0, 0],
    )
    found = scene_levels(data)
    assert found.edges == (0, 20, 40, 60, 80, 100)
    assert (found.several, found.without) == (1, 1)
    assert found.table.index.tolist() == ["night", "plant"]
    assert found.table["pictures"].to_dict() == {"night": 3, "plant": 2}
    assert found.table.loc["night", list(LEVELS)].tolist() == pytest.approx([1 / 3, 1 / 3, 1 / 3, 0, 0])
    assert found.table.loc["plant", list(LEVELS)].tolist() == pytest.approx([0, 0, 0.5, 0, 0.5])
    assert found.table.loc["plant", "mean"] == 75


def test_levels_of_other_scales():
    columns = {"score": [1.0, 15.0], "scene_night": [1, 1]}
    low_is_good = scene_levels(manifest(ScoreScale(0, 20, False, "DMOS"), **columns)).table.loc["night"]
    assert (low_is_good["excellent"], low_is_good["poor"]) == (0.5, 0.5)
    unbounded = scene_levels(manifest(ScoreScale(None, None, True, "score"), **columns))
    assert unbounded.edges == pytest.approx((1, 3.8, 6.6, 9.4, 12.2, 15))
    assert unbounded.table.loc["night", "excellent"] == 0.5


def test_what_has_no_levels():
    with pytest.raises(InvalidInput, match=r"no column 'scene_\*'"):
        scene_levels(manifest(score=[1.0]))
    with pytest.raises(InvalidInput, match="no picture has a scene"):
        scene_levels(manifest(score=[1.0], scene_night=[0]))
    with pytest.raises(InvalidInput, match="all scores are 1"):
        scene_levels(manifest(ScoreScale(None, None, True, "score"), score=[1.0], scene_night=[1]))


def test_the_papers_numbers(shared):
    """Each row of numbers as it stands in the paper's text."""
    path = shared / "papers" / "spaq.txt"
    if not path.is_file():
        pytest.skip(f"the paper's text is not at hand: {path}")
    lines = [line.strip().lower() for line in path.read_text(encoding="utf-8").splitlines()]

    def assert_row(*cells):
        wanted = "\t".join(f"{cell:.3f}" if isinstance(cell, float) else str(cell) for cell in cells).lower()
        assert wanted in lines

    for name, values in spaq_paper.TABLE_2.items():
        assert_row(name, *values)
    for top, bottom in zip(spaq_paper.TABLE_3_TOP, spaq_paper.TABLE_3_BOTTOM, strict=True):
        assert_row(*top, *bottom)
    header = next(line for line in lines if line.startswith("model\tqac"))
    assert re.sub(r" \[\d+\]", "", header).split("\t")[1:] == [name.lower() for name in spaq_paper.TABLE_4]
    for place, criterion in enumerate(("srcc", "plcc")):
        assert_row(criterion, *(values[place] for values in spaq_paper.TABLE_4.values()))
        assert_row(criterion, *(values[1 + place] for values in spaq_paper.TABLE_S4.values()))
    for weight, values in spaq_paper.TABLE_5.items():
        assert_row(f"{weight:g}", f"{1 - weight:.1g}", *values)
    for place, values in spaq_paper.TABLE_6.items():
        assert_row(f"conv{place}", *values)
    assert_row("consistency across sub-groups", *spaq_paper.TABLE_S2_SUB_GROUPS)
    assert_row("consistency across subjects", *spaq_paper.TABLE_S2_SUBJECTS)
