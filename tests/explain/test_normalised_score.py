"""Scores spread over 0..100, and their words."""

import json

import numpy as np
import pytest
from map_models import picture_model

from tfiqa.errors import InvalidInput
from tfiqa.explain.normalised_score import NORMALISATIONS, category, normalisation_of
from tfiqa.score_scale import ScoreScale


@pytest.mark.parametrize("version", NORMALISATIONS)
def test_linear_on_either_side_of_the_peak_and_cut_off(version):
    chosen = NORMALISATIONS[version]
    lowest = chosen.peak - chosen.deviations * chosen.deviation_below
    highest = chosen.peak + chosen.deviations * chosen.deviation_above
    scores = [[-1e9, lowest, (lowest + chosen.peak) / 2], [chosen.peak, highest, 1e9]]
    want = [[0, 0, chosen.peak / 2], [chosen.peak, chosen.highest, chosen.highest]]
    np.testing.assert_allclose(chosen(scores), want, atol=1e-9)


WORDS = [(0, "Bad"), (19.9, "Bad"), (20, "Poor"), (60, "Good"), (99.9, "Excellent"), (100, "Excellent")]


@pytest.mark.parametrize(("score", "word"), WORDS)
def test_words(score, word):
    assert category(score) == word


def test_only_for_flives_scale():
    assert normalisation_of(picture_model().info) is NORMALISATIONS["paq2piq"]
    assert normalisation_of(picture_model().info, "fastiqa") is NORMALISATIONS["fastiqa"]
    assert normalisation_of(picture_model(scale=ScoreScale(0, 100, True, "SPAQ MOS")).info) is None
    with pytest.raises(InvalidInput, match="Received: 'other'"):
        normalisation_of(picture_model().info, "other")


def test_the_authors_numbers(shared):
    vectors = np.load(shared / "parity" / "open" / "paq2piq_roipool" / "expected.npz")
    found = float(NORMALISATIONS["paq2piq"](vectors["paq_qmap20_global"]))
    assert found == pytest.approx(float(vectors["paq_qmap20_normalized_global"]), abs=1e-4)
    assert category(found) == str(vectors["paq_category"])
    published = json.loads((shared / "parity" / "golden_published" / "golden.json").read_text())
    picture = published["paq2piq_RoIPoolModel-fit.10.bs.120.pth"]["Picture1.jpg"]
    local = NORMALISATIONS["fastiqa"](picture["local_scores_3x5"])
    np.testing.assert_allclose(local, picture["normalized_local_scores_3x5_fastiqa_variant"], atol=1e-4)
