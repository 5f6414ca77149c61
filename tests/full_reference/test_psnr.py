import math

import numpy as np
import pytest
import tensorflow as tf
from distorted_scenes import scene_pairs, slope

from tfiqa.full_reference.measure import MEASURES
from tfiqa.full_reference.psnr import psnr


def numpy_psnr(reference, distorted):
    return 10 * np.log10(255**2 / np.mean((reference.astype(float) - distorted.astype(float)) ** 2))


@pytest.mark.parametrize(("height", "width"), [(1, 1), (37, 50), (200, 301)])
def test_it_is_its_definition(height, width):
    rng = np.random.default_rng(0)
    reference, distorted = rng.integers(0, 256, (2, 3, height, width, 3)).astype(np.uint8)
    expected = [numpy_psnr(r, d) for r, d in zip(reference, distorted, strict=True)]
    np.testing.assert_allclose(psnr(reference.astype(float), distorted.astype(float)), expected, atol=1e-12)
    np.testing.assert_allclose(psnr(reference, distorted), expected, atol=2e-5)


def test_known_values():
    grey = np.full((8, 9, 3), 100, np.uint8)
    assert float(psnr(grey, grey + np.uint8(1))) == pytest.approx(20 * math.log10(255), abs=1e-5)
    one_channel = grey + np.array([3, 0, 0], np.uint8)
    assert float(psnr(grey, one_channel)) == pytest.approx(10 * math.log10(255**2 / 3), abs=1e-5)
    black = np.zeros_like(grey)
    assert float(psnr(black, black + np.uint8(255))) == 0
    assert MEASURES.get("psnr").value.scale.low == 0


def test_identical_pictures_are_infinitely_good_beside_others():
    reference, distorted = scene_pairs(20, 30)
    distorted[1] = reference[1]
    scores = psnr(reference, distorted).numpy()
    assert scores[1] == math.inf
    np.testing.assert_allclose(scores[[0, 2]], [numpy_psnr(reference[i], distorted[i]) for i in (0, 2)], atol=2e-5)


def test_one_reference_meets_many():
    reference, distorted = scene_pairs(20, 30)
    expected = [numpy_psnr(reference[0], d) for d in distorted]
    np.testing.assert_allclose(psnr(reference[0], distorted), expected, atol=2e-5)


def test_in_graphs():
    reference, distorted = scene_pairs(31, 20)
    expected = [numpy_psnr(r, d) for r, d in zip(reference, distorted, strict=True)]
    unknown = tf.TensorSpec([None, None, None, 3], tf.uint8)
    np.testing.assert_allclose(
        tf.function(psnr, input_signature=[unknown] * 2)(reference, distorted), expected, atol=2e-5
    )
    compiled = tf.function(psnr, jit_compile=True)
    np.testing.assert_allclose(compiled(tf.constant(reference), tf.constant(distorted)), expected, atol=2e-5)


def test_the_gradient_is_the_slope_and_nothing_at_identical_pictures():
    reference, distorted = (pictures.astype(float) for pictures in scene_pairs(12, 13))
    distorted[1] = reference[1]
    direction = np.random.default_rng(1).normal(size=distorted.shape)
    variable = tf.Variable(distorted)
    with tf.GradientTape() as tape:
        value = psnr(reference, variable)
    gradient = tape.gradient(value, variable).numpy()
    assert not gradient[1].any()
    for i in (0, 2):
        expected = slope(lambda d, i=i: psnr(reference[i], d), distorted[i], direction[i])
        assert (gradient[i] * direction[i]).sum() == pytest.approx(expected, rel=1e-6)
