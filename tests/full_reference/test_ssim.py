import numpy as np
import pytest
import tensorflow as tf
from distorted_scenes import scene_pair, scene_pairs, slope
from numpy_ssim import GREYS, maps
from numpy_ssim import ssim as numpy_ssim
from reference_pairs import reference_pairs, worst_difference

from tfiqa.errors import InvalidInput
from tfiqa.full_reference.ssim import ssim

VERSIONS = {"ssim_index": False, "ssim_autodownsample": True}


@pytest.mark.parametrize("grey", ["gray_u8", "y_float"])
@pytest.mark.parametrize(("height", "width"), [(11, 11), (11, 64), (97, 133), (96, 128)])
def test_it_is_the_numpy_version(height, width, grey):
    reference, distorted = scene_pairs(height, width)
    expected = [numpy_ssim(r, d, grey=grey) for r, d in zip(reference, distorted, strict=True)]
    np.testing.assert_allclose(ssim(reference.astype(float), distorted.astype(float), grey=grey), expected, atol=1e-12)
    np.testing.assert_allclose(ssim(reference, distorted, grey=grey), expected, atol=5e-6)


# 384 and 640 lie halfway between two factors, and the larger one is meant; with 451 and 1025 a window ends outside.
@pytest.mark.parametrize(("height", "width"), [(383, 390), (384, 451), (640, 641), (1025, 900)])
def test_downsampling_takes_the_published_factor(height, width):
    reference, distorted = scene_pair(height, width)
    expected = numpy_ssim(reference, distorted, downsample=True)
    assert float(ssim(reference.astype(float), distorted.astype(float), downsample=True)) == pytest.approx(
        expected, abs=1e-12
    )
    assert float(ssim(reference, distorted, downsample=True)) == pytest.approx(expected, abs=5e-6)
    assert (abs(expected - numpy_ssim(reference, distorted)) > 1e-3) == (min(height, width) >= 384)


@pytest.mark.parametrize("downsample", [False, True])
def test_sizes_may_be_unknown_in_a_graph(downsample):
    unknown = tf.TensorSpec([None, None, None, 3], tf.uint8)
    graph = tf.function(lambda r, d: ssim(r, d, downsample=downsample), input_signature=[unknown, unknown])
    for height, width in ((40, 50), (399, 421)):
        reference, distorted = scene_pair(height, width)
        expected = numpy_ssim(reference, distorted, downsample=downsample)
        np.testing.assert_allclose(graph(reference[None], distorted[None]), [expected], atol=5e-6)


@pytest.mark.parametrize("downsample", [False, True])
def test_it_compiles_at_a_known_size(downsample):
    reference, distorted = scene_pair(400, 411)
    compiled = tf.function(lambda r, d: ssim(r, d, downsample=downsample), jit_compile=True)
    expected = numpy_ssim(reference, distorted, downsample=downsample)
    assert float(compiled(tf.constant(reference), tf.constant(distorted))) == pytest.approx(expected, abs=5e-6)


def test_one_reference_meets_many():
    reference = scene_pair(60, 70)[0]
    distorted = np.stack([scene_pair(60, 70, kind)[1] for kind in ("noise", "blur", "dark")])
    expected = [numpy_ssim(reference, d) for d in distorted]
    np.testing.assert_allclose(ssim(reference, distorted), expected, atol=5e-6)
    np.testing.assert_allclose(ssim(distorted, reference), expected, atol=5e-6)


@pytest.mark.parametrize("dtype", [np.uint8, np.float32, np.float64])
def test_identical_pictures_are_perfect(dtype):
    picture = scene_pair(50, 60)[0].astype(dtype)
    assert float(ssim(picture, picture)) == 1
    flat = np.full((30, 30, 3), 77, dtype)
    assert float(ssim(flat, flat)) == 1


def test_flat_pictures_differ_by_their_luminance():
    one, other = np.full((20, 20, 3), 128, np.uint8), np.full((20, 20, 3), 255, np.uint8)
    expected = (2 * 128 * 255 + 6.5025) / (128**2 + 255**2 + 6.5025)
    assert float(ssim(one, other)) == pytest.approx(expected, abs=1e-6)
    assert np.isfinite(float(ssim(np.zeros_like(one), scene_pair(20, 20)[0])))


