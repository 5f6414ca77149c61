import numpy as np
import pytest
import tensorflow as tf
from distorted_scenes import scene_pair, scene_pairs, slope
from numpy_sr_sim import sr_sim as numpy_sr_sim
from reference_pairs import reference_pairs, worst_difference
from skimage import data

from tfiqa.errors import InvalidInput
from tfiqa.full_reference.sr_sim import sr_sim


@pytest.mark.parametrize(("height", "width"), [(5, 5), (96, 128), (97, 133), (640, 641)])
def test_it_is_the_numpy_version(height, width):
    reference, distorted = (pictures[: 1 if height > 600 else 3] for pictures in scene_pairs(height, width))
    expected = [numpy_sr_sim(r, d) for r, d in zip(reference, distorted, strict=True)]
    np.testing.assert_allclose(sr_sim(reference.astype(float), distorted.astype(float)), expected, atol=1e-11)
    np.testing.assert_allclose(sr_sim(reference, distorted), expected, atol=2e-6)


def test_photographs():
    photo = data.astronaut()[:301, 100:400]
    for distorted in (photo[:, ::-1], 255 - photo):
        expected = numpy_sr_sim(photo, distorted)
        assert float(sr_sim(photo.astype(float), distorted.astype(float))) == pytest.approx(expected, abs=1e-11)
        assert float(sr_sim(photo, distorted)) == pytest.approx(expected, abs=1e-6)


def test_one_reference_meets_many():
    reference = scene_pair(61, 70)[0]
    distorted = np.stack([scene_pair(61, 70, kind)[1] for kind in ("noise", "blur", "dark")])
    expected = [numpy_sr_sim(reference, d) for d in distorted]
    np.testing.assert_allclose(sr_sim(reference, distorted), expected, atol=1e-6)
    np.testing.assert_allclose(sr_sim(distorted, reference), expected, atol=1e-6)


def test_a_batch_may_hold_flat_pictures():
    reference, distorted = scene_pairs(41, 50)
    reference[1], distorted[2] = 90, 255
    singly = [float(sr_sim(r, d)) for r, d in zip(reference, distorted, strict=True)]
    np.testing.assert_allclose(sr_sim(reference, distorted), singly, atol=1e-7)


def test_a_data_pipeline_holds_all_sizes():
    pairs = [scene_pair(40, 50), scene_pair(300, 51), scene_pair(640, 641, "blur")]
    picture = tf.TensorSpec([None, None, 3], tf.uint8)
    scores = list(tf.data.Dataset.from_generator(lambda: pairs, output_signature=(picture, picture)).map(sr_sim))
    np.testing.assert_allclose(scores, [sr_sim(*pair) for pair in pairs], atol=1e-6)


def test_it_compiles_at_a_known_size():
    reference, distorted = scene_pair(41, 50)
    compiled = tf.function(sr_sim, jit_compile=True)
    expected = numpy_sr_sim(reference, distorted)
    assert float(compiled(tf.constant(reference), tf.constant(distorted))) == pytest.approx(expected, abs=2e-6)


@pytest.mark.parametrize("dtype", [np.uint8, np.float32, np.float64])
def test_identical_pictures_are_perfect(dtype):
    for picture in (scene_pair(51, 60)[0], np.full((31, 30, 3), 77), np.zeros((390, 400, 3))):
        picture = picture.astype(dtype)
        assert float(sr_sim(picture, picture)) == pytest.approx(1, abs=1e-6)


@pytest.mark.parametrize("dtype", [np.uint8, np.float64])
def test_a_flat_picture_has_no_saliency(dtype):
    picture = scene_pair(50, 60)[0].astype(dtype)
    # Odd shades and sizes: rounding must not make a pattern of them.
    for colour in ((128, 128, 128), (201, 13, 77)):
        flat = np.full((50, 60, 3), colour, dtype)
        for other in (picture, flat // 2):
            assert float(sr_sim(flat, other)) == pytest.approx(numpy_sr_sim(flat, other), abs=3e-6)


def test_the_gradient_is_the_slope():
    reference, distorted = (picture.astype(float) for picture in scene_pair(31, 34))
    direction = np.random.default_rng(1).normal(size=distorted.shape)
    variable = tf.Variable(distorted)
    with tf.GradientTape() as tape:
        value = sr_sim(reference, variable)
    found = float(tf.reduce_sum(tape.gradient(value, variable) * direction))
    assert found == pytest.approx(slope(lambda d: sr_sim(reference, d), distorted, direction, 1e-4), rel=1e-5)


def test_the_gradient_is_finite_on_flat_and_black_pictures():
    flat, black = tf.fill((1, 24, 25, 3), 128.0), tf.zeros((1, 24, 25, 3))
    picture = tf.constant(scene_pair(24, 25)[0][None], tf.float32)
    for reference, distorted in ((flat, picture), (picture, flat), (flat, black), (picture, picture)):
        with tf.GradientTape() as tape:
            tape.watch(distorted)
            value = sr_sim(reference, distorted)
        assert np.isfinite(tape.gradient(value, distorted)).all()


def test_errors():
    with pytest.raises(InvalidInput, match=r"sr_sim needs sides of at least 5 pixels\. Received: 4"):
        sr_sim(np.zeros((4, 40, 3)), np.zeros((4, 40, 3)))
    with pytest.raises(InvalidInput, match="must have one size"):
        sr_sim(np.zeros((20, 40, 3)), np.zeros((20, 41, 3)))


def test_it_is_the_authors_code(shared):
    pairs = list(reference_pairs(shared, "sr_sim", "authors_octave"))
    assert worst_difference(pairs, sr_sim)[0] < 1e-5
    assert worst_difference(pairs[::9], lambda r, d: sr_sim(r.astype(float), d.astype(float)))[0] < 1e-10
    assert worst_difference(pairs[::21], numpy_sr_sim)[0] < 1e-10
    edges = reference_pairs(shared, "sr_sim", "authors_octave", "edge_values.csv")
    assert worst_difference(edges, sr_sim)[0] < 1e-6
