"""MDSI against NumPy, the authors' values, and what must hold for every picture."""

import csv

import numpy as np
import numpy_mdsi
import pytest
import tensorflow as tf
from PIL import Image
from scenes import scene
from scipy.ndimage import gaussian_filter

from tfiqa.errors import InvalidInput
from tfiqa.full_reference.mdsi import mdsi

COMBINATIONS = ("sum", "mult")


def assert_close(found, expected, tolerance, what=""):
    np.testing.assert_allclose(found, expected, rtol=0, atol=tolerance, err_msg=what)


def distortions(picture):
    """The picture blurred, noisy, brighter and negative; uint8 (4, H, W, 3)."""
    noise = np.random.default_rng(0).normal(0, 20, picture.shape)
    blurred = gaussian_filter(picture.astype(float), (1.5, 1.5, 0))
    changed = [blurred, picture + noise, picture + 30.0, 255.0 - picture]
    return np.clip(np.round(changed), 0, 255).astype(np.uint8)


@pytest.mark.parametrize("combination", COMBINATIONS)
@pytest.mark.parametrize("size", [(3, 3), (96, 96), (97, 131), (385, 390), (640, 645)])
def test_equals_numpy_at_every_size(size, combination):
    reference = scene(1, *size)
    distorted = distortions(reference)
    expected = [numpy_mdsi.mdsi(reference, one, combination) for one in distorted]
    exact = mdsi(reference.astype(float), distorted.astype(float), combination=combination)
    assert exact.dtype == tf.float64
    assert_close(exact, expected, 1e-10)
    assert_close(mdsi(reference, distorted, combination=combination), expected, 2e-6)


@pytest.mark.parametrize("combination", COMBINATIONS)
def test_negative_similarities_have_complex_roots(combination):
    rng = np.random.default_rng(2)
    noise = rng.choice([0.0, 255.0], (64, 64, 3))
    for reference, distorted in ((noise, np.full_like(noise, 128)), (noise, 255 - noise), (noise, noise[::-1])):
        expected = numpy_mdsi.mdsi(reference, distorted, combination)
        assert_close(mdsi(reference, distorted, combination=combination), expected, 1e-12)
        single = mdsi(np.float32(reference), np.float32(distorted), combination=combination)
        assert_close(single, expected, 2e-6)


@pytest.mark.parametrize("combination", COMBINATIONS)
@pytest.mark.parametrize("size", [(97, 131), (385, 390), (640, 645)])
def test_identical_pictures_give_zero(size, combination):
    pictures = np.stack([scene(seed, *size) for seed in (3, 4, 5)])
    assert np.all(mdsi(pictures, pictures, combination=combination) == 0)


def test_identical_pictures_give_zero_beside_many_and_compiled():
    picture = scene(3, 97, 131)
    many = np.stack([picture] * 3)
    assert np.all(mdsi(picture, many) == 0)
    compiled = tf.function(mdsi, jit_compile=True)
    assert np.all(compiled(many[:1], many) == 0)


def test_one_changed_pixel_is_exact_in_float32():
    """Rounding of 1e-7 in the similarity would be 0.02 in the score."""
    reference = scene(4)
    distorted = reference.copy()
    distorted[50, 60, 1] ^= 1
    expected = numpy_mdsi.mdsi(reference, distorted)
    assert 0 < expected < 0.05
    assert_close(mdsi(reference, distorted), expected, 2e-6)


def test_flat_pictures():
    dark, light = np.full((40, 50, 3), 30.0), np.full((40, 50, 3), 200.0)
    assert mdsi(dark, dark) == 0
    assert_close(mdsi(dark, light), numpy_mdsi.mdsi(dark, light), 1e-10)


def test_roles_matter_and_lower_is_better():
    reference = scene(5).astype(float)
    scores = [float(mdsi(reference, gaussian_filter(reference, (blur, blur, 0)))) for blur in (0.5, 1, 2)]
    assert scores == sorted(scores)
    blurred = gaussian_filter(reference, (2, 2, 0))
    assert_close(mdsi(blurred, reference), numpy_mdsi.mdsi(blurred, reference), 1e-10)
    assert abs(mdsi(blurred, reference) - mdsi(reference, blurred)) > 1e-3


