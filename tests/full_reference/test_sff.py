"""SFF against NumPy, the authors' values, and what must hold for every picture."""

import csv

import numpy as np
import numpy_sff
import pytest
import tensorflow as tf
from PIL import Image
from scenes import scene
from scipy.ndimage import gaussian_filter
from skimage import data as photographs

from tfiqa.errors import InvalidInput
from tfiqa.full_reference.sff import BASIS_FILE, sff


def assert_close(found, expected, tolerance, what=""):
    np.testing.assert_allclose(found, expected, rtol=0, atol=tolerance, err_msg=what)


def distortions(picture):
    """The picture blurred, noisy, brighter and negative; uint8 (4, H, W, 3)."""
    noise = np.random.default_rng(0).normal(0, 20, picture.shape)
    blurred = gaussian_filter(picture.astype(float), (1.5, 1.5, 0))
    changed = [blurred, picture + noise, picture + 30.0, 255.0 - picture]
    return np.clip(np.round(changed), 0, 255).astype(np.uint8)


@pytest.fixture(scope="module")
def basis():
    return np.load(BASIS_FILE)


@pytest.mark.parametrize("size", [(9, 9), (96, 96), (97, 131), (104, 120)])
def test_equals_numpy_at_every_size(size, basis):
    reference = scene(1, *size)
    distorted = distortions(reference)
    expected = [numpy_sff.sff(reference, one, basis) for one in distorted]
    exact = sff(reference.astype(float), distorted.astype(float))
    assert exact.dtype == tf.float64
    assert_close(exact, expected, 1e-10)
    assert_close(sff(reference, distorted), expected, 2e-6)


def test_basis_of_ones_own():
    """Of no symmetry, so that the order of pixels and channels in a patch matters."""
    reference = photographs.astronaut()[:129, 100:260]
    distorted = distortions(reference)
    for seed in (0, 1):
        own = np.random.default_rng(seed).normal(0, 0.001, (8, 192))
        expected = [numpy_sff.sff(reference, one, own) for one in distorted]
        assert_close(sff(reference, distorted, basis=own), expected, 2e-6)


@pytest.mark.parametrize("compiled", [False, True])
def test_ties_fall_as_in_double_precision(compiled, basis):
    """Brighter by one constant, all patches change alike; rounding of the means by 1e-14 decides which count."""
    reference = np.random.default_rng(2).integers(0, 200, (64, 96, 3)).astype(np.uint8)
    distorted = reference + np.uint8(30)
    distorted[:20, :20] += np.random.default_rng(3).integers(0, 20, (20, 20, 3)).astype(np.uint8)
    expected = numpy_sff.sff(reference, distorted, basis)
    measure = tf.function(lambda a, b: sff(a, b), jit_compile=compiled)
    assert_close(measure(reference, distorted), expected, 2e-6)
    assert_close(measure(reference.astype(float), distorted.astype(float)), expected, 1e-10)


def test_shipped_basis_is_whitened(basis):
    """On photographs its features have no mean and about the same size, which the constants of the measure suppose."""
    assert basis.shape == (8, 192)
    assert_close(basis.sum(axis=1), 0, 1e-12)
    pictures = (photographs.astronaut(), photographs.chelsea(), photographs.coffee(), photographs.rocket())
    features = np.concatenate([numpy_sff.patches(picture)[0] for picture in pictures]) @ basis.T
    assert_close(features.T @ features / len(features), np.eye(8), 0.4)


def test_identical_pictures_give_one():
    pictures = np.stack([scene(3), scene(4)])
    assert np.all(sff(pictures, pictures) == 1)
    assert np.all(sff(pictures.astype(float), pictures.astype(float)) == 1)
    assert sff(pictures[:1], np.stack([pictures[0]] * 3)).numpy() == pytest.approx([1, 1, 1], abs=0)


def test_flat_pictures(basis):
    dark, light = np.full((40, 50, 3), 30, np.uint8), np.full((40, 50, 3), 200, np.uint8)
    noise = np.random.default_rng(4).integers(0, 256, dark.shape).astype(np.uint8)
    assert sff(dark, dark) == 1
    for one, other in ((dark, light), (dark, noise), (noise, dark)):
        assert_close(sff(one, other), numpy_sff.sff(one, other, basis), 2e-6)
    assert sff(dark, noise) < 0.95


