import numpy as np
import pytest
import tensorflow as tf
from distorted_scenes import scene_pair, scene_pairs, slope
from graded_distortions import GRADED, graded
from numpy_scqi import scqi as numpy_scqi
from reference_pairs import worst_difference
from scored_samples import rank_correlation, scored_samples

from tfiqa.errors import InvalidInput
from tfiqa.full_reference.measure import MEASURES
from tfiqa.full_reference.scqi import scqi


@pytest.mark.parametrize(("height", "width"), [(4, 4), (7, 9), (96, 128), (97, 133)])
def test_it_is_the_numpy_version(height, width):
    reference, distorted = scene_pairs(height, width)
    expected = [numpy_scqi(r, d) for r, d in zip(reference, distorted, strict=True)]
    np.testing.assert_allclose(scqi(reference.astype(float), distorted.astype(float)), expected, atol=1e-10)
    np.testing.assert_allclose(scqi(reference, distorted), expected, atol=1e-5)


def test_large_pictures_are_reduced():
    reference, distorted = scene_pair(640, 643)  # 2.5 times 256, which MATLAB rounds to 3
    assert float(scqi(reference, distorted)) == pytest.approx(numpy_scqi(reference, distorted), abs=1e-5)


def test_one_reference_meets_many():
    reference = scene_pair(61, 70)[0]
    distorted = np.stack([scene_pair(61, 70, kind)[1] for kind in ("noise", "blur", "dark")])
    expected = [numpy_scqi(reference, d) for d in distorted]
    np.testing.assert_allclose(scqi(reference, distorted), expected, atol=1e-5)
    np.testing.assert_allclose(scqi(distorted, reference), expected, atol=1e-5)


def test_sizes_may_be_unknown_in_a_graph():
    unknown = tf.TensorSpec([None, None, None, 3], tf.uint8)
    graph = tf.function(scqi, input_signature=[unknown, unknown])
    for height, width in ((40, 50), (39, 51)):
        reference, distorted = scene_pairs(height, width)
        expected = [numpy_scqi(r, d) for r, d in zip(reference, distorted, strict=True)]
        np.testing.assert_allclose(graph(reference, distorted), expected, atol=1e-5)


def test_it_compiles_at_a_known_size():
    reference, distorted = scene_pair(41, 50)
    compiled = tf.function(scqi, jit_compile=True)
    assert float(compiled(tf.constant(reference), tf.constant(distorted))) == pytest.approx(
        numpy_scqi(reference, distorted), abs=1e-5
    )


@pytest.mark.parametrize("dtype", [np.uint8, np.float32, np.float64])
def test_identical_pictures_are_perfect(dtype):
    flat = np.full((31, 30, 3), 77, dtype)
    for picture in (scene_pair(51, 60)[0].astype(dtype), flat):
        assert float(scqi(picture, picture)) == pytest.approx(1, abs=1e-6)


def test_flat_pictures_differ_by_their_colours():
    grey, red = np.full((20, 30, 3), 128, np.uint8), np.full((20, 30, 3), (200, 100, 90), np.uint8)
    assert 0.9 < float(scqi(grey, red)) < 0.999
    assert 0 <= float(scqi(grey, scene_pair(20, 30)[0])) < 0.5


@pytest.mark.parametrize("kind", GRADED)
def test_it_falls_as_a_distortion_grows(kind):
    scores = np.asarray(scqi(*graded(kind)))
    assert scores[0] < 1 - 1e-5
    assert (np.diff(scores) < 0).all(), scores


def test_the_gradient_is_the_slope():
    reference, distorted = (picture.astype(float) for picture in scene_pair(31, 34))
    direction = np.random.default_rng(1).normal(size=distorted.shape)
    variable = tf.Variable(distorted)
    with tf.GradientTape() as tape:
        value = scqi(reference, variable)
    found = float(tf.reduce_sum(tape.gradient(value, variable) * direction))
    assert found == pytest.approx(slope(lambda d: scqi(reference, d), distorted, direction), rel=1e-5)


def test_the_gradient_is_finite_on_flat_pictures():
    flat = tf.fill((1, 24, 25, 3), 128.0)
    picture = tf.constant(scene_pair(24, 25)[0][None], tf.float32)
    for reference, distorted in ((flat, picture), (picture, flat), (flat, flat + 20), (picture, picture)):
        with tf.GradientTape() as tape:
            tape.watch(distorted)
            value = scqi(reference, distorted)
        assert np.isfinite(tape.gradient(value, distorted)).all()


def test_errors():
    with pytest.raises(InvalidInput, match=r"scqi needs sides of at least 4 pixels. Received: 3"):
        scqi(np.zeros((3, 40, 3)), np.zeros((3, 40, 3)))


def test_it_says_that_it_is_not_verified():
    words = "not verified against the authors' code"
    assert MEASURES.get("scqi").value.checked == words
    assert words in (scqi.__doc__ or "").lower()


def test_it_goes_with_people(shared):
    pairs = list(scored_samples(shared))
    assert rank_correlation(pairs, scqi) > 0.6
    as_numpy = [(name, r, d, numpy_scqi(r, d)) for name, r, d, _ in pairs[::4]]
    assert worst_difference(as_numpy, scqi)[0] < 1e-5
