"""Figures of artificially distorted pictures from scores that are known."""

import numpy as np
import pandas as pd
import pytest
from fake_scorer import FakeScorer
from measure_artificial import by_measure, by_type, falls, monotonicity, of_labels, of_pristine, scored, severity, steps
from weak_label_jobs import FEW, label, pristine

from tfiqa.distortions import DISTORTIONS, LEVELS, NAMES
from tfiqa.errors import InvalidInput

JPEG, SHIFT = (DISTORTIONS[NAMES.index(name)] for name in ("jpeg", "mean_shift"))


def table_of(name, scores_of_level, contents=("a", "b")):
    """Rows of one type whose scores depend on level and content."""
    return pd.DataFrame(
        [
            {"reference": content, "distortion": name, "level": level, "score": float(scores_of_level(level, content))}
            for content in contents
            for level in LEVELS
        ]
    )


def test_severity_counts_from_the_mildest_level():
    assert [severity(JPEG, level) for level in LEVELS] == [0, 1, 2, 3, 4]
    assert [severity(SHIFT, level) for level in LEVELS] == [2, 1, 0, 1, 2]
    assert steps(JPEG) == [(1, 2), (2, 3), (3, 4), (4, 5)]
    assert sorted(steps(SHIFT)) == [(2, 1), (3, 2), (3, 4), (4, 5)]


def test_monotonicity_is_the_mean_over_contents():
    assert monotonicity(table_of("jpeg", lambda level, _: -level), JPEG) == 1
    assert monotonicity(table_of("jpeg", lambda level, content: -level if content == "a" else level), JPEG) == 0
    assert monotonicity(table_of("jpeg", lambda level, content: -level if content == "a" else 7), JPEG) == 0.5
    assert monotonicity(table_of("mean_shift", lambda level, _: -abs(level - 3)), SHIFT) == 1
    assert monotonicity(table_of("mean_shift", lambda level, _: -level), SHIFT) == 0


def test_the_mean_must_fall_strictly_at_every_step():
    assert falls(table_of("jpeg", lambda level, _: -level), "score", JPEG)
    assert not falls(table_of("jpeg", lambda level, _: -min(level, 4)), "score", JPEG)
    uneven = {"a": 10 * np.array([0, -1, -2, -3, -4]), "b": np.array([0, 1, 2, 3, 4])}  # the mean falls
    assert falls(table_of("jpeg", lambda level, content: uneven[content][level - 1]), "score", JPEG)
    assert falls(table_of("mean_shift", lambda level, _: -abs(level - 3)), "score", SHIFT)
    assert not falls(table_of("mean_shift", lambda level, _: -level), "score", SHIFT)


def test_the_tables_count_the_types_that_fall():
    table = pd.concat([table_of("jpeg", lambda level, _: -level), table_of("darken", lambda level, _: level)])
    table = table.assign(vsi=-table["level"].to_numpy(float)).reset_index(drop=True)
    lines = by_type(table, "vsi")
    assert lines[2] == "| 10 jpeg | 1.0000 | 1.0000 | 1.0000 | yes | yes |"
    assert lines[3] == "| 17 darken | -1.0000 | -1.0000 | -1.0000 | no | yes |"
    assert lines[-1].startswith("The mean score falls at every step in 1 of 2 types (vsi's in 2); mean")
    assert lines[-1].endswith(" 0.0000")
    same = table.assign(ssim=table["score"])
    assert by_measure(same, ["ssim"])[-1] == "| ssim | 1.0000 | 1.0000 |"


def test_pictures_made_and_finished_labels_give_the_same_scores(tmp_path):
    """The same pictures: the score, their mean, is computed from the lossless pictures of the records and without them."""
    scorer = FakeScorer(np.mean)
    manifest = pristine(tmp_path, 2)
    label(manifest, tmp_path / "labels", draw="all")
    read = scored(of_labels(tmp_path / "labels", None), scorer)
    made = scored(of_pristine(tmp_path / "pictures", None, None, 0, FEW), scorer)
    assert len(read) == len(made) == 2 * 25 * 5
    assert made["reference"].unique().tolist() == ["s0.png", "s1.png"]
    for name in ("distortion", "level", "seed", "score", *FEW):
        assert read[name].tolist() == made[name].tolist()
    assert read["score"].nunique() > 200
    assert len(scored(of_labels(tmp_path / "labels", 1), scorer)) == 125
    assert len(scored(of_pristine(tmp_path / "pictures", 1, (64, 48), 1, FEW), scorer)) == 125


def test_other_packed_folders_are_refused(tmp_path):
    from tfiqa.databases.manifest import read_manifest
    from tfiqa.pipelines.records.writer import pack_records

    pack_records(read_manifest(pristine(tmp_path, 1)), tmp_path / "packed")
    with pytest.raises(InvalidInput, match="holds no weak labels"):
        list(of_labels(tmp_path / "packed", None))