def test_batches_equal_single_calls():
    references = np.stack([scene(seed) for seed in range(3)])
    distorted = np.stack([distortions(one)[seed] for seed, one in enumerate(references)])
    single = [mdsi(one, other) for one, other in zip(references, distorted, strict=True)]
    assert_close(mdsi(references, distorted), single, 1e-7)
    assert_close(mdsi(references[0], distorted)[0], single[0], 1e-7)
    assert_close(mdsi(references, distorted[0])[0], single[0], 1e-7)


@pytest.mark.parametrize("combination", COMBINATIONS)
def test_unknown_sizes_and_compiled(combination):
    reference = scene(6, 97, 131)
    distorted = distortions(reference)
    expected = mdsi(reference, distorted, combination=combination)
    spec = tf.TensorSpec([None, None, None, 3], tf.uint8)
    anysize = tf.function(lambda a, b: mdsi(a, b, combination=combination), input_signature=[spec, spec])
    assert_close(anysize(reference[None], distorted), expected, 1e-7)
    compiled = tf.function(lambda a, b: mdsi(a, b, combination=combination), jit_compile=True)
    assert_close(compiled(reference[None], distorted), expected, 1e-6)


@pytest.mark.parametrize("combination", COMBINATIONS)
def test_gradient_equals_finite_differences(combination):
    rng = np.random.default_rng(7)
    reference = tf.constant(rng.uniform(0, 255, (20, 24, 3)))
    distorted = tf.Variable(rng.uniform(0, 255, (20, 24, 3)))
    with tf.GradientTape() as tape:
        score = mdsi(reference, distorted, combination=combination)
    gradient = tape.gradient(score, distorted)
    direction = rng.normal(size=distorted.shape)
    step = 1e-5
    ahead, behind = (mdsi(reference, distorted + sign * step * direction, combination=combination) for sign in (1, -1))
    assert np.sum(gradient * direction) == pytest.approx(float(ahead - behind) / (2 * step), rel=1e-4)


@pytest.mark.parametrize("combination", COMBINATIONS)
def test_gradient_is_finite_on_identical_and_flat_pictures(combination):
    pictures = tf.constant(np.stack([scene(8), np.full((96, 128, 3), 90, np.uint8)]), tf.float32)
    for reference in (pictures, pictures[::-1]):
        with tf.GradientTape() as tape:
            tape.watch(pictures)
            score = tf.reduce_sum(mdsi(reference, pictures, combination=combination))
        assert np.all(np.isfinite(tape.gradient(score, pictures)))


def test_errors():
    with pytest.raises(InvalidInput, match="at least 3"):
        mdsi(np.zeros((2, 9, 3)), np.zeros((2, 9, 3)))
    with pytest.raises(InvalidInput, match="combination must be sum or mult"):
        mdsi(np.zeros((9, 9, 3)), np.zeros((9, 9, 3)), combination="product")


def test_authors_values(shared):
    folder = shared / "full_reference"
    rows = [
        row
        for name in ("reference_values.csv", "edge_values.csv")
        for row in csv.DictReader((folder / name).open())
        if row["metric"] == "mdsi" and row["implementation"].startswith("authors_octave")
    ]
    for number, row in enumerate(rows):
        reference, distorted = (
            np.asarray(Image.open(folder / "pairs" / row[role]).convert("RGB")) for role in ("reference", "distorted")
        )
        if row["distorted"] == "edge_flat255.png":
            distorted = np.ones_like(distorted)  # the file has one bit a pixel, and Octave read 1 for white
        combination, value = row["implementation"].split(":")[1], float(row["value"])
        assert_close(mdsi(reference, distorted, combination=combination), value, 1e-6, row["pair"])
        if number % 12 == 0:
            near = 2e-4 if value < 1e-3 else 1e-9  # identical pictures: rounding of 1e-16, to the power 1/4
            exact = mdsi(reference.astype(float), distorted.astype(float), combination=combination)
            assert_close(exact, value, near, row["pair"])
            assert_close(numpy_mdsi.mdsi(reference, distorted, combination), value, near, row["pair"])