def test_higher_is_better_and_roles_matter():
    reference = photographs.chelsea()[:96, 100:228].astype(float)
    blurred = [gaussian_filter(reference, (blur, blur, 0)) for blur in (0.5, 1, 2, 4)]
    scores = [float(sff(reference, one)) for one in blurred]
    assert scores == sorted(scores, reverse=True)
    assert abs(sff(blurred[3], reference) - scores[3]) > 1e-4
    assert sff(reference, 255 - reference) < -0.5


def test_batches_equal_single_calls():
    references = np.stack([scene(seed) for seed in range(3)])
    distorted = np.stack([distortions(one)[seed] for seed, one in enumerate(references)])
    single = [sff(one, other) for one, other in zip(references, distorted, strict=True)]
    assert_close(sff(references, distorted), single, 1e-7)
    assert_close(sff(references[0], distorted)[0], single[0], 1e-7)
    assert_close(sff(references, distorted[0])[0], single[0], 1e-7)


def test_unknown_sizes_and_compiled():
    reference = scene(6, 97, 131)
    distorted = distortions(reference)
    expected = sff(reference, distorted)
    spec = tf.TensorSpec([None, None, None, 3], tf.uint8)
    assert_close(tf.function(sff, input_signature=[spec, spec])(reference[None], distorted), expected, 1e-7)
    assert_close(tf.function(sff, jit_compile=True)(reference[None], distorted), expected, 1e-6)
    rows = tf.data.Dataset.from_tensor_slices(distorted).map(lambda one: sff(reference, one))
    assert_close(list(rows.as_numpy_iterator()), expected, 1e-7)


def test_gradient_equals_finite_differences():
    rng = np.random.default_rng(7)
    reference = tf.constant(rng.uniform(0, 255, (33, 41, 3)))
    distorted = tf.Variable(reference + rng.normal(0, 20, (33, 41, 3)))
    with tf.GradientTape() as tape:
        score = sff(reference, distorted)
    gradient = tape.gradient(score, distorted)
    direction = rng.normal(size=distorted.shape)
    step = 1e-5
    ahead, behind = (sff(reference, distorted + sign * step * direction) for sign in (1, -1))
    assert np.sum(gradient * direction) == pytest.approx(float(ahead - behind) / (2 * step), rel=1e-4)


def test_gradient_is_finite_on_identical_and_flat_pictures():
    pictures = tf.constant(np.stack([scene(8), np.full((96, 128, 3), 90, np.uint8)]), tf.float32)
    for reference in (pictures, pictures[::-1]):
        with tf.GradientTape() as tape:
            tape.watch(pictures)
            score = tf.reduce_sum(sff(reference, pictures))
        assert np.all(np.isfinite(tape.gradient(score, pictures)))


def test_errors():
    with pytest.raises(InvalidInput, match="at least 9"):
        sff(np.zeros((8, 20, 3)), np.zeros((8, 20, 3)))
    with pytest.raises(InvalidInput, match=r"basis must be \(8, 192\)"):
        sff(np.zeros((9, 9, 3)), np.zeros((9, 9, 3)), basis=np.zeros((192, 8)))


def test_authors_values(shared):
    folder = shared / "full_reference"
    basis = np.load(folder / "SFF_W.npy")
    rows = [
        row
        for name in ("reference_values.csv", "edge_values.csv")
        for row in csv.DictReader((folder / name).open())
        if row["metric"] == "sff" and row["implementation"] == "authors_octave"
    ]
    for number, row in enumerate(rows):
        reference, distorted = (
            np.asarray(Image.open(folder / "pairs" / row[role]).convert("RGB")) for role in ("reference", "distorted")
        )
        value, found = float(row["value"]), sff(reference, distorted, basis=basis)
        if np.isnan(value):
            assert 0 < found <= 1, row["pair"]
            continue
        assert_close(found, value, 1e-6, row["pair"])
        if number % 7 == 0:
            assert_close(sff(reference.astype(float), distorted.astype(float), basis=basis), value, 1e-9, row["pair"])
            assert_close(numpy_sff.sff(reference, distorted, basis), value, 1e-9, row["pair"])
