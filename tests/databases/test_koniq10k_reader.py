import os

import numpy as np
import pandas as pd
import pytest

from tfiqa.databases import prepare
from tfiqa.databases.koniq10k import KonIQ10k
from tfiqa.databases.reader import FolderIndex
from tfiqa.errors import DatabaseLayoutError, ManifestError
from tfiqa.score_scale import ScoreScale

SCORES = "koniq10k_scores_and_distributions.csv"
SETS = "koniq10k_distributions_sets.csv"
SCORE_ROWS = """image_name,c1,c2,c3,c4,c5,c_total,MOS,SD,MOS_zscore
1.jpg,0,0,1,1,0,2,3.5,0.707,70.5
2.jpg,1,0,0,0,3,4,4.0,2,80
3.jpg,2,2,0,0,0,4,1.5,0.577,20
"""
SET_ROWS = """image_name,c1,c2,c3,c4,c5,c_total,MOS,SD,set
2.jpg,0.25,0,0,0,0.75,4,80,2,test
1.jpg,0,0,0.5,0.5,0,2,70.5,0.707,training
3.jpg,0.5,0.5,0,0,0,4,20,0.577,validation
"""


@pytest.fixture
def root(tmp_path):
    for size in ("1024x768", "512x384"):
        (tmp_path / size).mkdir()
        for name in ("1.jpg", "2.JPG", "3.jpg"):
            (tmp_path / size / name).touch()
    return tmp_path


def read(root, **options):
    result = prepare("koniq10k", root, options)
    assert result.missing == []
    return result.manifest


def test_both_files(root):
    (root / SCORES).write_text(SCORE_ROWS)
    (root / SETS).write_text(SET_ROWS)
    manifest = read(root)
    assert manifest.scale == ScoreScale(1, 100, True, "KonIQ-10k MOS")
    assert manifest.table["image"].tolist() == [str(root / "1024x768" / name) for name in ("1.jpg", "2.JPG", "3.jpg")]
    assert manifest.table["score"].tolist() == [70.5, 80, 20]
    assert manifest.table["official_split"].tolist() == ["train", "test", "validation"]
    assert "score_std" not in manifest.table  # the released one is on the other scale


def test_five_point_scores_have_their_deviation(root):
    (root / SCORES).write_text(SCORE_ROWS)
    manifest = read(root, scores="mos_5", size="512x384")
    assert manifest.scale == ScoreScale(1, 5, True, "KonIQ-10k MOS")
    assert manifest.table["image"].iloc[0] == str(root / "512x384" / "1.jpg")
    assert manifest.table["score"].tolist() == [3.5, 4, 1.5]
    assert manifest.table["score_std"].tolist() == [0.707, 2, 0.577]
    assert "official_split" not in manifest.table


@pytest.mark.parametrize("scores", ["mos_5", "mos_100"])
def test_either_file_holds_both_scores(root, scores):
    (root / SCORES).write_text(SCORE_ROWS)
    one = read(root, scores=scores).table.set_index("image")["score"]
    (root / SCORES).unlink()
    (root / "metadata").mkdir()
    (root / "metadata" / SETS).write_text(SET_ROWS)
    other = read(root, scores=scores).table.set_index("image")["score"]
    assert one.to_dict() == pytest.approx(other.to_dict())


@pytest.mark.parametrize(
    ("file", "old", "new", "error", "told"),
    [
        (SETS, "2.jpg,0.25", "4.jpg,0.25", ManifestError, r"name different pictures \(3 and 3, in common 2\)"),
        (SETS, "80,2,test", "80.01,2,test", ManifestError, r"differ in mos_100 \(first: 2\.jpg\)"),
        (SETS, "80,2,test", "80,2.1,test", ManifestError, r"differ in SD \(first: 2\.jpg\)"),
        (SETS, "0.25,0,0,0,0.75", "0.75,0,0,0,0.25", ManifestError, r"differ in mos_5 \(first: 2\.jpg\)"),
        (SETS, "test", "testing", ManifestError, "a set is one of training, validation, test. Received: 'testing'"),
        (SETS, "0.25", "x", ManifestError, "c1 holds 'x' where a number belongs"),
        (SCORES, "4.0,2,80", "4.0,2,", ManifestError, "mos_100 holds '' where a number belongs"),
        (
            SCORES,
            "MOS_zscore",
            "z",
            DatabaseLayoutError,
            "is no label file of KonIQ-10k: looked for .*MOS_zscore; it has",
        ),
        (SETS, "set", "part", DatabaseLayoutError, "is no label file of KonIQ-10k"),
        (SETS, "3.jpg,0.5,0.5", "3.jpg,0,0", ManifestError, r"the shares c1 to c5 of '3\.jpg' do not sum to 1"),
    ],
)
def test_inconsistent_files_are_refused(root, file, old, new, error, told):
    rows = {SCORES: SCORE_ROWS, SETS: SET_ROWS}
    rows[file] = rows[file].replace(old, new)
    for name, text in rows.items():
        (root / name).write_text(text)
    with pytest.raises(error, match=told):
        prepare("koniq10k", root)


def test_another_folder_is_refused(root):
    with pytest.raises(
        DatabaseLayoutError, match=f"is not koniq10k: looked for '{SCORES}' or '{SETS}'; it holds 1024x768"
    ):
        prepare("koniq10k", root)


def test_real_labels_and_pictures(shared, tmp_path):
    labels = shared / "data" / "labels" / "KonIQ-10k"
    if not labels.is_dir():
        pytest.skip(f"KonIQ-10k's labels not at hand: {labels}")
    os.symlink(labels / SETS, tmp_path / SETS)
    os.symlink(labels / "koniq10k_scores_and_distributions_REBUILT.csv", tmp_path / SCORES)
    os.symlink(shared / "data" / "samples" / "koniq10k_samples" / "1024x768", tmp_path / "1024x768")
    table = KonIQ10k().labels(FolderIndex(tmp_path, "koniq10k"))
    assert len(table) == KonIQ10k.pictures
    assert table["official_split"].value_counts().to_dict() == {"train": 7058, "test": 2015, "validation": 1000}
    scores = table["score"].astype(float)
    assert (round(scores.min(), 3), round(scores.max(), 3)) == (3.912, 88.389)
    five = KonIQ10k(scores="mos_5").labels(FolderIndex(tmp_path, "koniq10k"))
    assert five["score"].astype(float).agg(["min", "max"]).round(3).tolist() == [1.096, 4.31]
    assert five["score_std"].astype(float).between(0.29, 1.1).all()
    # what the docstring says of the two scales
    line = np.polyval(np.polyfit(five["score"].astype(float), scores, 1), five["score"].astype(float))
    assert 5 < np.abs(line - scores).max() < 6
    assert scores.corr(five["score"].astype(float), method="spearman") == pytest.approx(0.992, abs=5e-4)
    result = prepare("koniq10k", tmp_path, verify_pictures=True)
    assert len(result.manifest) == 14
    expected = pd.read_csv(shared / "data" / "samples" / "koniq10k_samples" / "koniq_samples.csv").set_index(
        "image_name"
    )
    for row in result.manifest.table.itertuples():
        assert row.score == pytest.approx(expected["MOS"][row.image.rsplit("/", 1)[-1]])
