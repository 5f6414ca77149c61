"""tfiqa's own model and its layers, beside plain NumPy and SciPy."""

import keras
import numpy as np
import pytest
from scipy.fft import dctn
from scipy.linalg import logm

import tfiqa
from tfiqa.errors import InvalidInput, UnknownName
from tfiqa.models.layers import ClippedStandardization, FilterBank, KernelRegression, LogCovariance, ToneHistogram
from tfiqa.models.tfiqa_small import LOWEST, RANGE, SHIFT, mixed

OPTIONS = {"components": 3, "photographs": 4, "networks": 2}


def picture(height, width, seed=0):
    return np.random.default_rng(seed).integers(0, 256, (1, height, width, 3)).astype(np.float32)


def test_the_first_filters_are_those_of_a_cosine_transform_around_every_second_pixel():
    pixels = picture(32, 40)
    luma = pixels[0] @ [0.299, 0.587, 0.114]
    cell = [np.abs(dctn(luma[y - 2 : y + 3, x - 2 : x + 3], norm="ortho")) for y in (8, 10) for x in (12, 14)]
    want = np.log(np.mean(cell, 0) + 0.7).ravel()[1:]
    np.testing.assert_allclose(np.asarray(FilterBank()(pixels))[0, 2, 3, :24], want, atol=1e-4)


def test_the_coarse_filters_see_means_of_pixels():
    pixels = picture(32, 40)
    quarter = (pixels[0] @ [0.299, 0.587, 0.114]).reshape(8, 4, 10, 4).mean((1, 3))
    want = np.log(np.abs(dctn(quarter[2:5, 4:7], norm="ortho")) + 0.7).ravel()[1:]
    np.testing.assert_allclose(np.asarray(FilterBank()(pixels))[0, 3, 5, 48:56], want, atol=1e-4)


def test_opponent_colours_and_means():
    pixels = np.broadcast_to(np.float32([200, 50, 100]), (1, 16, 16, 3))
    maps = np.asarray(FilterBank()(pixels))
    assert maps.shape == (1, 4, 4, 59)
    np.testing.assert_allclose(maps[..., :56], np.log(0.7), atol=1e-3)  # no filter answers to a flat picture
    luma = 0.299 * 200 + 0.587 * 50 + 0.114 * 100
    means = np.array([luma, 150 / np.sqrt(2), 50 / np.sqrt(6)]) / 40
    np.testing.assert_allclose(maps[..., 56:], np.broadcast_to(means, (1, 4, 4, 3)), atol=1e-4)


