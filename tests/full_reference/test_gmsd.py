import numpy as np
import pytest
import tensorflow as tf
from distorted_scenes import scene_pair, scene_pairs, slope
from numpy_gmsd import gmsd as numpy_gmsd
from reference_pairs import reference_pairs, worst_difference

from tfiqa.errors import InvalidInput
from tfiqa.full_reference.gmsd import gmsd


@pytest.mark.parametrize("grey", ["gray_u8", "y_float"])
@pytest.mark.parametrize(("height", "width"), [(3, 3), (4, 3), (96, 128), (97, 133), (640, 31)])
def test_it_is_the_numpy_version(height, width, grey):
    reference, distorted = scene_pairs(height, width)
    expected = [numpy_gmsd(r, d, grey) for r, d in zip(reference, distorted, strict=True)]
    np.testing.assert_allclose(gmsd(reference.astype(float), distorted.astype(float), grey=grey), expected, atol=1e-12)
    np.testing.assert_allclose(gmsd(reference, distorted, grey=grey), expected, atol=1e-6)


def test_one_reference_meets_many():
    reference = scene_pair(61, 70)[0]
    distorted = np.stack([scene_pair(61, 70, kind)[1] for kind in ("noise", "blur", "dark")])
    expected = [numpy_gmsd(reference, d) for d in distorted]
    np.testing.assert_allclose(gmsd(reference, distorted), expected, atol=1e-6)
    np.testing.assert_allclose(gmsd(distorted, reference), expected, atol=1e-6)


def test_sizes_may_be_unknown_in_a_graph():
    unknown = tf.TensorSpec([None, None, None, 3], tf.uint8)
    graph = tf.function(gmsd, input_signature=[unknown, unknown])
    for height, width in ((40, 50), (39, 51)):
        reference, distorted = scene_pairs(height, width)
        expected = [numpy_gmsd(r, d) for r, d in zip(reference, distorted, strict=True)]
        np.testing.assert_allclose(graph(reference, distorted), expected, atol=1e-6)


def test_it_compiles_at_a_known_size():
    reference, distorted = scene_pair(41, 50)
    compiled = tf.function(gmsd, jit_compile=True)
    assert float(compiled(tf.constant(reference), tf.constant(distorted))) == pytest.approx(
        numpy_gmsd(reference, distorted), abs=1e-6
    )


@pytest.mark.parametrize("dtype", [np.uint8, np.float32, np.float64])
def test_identical_pictures_are_perfect(dtype):
    flat = np.full((31, 30, 3), 77, dtype)
    for picture in (scene_pair(51, 60)[0].astype(dtype), flat):
        assert float(gmsd(picture, picture)) == pytest.approx(0, abs=1e-7)


def test_flat_pictures_differ_along_the_border_alone():
    one, other = np.full((20, 30, 3), 128, np.uint8), np.full((20, 30, 3), 255, np.uint8)
    # Halved to 10x15: corners see both sides of the border (2/3 of the level each way), edges one side (the whole level).
    corner, edge = (lambda level: 2 / 3 * level * np.sqrt(2)), (lambda level: level)
    values = [(2 * f(128) * f(255) + 170) / (f(128) ** 2 + f(255) ** 2 + 170) for f in (corner, edge)]
    quality = [values[0]] * 4 + [values[1]] * (2 * 8 + 2 * 13) + [1.0] * (8 * 13)
    assert float(gmsd(one, other)) == pytest.approx(np.std(quality, ddof=1), abs=1e-6)
    assert np.isfinite(float(gmsd(one, scene_pair(20, 30)[0])))


def test_the_gradient_is_the_slope():
    reference, distorted = (picture.astype(float) for picture in scene_pair(31, 34))
    direction = np.random.default_rng(1).normal(size=distorted.shape)
    variable = tf.Variable(distorted)
    with tf.GradientTape() as tape:
        value = gmsd(reference, variable, grey="y_float")
    found = float(tf.reduce_sum(tape.gradient(value, variable) * direction))
    expected = slope(lambda d: gmsd(reference, d, grey="y_float"), distorted, direction)
    assert found == pytest.approx(expected, rel=1e-5)


def test_the_gradient_is_finite_on_flat_pictures():
    flat = tf.fill((1, 24, 25, 3), 128.0)
    picture = tf.constant(scene_pair(24, 25)[0][None], tf.float32)
    for reference, distorted in ((flat, picture), (picture, flat), (flat, flat + 20)):
        with tf.GradientTape() as tape:
            tape.watch(distorted)
            value = gmsd(reference, distorted)
        assert np.isfinite(tape.gradient(value, distorted)).all()


def test_errors():
    with pytest.raises(InvalidInput, match=r"gmsd needs sides of at least 3 pixels\. Received: 2"):
        gmsd(np.zeros((2, 40, 3)), np.zeros((2, 40, 3)))
    with pytest.raises(InvalidInput, match="grey must be gray_u8 or y_float"):
        gmsd(np.zeros((20, 40, 3)), np.zeros((20, 40, 3)), grey="luma")


@pytest.mark.parametrize("grey", ["gray_u8", "y_float"])
def test_it_is_the_authors_code(shared, grey):
    pairs = list(reference_pairs(shared, "gmsd", f"authors_octave:{grey}"))
    assert worst_difference(pairs, lambda r, d: gmsd(r, d, grey=grey))[0] < 1e-6
    assert worst_difference(pairs[::9], lambda r, d: gmsd(r.astype(float), d.astype(float), grey=grey))[0] < 1e-10
    assert worst_difference(pairs[::9], lambda r, d: numpy_gmsd(r, d, grey))[0] < 1e-10
    edges = reference_pairs(shared, "gmsd", f"authors_octave:{grey}", "edge_values.csv")
    assert worst_difference(edges, lambda r, d: gmsd(r, d, grey=grey))[0] < 1e-6
