import csv

import numpy as np
import pytest
from PIL import Image
from statistics_by_hand import aggd, aggd_mean, ggd, normalised, texture

from tfiqa.errors import InvalidInput
from tfiqa.images.matlab_resize import resize_matrix
from tfiqa.models.baselines import brisque
from tfiqa.models.baselines import natural_scene_statistics as statistics
from tfiqa.models.baselines.brisque_features import finite_features

SHIFTS = [(0, 1), (1, 0), (1, 1), (-1, 1)]


def by_hand(grey):
    numbers = []
    for _ in range(2):
        values, _ = normalised(grey, "constant")
        numbers += ggd(values.ravel())
        for shift in SHIFTS:
            x = (values * np.roll(values, shift, axis=(0, 1))).ravel()
            shape, left, right = aggd(x)
            numbers += [shape, aggd_mean(shape, left, right), np.mean(x[x < 0] ** 2), np.mean(x[x > 0] ** 2)]
        rows, columns = (resize_matrix(side, "bicubic", scale=0.5) for side in grey.shape)
        grey = rows @ grey @ columns.T
    return numbers


@pytest.mark.parametrize("shape", [(40, 56), (37, 51), (17, 26)])
def test_features_by_hand(monkeypatch, shape):
    monkeypatch.setattr(statistics, "STRIP_PIXELS", 5 * shape[1])
    image = texture(*shape)
    np.testing.assert_allclose(brisque.features(image), by_hand(image.astype(float)), rtol=1e-9, atol=1e-12)


def test_a_transposed_picture_swaps_horizontal_and_vertical():
    image = texture(61, 80, channels=(3,))
    own, transposed = brisque.features(image), brisque.features(image.swapaxes(0, 1))
    for start in (0, 18):
        swapped = np.r_[0:2, 6:10, 2:6, 10:18] + start
        np.testing.assert_allclose(transposed[start : start + 18], own[swapped], rtol=1e-9)
        assert not np.allclose(own[start + 2 : start + 6], own[start + 6 : start + 10])


def test_a_mirrored_picture_swaps_the_diagonals():
    """Up to what the border of the half picture sees."""
    image = texture(64, 80)
    own, mirrored = brisque.features(image), brisque.features(image[:, ::-1])
    for start in (0, 18):
        swapped = np.r_[0:10, 14:18, 10:14] + start
        np.testing.assert_allclose(mirrored[start : start + 18], own[swapped], rtol=1e-9)


def test_a_constant_picture_has_no_score():
    """Its border is texture with zeros around it; the products of neighbours there are on one side."""
    image = np.full((64, 64), 90, np.uint8)
    assert np.isnan(brisque.features(image)).any()
    with pytest.raises(InvalidInput, match="has too little texture for BRISQUE"):
        finite_features(image)


def test_a_black_picture():
    features = brisque.features(np.zeros((20, 20, 3), np.uint8))
    np.testing.assert_array_equal(features[[0, 1, 2, 6, 10, 14]], [0.2, 0, 0.2, 0.2, 0.2, 0.2])
    assert np.isnan(features[[3, 4, 5]]).all()


@pytest.mark.parametrize("shape", [(1, 1), (1, 5), (2, 2)])
def test_the_smallest_pictures(shape):
    assert brisque.features(texture(*shape)).shape == (36,)


def test_the_authors_values(shared):
    """Every picture by the zero rule; those without flat regions by the plain code."""
    folder = shared / "no_reference"
    rows = {row["file"]: row for row in csv.DictReader((folder / "scores.csv").open())}
    model = brisque.load(folder / "brisque_allmodel.txt")
    assert not model.scale.higher_is_better
    compared = 0
    for name, *cells in list(csv.reader((folder / "brisque_features.csv").open()))[1:]:
        if name.startswith("edge_"):
            continue
        features = brisque.features(np.asarray(Image.open(folder / name)))
        (score,) = model.predict(features[None])
        assert score == pytest.approx(float(rows[name]["brisque_zero_rule"]), abs=1e-8)
        if rows[name]["well_conditioned"] == "1":
            np.testing.assert_allclose(features, [float(cell) for cell in cells], rtol=1e-10)
            assert score == pytest.approx(float(rows[name]["brisque"]), abs=1e-8)
            compared += 1
    assert compared == 7