@pytest.mark.parametrize(("height", "width"), [(8, 8), (12, 12), (15, 19), (33, 50), (64, 47)])
def test_the_bank_takes_any_size(height, width):
    maps = FilterBank()(picture(height, width))
    assert maps.shape == (1, height // 4, width // 4, 59)
    assert FilterBank().compute_output_shape((1, height, width, 3)) == maps.shape
    assert np.isfinite(np.asarray(maps)).all()


def test_log_covariance():
    maps = np.random.default_rng(1).normal(size=(2, 6, 7, 5)) @ np.diag([1, 2, 0.5, 3, 1])
    found = np.asarray(LogCovariance()(maps.astype(np.float32)))
    assert found.shape == (2, 5 + 15) == LogCovariance().compute_output_shape(maps.shape)
    for row, each in zip(found, maps.reshape(2, 42, 5), strict=True):
        logarithm = logm(np.cov(each.T, bias=True) + 0.001 * np.eye(5))
        np.testing.assert_allclose(row, np.concatenate([each.mean(0), logarithm[np.triu_indices(5)]]), atol=1e-4)


def test_maps_that_do_not_vary_have_a_finite_logarithm():
    found = np.asarray(LogCovariance()(np.ones((1, 4, 4, 3), np.float32)))
    np.testing.assert_allclose(found[0, :3], 1)
    np.testing.assert_allclose(found[0, [3, 6, 8]], np.log(0.001), atol=1e-3)


def test_tones_are_soft_histograms():
    dark, even = np.zeros((1, 8, 8), np.float32), np.linspace(0, 255, 64, dtype=np.float32).reshape(1, 8, 8)
    dark_bins, even_bins = (np.asarray(ToneHistogram()(each))[0] ** 2 - 1e-4 for each in (dark, even))
    assert dark_bins[0] > 0.8
    np.testing.assert_allclose([dark_bins.sum(), even_bins.sum()], 1, atol=1e-5)
    assert even_bins[1:-1].max() < 1.3 * even_bins[1:-1].min()


def test_kernel_regression_against_the_formula():
    rng = np.random.default_rng(2)
    layer = KernelRegression(2, 3, 4, 0.7)
    x = rng.normal(size=(5, 6)).astype(np.float32)
    layer.build(x.shape)
    mean, deviation, weight, origin = rng.uniform(0.1, 1, (4, 6))
    projection, centres, coefficients, offset = (rng.normal(size=s) for s in ((6, 3), (4, 3), (4, 2), (2,)))
    squares = np.square(centres).sum(1)
    layer.set_weights([mean, deviation, weight, origin, projection, centres, squares, coefficients, offset])
    places = (weight * np.clip((x - mean) / deviation, -3, 3) - origin) @ projection
    apart = np.square(places[:, None] - centres[None]).sum(-1)
    np.testing.assert_allclose(layer(x), offset + np.exp(-0.7 * apart) @ coefficients, rtol=1e-4, atol=1e-5)
    assert not layer.trainable_weights


def test_standardisation_cuts_outliers():
    layer = ClippedStandardization()
    layer.build((None, 3))
    layer.set_weights([np.float32([1, 2, 3]), np.float32([1, 2, 0.5])])
    np.testing.assert_allclose(layer(np.float32([[2, 2, 1], [9, -9, 3.5]])), [[1, 0, -3], [3, -3, 1]])
    assert not layer.trainable_weights
    assert layer.compute_output_shape((None, 3)) == (None, 3)


PEOPLE = np.log([[np.e**0.5, 0.1]]).astype(np.float32)  # 0.5, and off by 0.1
PHOTOGRAPHED, DISTORTED = 60.0, -60.0


def answers(odds, *networks):
    """Of one picture: how intact and how uncertain each network says it is, and the log-odds of a photograph."""
    return np.float32([[(value, np.log(deviation), odds) for value, deviation in networks]])


def test_a_photograph_is_scored_as_people_would():
    quality, uncertainty = mixed(PEOPLE, answers(PHOTOGRAPHED, (0.2, 0.3), (0.4, 0.3)))
    np.testing.assert_allclose([quality, uncertainty], [[[50]], [[10]]], atol=1e-3)


def test_a_distorted_picture_is_scored_by_how_intact_it_is():
    quality, uncertainty = mixed(PEOPLE, answers(DISTORTED, (0.2, 0.3), (0.4, 0.1)))
    np.testing.assert_allclose(quality, [[100 * (LOWEST + RANGE * 0.3)]], atol=1e-3)
    off = (0.3**2 + 0.1**2) / 2 + 0.1**2  # their own, and .2 beside .4
    np.testing.assert_allclose(uncertainty, [[100 * RANGE * np.sqrt(off)]], atol=1e-3)


def test_doubt_lies_between_and_adds_to_the_uncertainty():
    sure = [mixed(PEOPLE, answers(odds, (0, 0.1))) for odds in (PHOTOGRAPHED, DISTORTED)]
    quality, uncertainty = mixed(PEOPLE, answers(-SHIFT, (0, 0.1)))  # as likely a photograph as not
    between = (sure[0][0] + sure[1][0]) / 2
    np.testing.assert_allclose(quality, between, atol=1e-3)
    squares = (np.square(sure[0][1]) + np.square(sure[1][1])) / 2 + np.square(sure[0][0] - between)
    np.testing.assert_allclose(np.square(uncertainty), squares, rtol=1e-3)


def test_scores_stay_on_their_scale():
    high, low = (mixed(np.float32([each]), answers(PHOTOGRAPHED, (0, 1))) for each in ((7, 9), (-7, -9)))
    np.testing.assert_array_equal([high[0], low[0]], [[[100]], [[0]]])
    np.testing.assert_array_equal([high[1], low[1]], [[[30]], [[2]]])


def test_the_model_says_what_it_is_and_survives_a_file(tmp_path):
    model = tfiqa.build_model("tfiqa_small", **OPTIONS)
    assert (model.info.protocol.resize, model.info.protocol.scaled_decoding) == ("shorter_side:512", True)
    assert (model.info.scale.low, model.info.scale.high, model.info.scale.words) == (0, 100, True)
    rng = np.random.default_rng(3)
    for layer in model.layers:
        layer.set_weights([rng.uniform(0.1, 0.5, each.shape) for each in layer.get_weights()])
    model.save(tmp_path / "m.keras")
    pixels = np.concatenate([picture(40, 52, seed) for seed in range(2)])
    want = {name: np.asarray(values) for name, values in model(pixels, training=False).items()}
    loaded = keras.models.load_model(tmp_path / "m.keras")
    assert [layer.name for layer in loaded.layers] == [layer.name for layer in model.layers]
    again = loaded(pixels, training=False)
    for name, values in want.items():
        assert values.shape == (2, 1)
        np.testing.assert_allclose(again[name], values, rtol=1e-5)


def test_options_that_make_no_sense():
    with pytest.raises(UnknownName, match="body"):
        tfiqa.build_model("tfiqa_small", body="resnet18")
    with pytest.raises(InvalidInput, match=r"at least 1\. Received: \(0, 4, 2\)"):
        tfiqa.build_model("tfiqa_small", **{**OPTIONS, "components": 0})
