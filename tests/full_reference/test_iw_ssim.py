import numpy as np
import pytest
import tensorflow as tf
from distorted_scenes import scene_pair, scene_pairs, slope
from numpy_iw_ssim import iw_ssim as numpy_iw_ssim
from reference_pairs import reference_pairs, worst_difference

from tfiqa.errors import InvalidInput
from tfiqa.full_reference.iw_ssim import iw_ssim
from tfiqa.images import strips


@pytest.mark.parametrize(("height", "width"), [(176, 176), (177, 201), (192, 256), (251, 189)])
def test_it_is_the_numpy_version(height, width):
    reference, distorted = scene_pairs(height, width)
    for grey in ("gray_u8", "y_float"):
        expected = [numpy_iw_ssim(r, d, grey) for r, d in zip(reference, distorted, strict=True)]
        found = iw_ssim(reference.astype(float), distorted.astype(float), grey=grey)
        np.testing.assert_allclose(found, expected, atol=1e-11)
        np.testing.assert_allclose(iw_ssim(reference, distorted, grey=grey), expected, atol=5e-6)


def test_a_batch_has_the_scores_of_its_pictures():
    reference, distorted = scene_pairs(180, 195)
    single = [float(iw_ssim(r, d)) for r, d in zip(reference, distorted, strict=True)]
    np.testing.assert_allclose(iw_ssim(reference, distorted), single, atol=1e-6)


def test_one_reference_meets_many():
    reference = scene_pair(177, 180)[0]
    distorted = np.stack([scene_pair(177, 180, kind)[1] for kind in ("noise", "blur", "dark")])
    np.testing.assert_allclose(
        iw_ssim(reference, distorted), [numpy_iw_ssim(reference, d) for d in distorted], atol=5e-6
    )
    np.testing.assert_allclose(
        iw_ssim(distorted, reference), [numpy_iw_ssim(d, reference) for d in distorted], atol=5e-6
    )


def test_pictures_of_unknown_size():
    of_any_size = tf.function(iw_ssim).get_concrete_function(*[tf.TensorSpec([None, None, 3], tf.uint8)] * 2)
    for height, width in ((176, 199), (181, 178)):
        reference, distorted = scene_pair(height, width)
        found = of_any_size(tf.constant(reference), tf.constant(distorted))
        assert float(found) == pytest.approx(numpy_iw_ssim(reference, distorted), abs=5e-6)


def test_a_large_picture_is_worked_on_in_strips(monkeypatch):
    reference, distorted = scene_pairs(230, 190)
    expected = iw_ssim(reference, distorted)
    monkeypatch.setattr(strips, "STRIP_PIXELS", 190 * 40)
    monkeypatch.setattr(strips, "SHORTEST_STRIP", 20)
    in_strips = tf.function(iw_ssim).get_concrete_function(*[tf.TensorSpec([None, None, None, 3], tf.uint8)] * 2)
    np.testing.assert_allclose(in_strips(tf.constant(reference), tf.constant(distorted)), expected, atol=1e-6)


@pytest.mark.parametrize(
    ("dtype", "grey"), [(np.uint8, "gray_u8"), (np.uint8, "y_float"), (np.float64, "gray_u8"), (np.float64, "y_float")]
)
def test_identical_pictures_are_perfect(dtype, grey):
    flat = np.full((177, 176, 3), (200, 31, 77), dtype)
    half = scene_pair(177, 176)[0].astype(dtype)
    half[:90] = 255
    for picture in (scene_pair(177, 176)[0].astype(dtype), half, flat):
        assert float(iw_ssim(picture, picture, grey=grey)) == 1


def test_flat_pictures_differ_by_their_luminance_at_the_last_scale():
    one, other = np.full((176, 176, 3), 128, np.uint8), np.full((176, 176, 3), 255, np.uint8)
    x, y = 128 * 16, 255 * 16
    luminance = (2 * x * y + 6.5025) / (x**2 + y**2 + 6.5025)
    assert float(iw_ssim(one, other)) == pytest.approx(luminance ** (0.1333 / 1.0001), abs=1e-6)


