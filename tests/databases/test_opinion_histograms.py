"""Distributions of votes from mean and deviation."""

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner
from scipy.optimize import minimize

from tfiqa.cli.data.histograms import histograms
from tfiqa.databases.manifest import Manifest, read_manifest, write_manifest
from tfiqa.databases.opinion_histograms import most_even, with_histograms
from tfiqa.errors import InvalidInput, ManifestError
from tfiqa.models.baselines.nima import BINS
from tfiqa.score_scale import ScoreScale

SCORES = np.linspace(1, 10, 10)


def moments(shares, scores):
    mean = shares @ scores
    return mean, np.sqrt(np.maximum(shares @ scores**2 - mean**2, 0))


def test_mean_and_deviation_are_kept():
    rng = np.random.default_rng(0)
    means = rng.uniform(15, 85, 300)
    deviations = rng.uniform(6, 20, 300)
    shares, moved = most_even(means, deviations, 0, 100)
    assert (moved, shares.shape) == (0, (300, 10))
    assert (shares >= 0).all()
    np.testing.assert_allclose(shares.sum(axis=1), 1)
    got = moments(shares, np.linspace(0, 100, 10))
    np.testing.assert_allclose(got, [means, deviations], rtol=1e-5)


@pytest.mark.parametrize(("mean", "deviation"), [(4.2, 1.4), (7.7, 0.9), (5.5, 3.5)])
def test_no_distribution_of_these_moments_has_more_entropy(mean, deviation):
    (shares,), _ = most_even([mean], [deviation], 1, 10)

    def negative_entropy(p):
        return np.sum(p * np.log(np.maximum(p, 1e-300)))

    constraints = [
        {"type": "eq", "fun": lambda p: p.sum() - 1},
        {"type": "eq", "fun": lambda p: p @ SCORES - mean},
        {"type": "eq", "fun": lambda p: p @ (SCORES - mean) ** 2 - deviation**2},
    ]
    best = minimize(negative_entropy, np.full(10, 0.1), bounds=[(0, 1)] * 10, constraints=constraints, tol=1e-10)
    np.testing.assert_allclose(shares, best.x, atol=2e-3)
    assert negative_entropy(shares) <= best.fun + 1e-6


def test_deviations_that_ten_bins_do_not_have_are_moved_and_counted():
    shares, moved = most_even([3.5, 3.5, 1.5, 1.0], [0.1, 1.0, 5.0, 0.0], 1, 10)
    assert moved == 3
    mean, deviation = moments(shares, SCORES)
    np.testing.assert_allclose(mean, [3.5, 3.5, 1.5, 1.02], atol=1e-4)
    np.testing.assert_allclose(deviation[:3], [0.5, 1.0, np.sqrt(0.5 * 8.5)], atol=0.03)


@pytest.fixture
def manifest(tmp_path):
    table = pd.DataFrame({"image": ["a.png", "b.png"], "score": [3.0, 60.0], "score_std": [9.0, 12.0]})
    made = Manifest(table, tmp_path / "m.csv", ScoreScale(0.0, 100.0, True, "MOS"))
    write_manifest(made, made.path)
    return made


def test_bins_go_over_the_manifests_scale(manifest):
    changed, moved = with_histograms(manifest)
    assert moved == 0
    mean, _ = moments(changed.table[list(BINS)].to_numpy(), np.linspace(0, 100, 10))
    np.testing.assert_allclose(mean, [3, 60], rtol=1e-5)


def test_the_command(manifest, tmp_path):
    arguments = [str(manifest.path), "--output", str(tmp_path / "o.csv"), "--range", "0", "400"]
    told = CliRunner().invoke(histograms, arguments, catch_exceptions=False)
    assert told.exit_code == 0
    assert "2 distributions, bins from 0 to 400" in told.stderr
    assert "warning: 2 deviations" in told.stderr
    read = read_manifest(tmp_path / "o.csv", required=BINS)
    np.testing.assert_allclose(read.table[list(BINS)].sum(axis=1), 1)
    assert read.scale.high == 400


def test_what_cannot_be_made(manifest):
    with pytest.raises(ManifestError, match="score_std is missing in some rows"):
        with_histograms(Manifest(manifest.table.assign(score_std=[1, np.nan]), None, manifest.scale))
    with pytest.raises(ManifestError, match="from 0 to 100"):
        with_histograms(Manifest(manifest.table.assign(score=[1.0, 101.0]), None, manifest.scale))
    with pytest.raises(ManifestError, match="'bin_3' already"):
        with_histograms(Manifest(manifest.table.assign(bin_3=1), None, manifest.scale))
    with pytest.raises(InvalidInput, match="no bounds"):
        with_histograms(Manifest(manifest.table, None, ScoreScale(None, None, True, "MOS")))