def test_a_negative_has_a_negative_score():
    picture = scene_pair(60, 60)[0]
    expected = numpy_ssim(picture, 255 - picture)
    assert expected < -0.1
    assert float(ssim(picture, 255 - picture)) == pytest.approx(expected, abs=5e-6)


def test_float32_stays_exact_on_bright_and_dark_pictures():
    rng = np.random.default_rng(0)
    for level in (3, 250):
        reference = np.clip(level + rng.normal(0, 1.5, (64, 64, 3)), 0, 255).astype(np.uint8)
        distorted = np.clip(level + rng.normal(0, 1.5, (64, 64, 3)), 0, 255).astype(np.uint8)
        assert float(ssim(reference, distorted)) == pytest.approx(numpy_ssim(reference, distorted), abs=1e-5)


def test_the_gradient_is_the_slope():
    reference, distorted = (picture.astype(float) for picture in scene_pair(30, 33))
    direction = np.random.default_rng(1).normal(size=distorted.shape)
    variable = tf.Variable(distorted)
    with tf.GradientTape() as tape:
        value = ssim(reference, variable, grey="y_float")
    found = float(tf.reduce_sum(tape.gradient(value, variable) * direction))
    expected = slope(lambda d: ssim(reference, d, grey="y_float"), distorted, direction)
    assert found == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize("grey", ["gray_u8", "y_float"])
@pytest.mark.parametrize("level", [0, 128, 255])
def test_the_gradient_is_finite_on_flat_and_identical_pictures(level, grey):
    flat = tf.fill((1, 24, 24, 3), float(level))
    picture = tf.constant(scene_pair(24, 24)[0][None], tf.float32)
    for reference, distorted in ((flat, flat), (picture, picture), (flat, picture), (picture, flat)):
        with tf.GradientTape() as tape:
            tape.watch(distorted)
            value = ssim(reference, distorted, grey=grey)
        assert np.isfinite(tape.gradient(value, distorted)).all()


def test_errors():
    with pytest.raises(InvalidInput, match=r"ssim needs sides of at least 11 pixels\. Received: 10"):
        ssim(np.zeros((10, 40, 3)), np.zeros((10, 40, 3)))
    with pytest.raises(InvalidInput, match="grey must be gray_u8 or y_float"):
        ssim(np.zeros((20, 40, 3)), np.zeros((20, 40, 3)), grey="luma")


def test_the_map_is_the_papers_formula():
    reference, distorted = (GREYS["gray_u8"](picture) for picture in scene_pair(11, 12))
    # The map of an 11x12 picture has two values: written out with the weights of the whole window.
    row, column = np.mgrid[-5:6, -5:6]
    window = np.exp(-(row**2 + column**2) / 4.5)
    window /= window.sum()
    for place in (0, 1):
        x, y = reference[:, place : place + 11], distorted[:, place : place + 11]
        mx, my = (window * x).sum(), (window * y).sum()
        vx, vy = (window * (x - mx) ** 2).sum(), (window * (y - my) ** 2).sum()
        cov = (window * (x - mx) * (y - my)).sum()
        expected = (2 * mx * my + 6.5025) * (2 * cov + 58.5225) / ((mx**2 + my**2 + 6.5025) * (vx + vy + 58.5225))
        assert maps(reference, distorted)[0][0, place] == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize("grey", ["gray_u8", "y_float"])
@pytest.mark.parametrize("version", VERSIONS)
def test_it_is_the_authors_code(shared, version, grey):
    options = {"downsample": VERSIONS[version], "grey": grey}
    pairs = list(reference_pairs(shared, "ssim", f"authors_octave:{version}:{grey}"))
    assert worst_difference(pairs, lambda r, d: ssim(r, d, **options))[0] < 5e-6
    assert worst_difference(pairs[::9], lambda r, d: ssim(r.astype(float), d.astype(float), **options))[0] < 1e-10
    assert worst_difference(pairs[::9], lambda r, d: numpy_ssim(r, d, **options))[0] < 1e-10
    edges = reference_pairs(shared, "ssim", f"authors_octave:{version}:{grey}", "edge_values.csv")
    assert worst_difference(edges, lambda r, d: ssim(r, d, **options))[0] < 5e-6
