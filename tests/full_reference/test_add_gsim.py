import numpy as np
import pytest
import tensorflow as tf
from distorted_scenes import scene_pair, scene_pairs, slope
from graded_distortions import GRADED, graded
from numpy_add_gsim import add_gsim as numpy_add_gsim
from reference_pairs import worst_difference
from scored_samples import rank_correlation, scored_samples

from tfiqa.errors import InvalidInput
from tfiqa.full_reference.add_gsim import add_gsim, worst_first_mean
from tfiqa.full_reference.measure import MEASURES


@pytest.mark.parametrize(("height", "width"), [(12, 12), (13, 15), (96, 128), (97, 133), (640, 641)])
def test_it_is_the_numpy_version(height, width):
    reference, distorted = scene_pairs(height, width)
    expected = [numpy_add_gsim(r, d) for r, d in zip(reference, distorted, strict=True)]
    np.testing.assert_allclose(add_gsim(reference.astype(float), distorted.astype(float)), expected, atol=1e-10)
    np.testing.assert_allclose(add_gsim(reference, distorted), expected, atol=1e-5)


def test_one_reference_meets_many():
    reference = scene_pair(61, 70)[0]
    distorted = np.stack([scene_pair(61, 70, kind)[1] for kind in ("noise", "blur", "dark")])
    expected = [numpy_add_gsim(reference, d) for d in distorted]
    np.testing.assert_allclose(add_gsim(reference, distorted), expected, atol=1e-5)
    expected = [numpy_add_gsim(d, reference) for d in distorted]
    np.testing.assert_allclose(add_gsim(distorted, reference), expected, atol=1e-5)


def test_sizes_may_be_unknown_in_a_graph():
    unknown = tf.TensorSpec([None, None, None, 3], tf.uint8)
    graph = tf.function(add_gsim, input_signature=[unknown, unknown])
    for height, width in ((40, 50), (39, 51)):
        reference, distorted = scene_pairs(height, width)
        expected = [numpy_add_gsim(r, d) for r, d in zip(reference, distorted, strict=True)]
        np.testing.assert_allclose(graph(reference, distorted), expected, atol=1e-5)


def test_it_compiles_at_a_known_size():
    reference, distorted = scene_pair(41, 50)
    compiled = tf.function(add_gsim, jit_compile=True)
    assert float(compiled(tf.constant(reference), tf.constant(distorted))) == pytest.approx(
        numpy_add_gsim(reference, distorted), abs=1e-5
    )


@pytest.mark.parametrize("dtype", [np.uint8, np.float32, np.float64])
def test_identical_pictures_are_perfect(dtype):
    flat = np.full((31, 30, 3), 77, dtype)
    for picture in (scene_pair(51, 60)[0].astype(dtype), flat):
        assert float(add_gsim(picture, picture)) == pytest.approx(1, abs=1e-6)


def test_flat_pictures_differ_along_the_border_alone():
    black, white = np.zeros((20, 30, 3), np.uint8), np.full((20, 30, 3), 255, np.uint8)
    assert float(add_gsim(black, white)) == pytest.approx(numpy_add_gsim(black, white), abs=1e-6)
    assert 0 <= float(add_gsim(black, white)) < 0.05
    assert float(add_gsim(white - 1, white)) == pytest.approx(1, abs=1e-4)


def test_a_gain_of_entropy_raises_the_score():
    coarse = (scene_pair(60, 70)[0] // 32) * 32
    fine = coarse + (np.arange(70, dtype=np.uint8) % 3)[:, None]
    assert float(add_gsim(coarse, fine)) > float(add_gsim(fine, coarse))


@pytest.mark.parametrize("kind", GRADED)
def test_it_falls_as_a_distortion_grows(kind):
    scores = np.asarray(add_gsim(*graded(kind)))
    assert scores[0] < 1 - 1e-5
    assert (np.diff(scores) < 0).all(), scores


def test_the_worst_places_count_most():
    quality = np.random.default_rng(0).uniform(0.2, 1, (2, 9, 11))
    found = np.asarray(worst_first_mean(tf.constant(quality)))
    assert (found < quality.mean((1, 2))).all()
    variable = tf.Variable(quality[:1])
    with tf.GradientTape() as tape:
        value = worst_first_mean(variable)
    gradient = np.asarray(tape.gradient(value, variable))[0]
    assert (np.diff(gradient.ravel()[np.argsort(quality[0].ravel())]) < 1e-12).all()
    direction = np.random.default_rng(1).normal(size=quality[:1].shape)
    expected = slope(lambda q: worst_first_mean(tf.constant(q))[0], quality[:1], direction, 1e-7)
    assert np.sum(gradient * direction[0]) == pytest.approx(expected, rel=1e-5)


def test_the_gradient_leads_to_a_better_score():
    reference, distorted = (tf.constant(picture, tf.float32) for picture in scene_pair(31, 34))
    with tf.GradientTape() as tape:
        tape.watch(distorted)
        value = add_gsim(reference, distorted)
    gradient = tape.gradient(value, distorted)
    assert float(add_gsim(reference, distorted + 5 * gradient / tf.reduce_max(tf.abs(gradient)))) > float(value)


def test_the_gradient_is_finite_on_flat_pictures():
    flat = tf.fill((1, 24, 25, 3), 128.0)
    picture = tf.constant(scene_pair(24, 25)[0][None], tf.float32)
    for reference, distorted in ((flat, picture), (picture, flat), (flat, flat + 20), (picture, picture)):
        with tf.GradientTape() as tape:
            tape.watch(distorted)
            value = add_gsim(reference, distorted)
        assert np.isfinite(tape.gradient(value, distorted)).all()


def test_errors():
    with pytest.raises(InvalidInput, match=r"add_gsim needs sides of at least 12 pixels. Received: 11"):
        add_gsim(np.zeros((11, 40, 3)), np.zeros((11, 40, 3)))


def test_it_says_that_it_is_not_verified():
    words = "not verified against the authors' code"
    assert MEASURES.get("add_gsim").value.checked == words
    assert words in (add_gsim.__doc__ or "").lower()


def test_it_goes_with_people(shared):
    pairs = list(scored_samples(shared))
    assert rank_correlation(pairs, add_gsim) > 0.6
    as_numpy = [(name, r, d, numpy_add_gsim(r, d)) for name, r, d, _ in pairs[::4]]
    assert worst_difference(as_numpy, add_gsim)[0] < 1e-5
