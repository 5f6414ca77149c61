"""Deviations by the SOS hypothesis, and weak labels in the place of scores."""

import numpy as np
import pandas as pd
import pytest

from tfiqa.databases.column_score import score_from_column
from tfiqa.databases.manifest import UNKNOWN_SCALE, Manifest, read_manifest, write_manifest
from tfiqa.databases.opinion_deviations import (
    SOURCE,
    estimated_part,
    fit_sos,
    sos_deviations,
    with_bounds,
    with_deviations,
)
from tfiqa.errors import InvalidInput, ManifestError
from tfiqa.score_scale import ScoreScale

MOS = ScoreScale(1.0, 5.0, True, "MOS")
DMOS = ScoreScale(0.0, 100.0, False, "DMOS")


def manifest(scale=MOS, **columns):
    count = len(next(iter(columns.values())))
    return Manifest(pd.DataFrame({"image": [f"{n}.png" for n in range(count)], **columns}), None, scale)


def study(a, scale=MOS, count=50, noise=0.0):
    scores = np.linspace(scale.low, scale.high, count)
    deviations = sos_deviations(scores, a, scale.low, scale.high)
    deviations = deviations * (1 + noise * np.random.default_rng(0).standard_normal(count))
    return manifest(scale, score=scores, score_std=deviations)


def test_the_parabola():
    assert sos_deviations([1, 3, 5], 0.25, 1, 5) == pytest.approx([0, 1, 0])
    x = np.linspace(1, 5, 9)
    assert sos_deviations(x, 0.3, 1, 5) ** 2 == pytest.approx(0.3 * (-(x**2) + 6 * x - 5))
    assert sos_deviations(50, 1, 0, 100) == 50  # half of the people say 0, half 100


@pytest.mark.parametrize("scale", [MOS, DMOS])
def test_the_parameter_is_found_on_any_scale(scale):
    (fit,) = fit_sos([study(0.17, scale)])
    assert (fit.a, fit.error) == (pytest.approx(0.17), pytest.approx(0, abs=1e-9))
    assert fit.constant_error > 0.03
    (rough,) = fit_sos([study(0.17, scale, noise=0.1)])
    assert rough.a == pytest.approx(0.17, rel=0.1)
    assert 0.005 < rough.error < 0.05


def test_several_studies_are_fitted_together():
    one, two, both = fit_sos([study(0.1), study(0.3, DMOS)])
    assert (one.a, two.a, both.a) == pytest.approx((0.1, 0.3, 0.2))
    assert (both.name, both.pictures) == ("all of them", 100)


def test_least_squares_is_on_the_variances():
    scores, deviations = np.array([0.2, 0.5, 0.7]), np.array([0.1, 0.3, 0.2])
    (fit,) = fit_sos([manifest(ScoreScale(0.0, 1.0, True, "x"), score=scores, score_std=deviations)])
    curve = scores * (1 - scores)
    assert fit.a == pytest.approx(np.linalg.lstsq(curve[:, None], deviations**2, rcond=None)[0][0])


def test_estimates_are_marked_and_measurements_stay(tmp_path):
    given = manifest(score=[2.0, 3.0, 4.0], score_std=[np.nan, 0.5, np.nan])
    found = with_deviations(given, 0.2)
    assert found.table["score_std"].tolist() == pytest.approx([np.sqrt(0.6), 0.5, np.sqrt(0.6)])
    estimated = "estimated by the SOS hypothesis, a = 0.2"
    assert found.table[SOURCE].tolist() == [estimated, "measured", estimated]
    assert estimated_part(found.table) == "score_std of 2 of 3 pictures is estimated, not measured"
    assert estimated_part(given.table) is None
    write_manifest(found, tmp_path / "m.csv")
    assert estimated_part(read_manifest(tmp_path / "m.csv").table) == estimated_part(found.table)


def test_estimates_are_not_fitted_on():
    estimated = with_deviations(manifest(score=[2.0, 3.0]), 0.9)
    with pytest.raises(ManifestError, match="no measured deviations"):
        fit_sos([estimated])
    measured = study(0.2).table.assign(**{SOURCE: "measured"})
    mixed = pd.concat([measured, estimated.table], ignore_index=True)
    assert fit_sos([Manifest(mixed, None, MOS)])[0].a == pytest.approx(0.2)


@pytest.mark.parametrize(
    ("columns", "scale", "a", "error", "text"),
    [
        ({"score": [2.0]}, MOS, 1.5, InvalidInput, "between 0 and 1. Received: 1.5"),
        ({"score": [2.0]}, UNKNOWN_SCALE, 0.2, InvalidInput, "has no bounds"),
        ({"score": [2.0, 7.0]}, MOS, 0.2, ManifestError, r"1 scores lie off the scale from 1 to 5 \(first: 7\)"),
        ({"score": [2.0, np.nan]}, MOS, 0.2, ManifestError, "score is missing in 1 rows"),
        ({"other": [2.0]}, MOS, 0.2, ManifestError, "column 'score' is missing"),
        ({"score": [2.0], "score_std": [0.4]}, MOS, 0.2, ManifestError, "every row has a score_std"),
        ({"score": [2.0, 3.0], "score_std": [-0.4, np.nan]}, MOS, 0.2, ManifestError, "is negative"),
    ],
)
def test_what_cannot_be_estimated(columns, scale, a, error, text):
    with pytest.raises(error, match=text):
        with_deviations(manifest(scale, **columns), a)


def test_what_cannot_be_fitted():
    with pytest.raises(ManifestError, match="column 'score_std' is missing"):
        fit_sos([manifest(score=[2.0])])
    with pytest.raises(ManifestError, match="ends of the scale"):
        fit_sos([manifest(score=[1.0, 5.0], score_std=[0.0, 0.0])])
    with pytest.raises(InvalidInput, match="has no bounds"):
        fit_sos([manifest(UNKNOWN_SCALE, score=[2.0], score_std=[0.4])])


def test_bounds_can_be_given():
    found = with_deviations(with_bounds(manifest(UNKNOWN_SCALE, score=[5.0]), 0, 10), 0.04)
    assert found.table["score_std"].tolist() == [1.0]
    assert (found.scale.low, found.scale.high) == (0, 10)


def test_weak_labels_as_scores():
    gmsd = ScoreScale(0.0, None, False, "gmsd")
    given = manifest(UNKNOWN_SCALE, gmsd=[0.3, 0.1, 0.2])
    plain = score_from_column(given, "gmsd", gmsd)
    assert (plain.table["score"].tolist(), plain.scale) == ([0.3, 0.1, 0.2], gmsd)
    even = score_from_column(given, "gmsd", gmsd, equalize=True)
    assert np.argsort(even.table["score"]).tolist() == [0, 2, 1]
    assert (even.scale.low, even.scale.high, even.scale.higher_is_better) == (0, 1, True)
    assert even.table["score"].between(0, 1).all()
    assert even.scale.unit == "gmsd, equalised"


@pytest.mark.parametrize(
    ("columns", "text"),
    [
        ({"score": [1.0], "vsi": [0.9]}, "has scores of its own"),
        ({"other": [1.0]}, "column 'vsi' is missing"),
        ({"vsi": [0.9, np.nan]}, "vsi is missing in row 3"),
        ({"vsi": ["0.9", "good"]}, "vsi is not a number in row 3"),
    ],
)
def test_columns_that_are_no_scores(columns, text):
    with pytest.raises(ManifestError, match=text):
        score_from_column(manifest(UNKNOWN_SCALE, **columns), "vsi", ScoreScale(0.0, 1.0, True, "vsi"))
