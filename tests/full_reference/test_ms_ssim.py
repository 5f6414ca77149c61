import numpy as np
import pytest
import tensorflow as tf
from distorted_scenes import scene_pair, scene_pairs, slope
from numpy_ms_ssim import ms_ssim as numpy_ms_ssim
from numpy_ssim import ssim as numpy_ssim
from reference_pairs import reference_pairs, worst_difference

from tfiqa.errors import InvalidInput
from tfiqa.full_reference.measure import evaluate_all
from tfiqa.full_reference.ms_ssim import ms_ssim


@pytest.mark.parametrize(("height", "width"), [(176, 176), (177, 201), (192, 256), (251, 189)])
def test_it_is_the_numpy_version(height, width):
    reference, distorted = scene_pairs(height, width)
    for grey in ("gray_u8", "y_float"):
        expected = [numpy_ms_ssim(r, d, grey) for r, d in zip(reference, distorted, strict=True)]
        found = ms_ssim(reference.astype(float), distorted.astype(float), grey=grey)
        np.testing.assert_allclose(found, expected, atol=1e-12)
    np.testing.assert_allclose(ms_ssim(reference, distorted, grey="y_float"), expected, atol=5e-6)


def test_it_compiles_at_a_known_size():
    reference, distorted = scene_pair(181, 190)
    compiled = tf.function(ms_ssim, jit_compile=True)
    expected = numpy_ms_ssim(reference, distorted)
    assert float(compiled(tf.constant(reference), tf.constant(distorted))) == pytest.approx(expected, abs=5e-6)


def test_one_reference_meets_many():
    reference = scene_pair(177, 180)[0]
    distorted = np.stack([scene_pair(177, 180, kind)[1] for kind in ("noise", "blur", "dark")])
    expected = [numpy_ms_ssim(reference, d) for d in distorted]
    np.testing.assert_allclose(ms_ssim(reference, distorted), expected, atol=5e-6)
    np.testing.assert_allclose(ms_ssim(distorted, reference), expected, atol=5e-6)


def test_beside_ssim_both_have_their_values():
    reference, distorted = scene_pairs(180, 177)
    scores = evaluate_all(("ssim", "ms_ssim"), reference, distorted, {"ms_ssim": {"grey": "y_float"}})
    for name, compute in (("ssim", numpy_ssim), ("ms_ssim", lambda r, d: numpy_ms_ssim(r, d, "y_float"))):
        expected = [compute(r, d) for r, d in zip(reference, distorted, strict=True)]
        np.testing.assert_allclose(scores[name], expected, atol=5e-6)


@pytest.mark.parametrize("dtype", [np.uint8, np.float32, np.float64])
def test_identical_pictures_are_perfect(dtype):
    flat = np.full((177, 176, 3), 77, dtype)
    for picture in (scene_pair(177, 176)[0].astype(dtype), flat):
        assert float(ms_ssim(picture, picture)) == 1


def test_flat_pictures_differ_by_their_luminance_at_the_last_scale():
    one, other = np.full((176, 176, 3), 128, np.uint8), np.full((176, 176, 3), 255, np.uint8)
    luminance = (2 * 128 * 255 + 6.5025) / (128**2 + 255**2 + 6.5025)
    assert float(ms_ssim(one, other)) == pytest.approx(luminance**0.1333, abs=1e-6)
    assert 0 <= float(ms_ssim(one, scene_pair(176, 176)[0])) < 1


def test_a_negative_mean_counts_as_nothing():
    picture = scene_pair(180, 180)[0].astype(np.float32)
    negative = tf.Variable(255 - picture)
    with tf.GradientTape() as tape:
        value = ms_ssim(picture, negative)
    assert float(value) == 0
    assert not np.any(tape.gradient(value, negative))


def test_the_gradient_is_the_slope():
    reference, distorted = (picture.astype(float) for picture in scene_pair(177, 178))
    direction = np.random.default_rng(1).normal(size=distorted.shape)
    variable = tf.Variable(distorted)
    with tf.GradientTape() as tape:
        value = ms_ssim(reference, variable, grey="y_float")
    found = float(tf.reduce_sum(tape.gradient(value, variable) * direction))
    expected = slope(lambda d: ms_ssim(reference, d, grey="y_float"), distorted, direction)
    assert found == pytest.approx(expected, rel=1e-5)


def test_the_gradient_is_finite_on_flat_and_identical_pictures():
    flat = tf.fill((1, 176, 176, 3), 128.0)
    picture = tf.constant(scene_pair(176, 176)[0][None], tf.float32)
    for reference, distorted in ((flat, flat), (picture, picture), (flat, picture), (picture, flat)):
        with tf.GradientTape() as tape:
            tape.watch(distorted)
            value = ms_ssim(reference, distorted)
        assert np.isfinite(tape.gradient(value, distorted)).all()


def test_errors():
    with pytest.raises(InvalidInput, match=r"ms_ssim needs sides of at least 176 pixels\. Received: 175"):
        ms_ssim(np.zeros((200, 175, 3)), np.zeros((200, 175, 3)))
    with pytest.raises(InvalidInput, match="grey must be"):
        ms_ssim(np.zeros((176, 176, 3)), np.zeros((176, 176, 3)), grey="luma")


@pytest.mark.parametrize("grey", ["gray_u8", "y_float"])
def test_it_is_the_authors_code(shared, grey):
    pairs = list(reference_pairs(shared, "ms_ssim", f"authors_octave:{grey}"))
    assert worst_difference(pairs, lambda r, d: ms_ssim(r, d, grey=grey))[0] < 5e-6
    assert worst_difference(pairs[::9], lambda r, d: ms_ssim(r.astype(float), d.astype(float), grey=grey))[0] < 1e-10
    assert worst_difference(pairs[::9], lambda r, d: numpy_ms_ssim(r, d, grey))[0] < 1e-10
    edges = reference_pairs(shared, "ms_ssim", f"authors_octave:{grey}", "edge_values.csv")
    assert worst_difference(edges, lambda r, d: ms_ssim(r, d, grey=grey))[0] < 5e-6