@pytest.mark.parametrize("kind", ["flat", "ramp", "stripes", "dot"])
def test_references_without_variance_in_some_direction_have_a_score(kind):
    reference = np.zeros((180, 180, 3))
    reference += {"flat": 99, "ramp": np.arange(180)[:, None], "stripes": np.arange(180)[:, None] % 2 * 200, "dot": 0}[
        kind
    ]
    if kind == "dot":
        reference[80, 91] = 255
    distorted = reference + np.random.default_rng(0).normal(0, 9, reference.shape)
    exact = float(iw_ssim(reference, distorted, grey="y_float"))
    assert 0 < exact < 1
    whole = [np.clip(picture, 0, 255).astype(np.uint8) for picture in (reference, distorted)]
    exact = float(iw_ssim(*(picture.astype(float) for picture in whole), grey="y_float"))
    assert float(iw_ssim(*whole, grey="y_float")) == pytest.approx(exact, abs=1e-5)


def test_a_negative_mean_counts_as_nothing():
    picture = scene_pair(180, 180)[0].astype(float)
    negative = tf.Variable(255 - picture)
    with tf.GradientTape() as tape:
        value = iw_ssim(picture, negative, grey="y_float")
    assert float(value) == 0
    assert not np.any(tape.gradient(value, negative))


def test_the_gradient_is_the_slope():
    rng = np.random.default_rng(1)
    pictures = [picture + rng.normal(0, 5, picture.shape) for picture in scene_pair(177, 178)]  # flat nowhere
    direction = rng.normal(size=pictures[0].shape)
    variables = [tf.Variable(picture) for picture in pictures]
    with tf.GradientTape() as tape:
        value = iw_ssim(*variables, grey="y_float")
    by_reference, by_distorted = (float(tf.reduce_sum(g * direction)) for g in tape.gradient(value, variables))
    reference, distorted = pictures
    expected = slope(lambda r: iw_ssim(r, distorted, grey="y_float"), reference, direction, 1e-4)
    assert by_reference == pytest.approx(expected, rel=1e-4)
    expected = slope(lambda d: iw_ssim(reference, d, grey="y_float"), distorted, direction, 1e-4)
    assert by_distorted == pytest.approx(expected, rel=1e-4)


def test_the_gradient_is_finite_on_flat_and_identical_pictures():
    flat = tf.fill((1, 176, 176, 3), tf.constant(128, tf.float64))
    picture = tf.constant(scene_pair(176, 176)[0][None], tf.float64)
    for pictures in ((flat, flat), (picture, picture), (flat, picture), (picture, flat)):
        with tf.GradientTape() as tape:
            tape.watch(pictures)
            value = iw_ssim(*pictures, grey="y_float")
        assert all(np.isfinite(gradient).all() for gradient in tape.gradient(value, pictures))


def test_errors():
    with pytest.raises(InvalidInput, match=r"iw_ssim needs sides of at least 176 pixels\. Received: 175"):
        iw_ssim(np.zeros((200, 175, 3)), np.zeros((200, 175, 3)))
    with pytest.raises(InvalidInput, match="grey must be"):
        iw_ssim(np.zeros((176, 176, 3)), np.zeros((176, 176, 3)), grey="luma")


@pytest.mark.parametrize("grey", ["gray_u8", "y_float"])
def test_it_is_the_authors_code(shared, grey):
    pairs = list(reference_pairs(shared, "iw_ssim", f"authors_octave:{grey}"))
    assert worst_difference(pairs, lambda r, d: iw_ssim(r, d, grey=grey))[0] < 5e-6
    assert worst_difference(pairs[::9], lambda r, d: iw_ssim(r.astype(float), d.astype(float), grey=grey))[0] < 1e-10
    assert worst_difference(pairs[4::9], lambda r, d: numpy_iw_ssim(r, d, grey))[0] < 1e-9
    edges = reference_pairs(shared, "iw_ssim", f"authors_octave:{grey}", "edge_values.csv")
    assert worst_difference(edges, lambda r, d: iw_ssim(r, d, grey=grey))[0] < 5e-6
