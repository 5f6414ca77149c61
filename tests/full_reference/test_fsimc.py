import numpy as np
import numpy_fsimc
import pytest
import tensorflow as tf
from distorted_scenes import scene_pair, scene_pairs, slope
from reference_pairs import reference_pairs, worst_difference

from tfiqa.errors import InvalidInput
from tfiqa.full_reference.fsimc import fsim, fsimc
from tfiqa.full_reference.measure import evaluate_all

BOTH = pytest.mark.parametrize("name", ["fsim", "fsimc"])
MEASURES = {"fsim": fsim, "fsimc": fsimc}


def expected_of(name, reference, distorted):
    return [getattr(numpy_fsimc, name)(r, d) for r, d in zip(reference, distorted, strict=True)]


@BOTH
@pytest.mark.parametrize(("height", "width"), [(8, 8), (96, 96), (96, 97), (95, 97), (384, 385), (640, 641)])
def test_it_is_the_numpy_version(name, height, width):
    reference, distorted = (pictures[: 3 if height < 100 else 1] for pictures in scene_pairs(height, width))
    expected = expected_of(name, reference, distorted)
    found = MEASURES[name](reference.astype(float), distorted.astype(float))
    np.testing.assert_allclose(found, expected, atol=1e-10)
    np.testing.assert_allclose(MEASURES[name](reference, distorted), expected, atol=2e-6)


def test_the_smallest_pictures():
    reference, distorted = scene_pair(2, 2)
    assert 0 < float(fsimc(reference, distorted)) < 1
    assert float(fsimc(reference, reference)) == 1


def test_one_reference_meets_many():
    reference = scene_pair(61, 70)[0]
    distorted = np.stack([scene_pair(61, 70, kind)[1] for kind in ("noise", "blur", "dark")])
    expected = expected_of("fsimc", [reference] * 3, distorted)
    np.testing.assert_allclose(fsimc(reference, distorted), expected, atol=2e-6)
    np.testing.assert_allclose(fsimc(distorted, reference), expected, atol=2e-6)


def test_both_at_once():
    reference, distorted = scene_pairs(50, 51)
    found = evaluate_all(("fsim", "fsimc"), reference, distorted)
    for name, values in found.items():
        np.testing.assert_allclose(values, expected_of(name, reference, distorted), atol=2e-6)


def test_sizes_may_be_unknown_in_a_graph():
    unknown = tf.TensorSpec([None, None, None, 3], tf.uint8)
    graph = tf.function(fsimc, input_signature=[unknown, unknown])
    for height, width in ((40, 50), (39, 51)):
        reference, distorted = scene_pairs(height, width)
        np.testing.assert_allclose(graph(reference, distorted), expected_of("fsimc", reference, distorted), atol=2e-6)


def test_it_compiles_at_a_known_size():
    reference, distorted = scene_pairs(41, 50)
    compiled = tf.function(fsimc, jit_compile=True)
    found = compiled(tf.constant(reference), tf.constant(distorted))
    np.testing.assert_allclose(found, expected_of("fsimc", reference, distorted), atol=2e-6)


@BOTH
@pytest.mark.parametrize("dtype", [np.uint8, np.float32, np.float64])
def test_identical_pictures_are_perfect(name, dtype):
    for picture in (scene_pair(51, 60)[0].astype(dtype), np.full((31, 30, 3), 77, dtype)):
        assert float(MEASURES[name](picture, picture)) == 1


@BOTH
def test_in_flat_pictures_all_pixels_weigh_the_same(name):
    one, other = np.full((20, 30, 3), 128, np.uint8), np.full((20, 30, 3), 255, np.uint8)
    structure = numpy_fsimc.similarity(numpy_fsimc.edges(one), numpy_fsimc.edges(other), 160)
    assert float(MEASURES[name](one, other)) == pytest.approx(structure.mean(), abs=1e-6)


def test_a_flat_picture_beside_another():
    flat, picture = np.full((20, 30, 3), 128, np.uint8), scene_pair(20, 30)[0]
    assert 0 < float(fsimc(flat, picture)) < 0.7
    assert float(fsimc(flat, picture)) == pytest.approx(float(fsimc(picture, flat)), abs=1e-7)


def test_colours_that_are_opposed_count_by_the_real_part():
    reference, distorted = np.zeros((2, 24, 24, 3))
    reference[..., 0], distorted[..., 1:] = 200, 200
    reference[8:16, 8:16], distorted[8:16, 8:16] = 40, 60
    expected = numpy_fsimc.fsimc(reference, distorted)
    assert expected < numpy_fsimc.fsim(reference, distorted)
    assert float(fsimc(reference, distorted)) == pytest.approx(expected, abs=1e-9)


def test_the_gradient_is_the_slope():
    reference, distorted = (picture.astype(float) for picture in scene_pair(31, 34))
    direction = np.random.default_rng(1).normal(size=distorted.shape)
    variable = tf.Variable(distorted)
    with tf.GradientTape() as tape:
        value = fsimc(reference, variable)
    found = float(tf.reduce_sum(tape.gradient(value, variable) * direction))
    assert found == pytest.approx(slope(lambda d: fsimc(reference, d), distorted, direction, 1e-5), rel=1e-5)


def test_the_gradient_is_finite_on_flat_pictures():
    flat = tf.fill((1, 24, 25, 3), tf.constant(128, tf.float64))
    picture = tf.constant(scene_pair(24, 25)[0][None], tf.float64)
    for reference, distorted in ((flat, picture), (picture, flat), (flat, flat + 20), (picture, picture)):
        with tf.GradientTape() as tape:
            tape.watch(distorted)
            value = fsimc(reference, distorted)
        assert np.isfinite(tape.gradient(value, distorted)).all()


def test_a_picture_that_is_not_numbers_has_no_score():
    reference, distorted = (picture.astype(np.float32) for picture in scene_pair(31, 34))
    distorted[3, 4] = np.nan
    assert np.isnan(float(fsimc(reference, distorted)))


@BOTH
def test_errors(name):
    with pytest.raises(InvalidInput, match=f"{name} needs sides of at least 2 pixels. Received: 1"):
        MEASURES[name](np.zeros((1, 40, 3)), np.zeros((1, 40, 3)))


@BOTH
def test_it_is_the_authors_code(shared, name):
    pairs = list(reference_pairs(shared, name, "authors_octave"))
    assert worst_difference(pairs, MEASURES[name])[0] < 2e-6
    assert worst_difference(pairs[::9], lambda r, d: MEASURES[name](r.astype(float), d.astype(float)))[0] < 1e-10
    assert worst_difference(pairs[::9], getattr(numpy_fsimc, name))[0] < 1e-10
    edges = reference_pairs(shared, name, "authors_octave", "edge_values.csv")
    # One pixel of the inverted picture has colours whose comparison is exactly 0; in Octave rounding leaves 7e-17, which
    # the exponent .03 makes 0.33 of a pixel.
    assert worst_difference(edges, MEASURES[name])[0] < 2e-5
