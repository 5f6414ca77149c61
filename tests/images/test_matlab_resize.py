import math

import numpy as np
import pytest

from tfiqa.errors import InvalidInput
from tfiqa.images.matlab_resize import resize_matrix, resize_plane


def bilinear(x):
    return max(0.0, 1 - abs(x))


def bicubic(x):
    x = abs(x)
    if x <= 1:
        return 1.5 * x**3 - 2.5 * x**2 + 1
    return -0.5 * x**3 + 2.5 * x**2 - 4 * x + 2 if x <= 2 else 0.0


def mirrored(index, size):
    """The sample (1-based) that stands at an index outside 1..size: each border repeats its edge sample."""
    while not 1 <= index <= size:
        index = 1 - index if index < 1 else 2 * size + 1 - index
    return index


def slow_resize(samples, kernel, count, scale):
    """One axis, one sample and one tap after the other, 1-based as MATLAB counts."""
    function, width = {"bilinear": (bilinear, 2), "bicubic": (bicubic, 4)}[kernel]
    if scale < 1:
        narrow, width = function, width / scale

        def function(x):
            return scale * narrow(scale * x)

    resized = []
    for j in range(1, count + 1):
        centre = j / scale + 0.5 * (1 - 1 / scale)
        left = math.floor(centre - width / 2)
        weighted = total = 0.0
        for index in range(left, left + math.ceil(width) + 2):
            weight = function(centre - index)
            weighted += weight * samples[mirrored(index, len(samples)) - 1]
            total += weight
        resized.append(weighted / total)
    return resized


@pytest.mark.parametrize("kernel", ["bilinear", "bicubic"])
@pytest.mark.parametrize(
    ("size", "new_size"),
    [(384, 256), (511, 256), (96, 256), (177, 256), (256, 511), (5, 5), (1, 7), (9, 1), (40, 3), (2, 9)],
)
def test_new_size(size, new_size, kernel):
    samples = np.random.default_rng(size).uniform(0, 255, size)
    matrix = resize_matrix(size, kernel, new_size=new_size)
    assert matrix.shape == (new_size, size)
    np.testing.assert_allclose(
        matrix @ samples, slow_resize(samples, kernel, new_size, new_size / size), rtol=0, atol=1e-10
    )


@pytest.mark.parametrize("kernel", ["bilinear", "bicubic"])
@pytest.mark.parametrize(
    ("size", "scale"), [(192, 0.25), (193, 0.25), (195, 0.25), (3, 0.25), (20, 0.3), (7, 2.5), (8, 1.0)]
)
def test_scale(size, scale, kernel):
    samples = np.random.default_rng(size).uniform(0, 255, size)
    count = math.ceil(scale * size)
    matrix = resize_matrix(size, kernel, scale=scale)
    assert matrix.shape == (count, size)
    np.testing.assert_allclose(matrix @ samples, slow_resize(samples, kernel, count, scale), rtol=0, atol=1e-10)


def test_a_scale_and_its_rounded_size_place_the_samples_differently():
    by_scale, by_size = resize_matrix(193, "bicubic", scale=0.25), resize_matrix(193, "bicubic", new_size=49)
    assert by_scale.shape == by_size.shape
    assert np.abs(by_scale - by_size).max() > 1e-3


def test_rows_computed_by_hand():
    np.testing.assert_allclose(
        resize_matrix(2, "bilinear", new_size=4), [[1, 0], [0.75, 0.25], [0.25, 0.75], [0, 1]], atol=1e-15
    )
    # Halving: the triangle of four samples weighs 1 3 3 1; the outermost falls on the repeated edge.
    np.testing.assert_allclose(
        resize_matrix(4, "bilinear", scale=0.5), np.array([[4, 3, 1, 0], [0, 1, 3, 4]]) / 8, atol=1e-15
    )
    # Doubling: the seventh sample lies at 3.75, so 1.75, 0.75, 0.25 and 1.25 from the second to fifth.
    np.testing.assert_allclose(
        resize_matrix(6, "bicubic", new_size=12)[6], [0, -0.0234375, 0.2265625, 0.8671875, -0.0703125, 0], atol=1e-15
    )
    # Three to one: the triangle 1 2 3 2 1 (ninths), both ends of which fall on the repeated edges.
    np.testing.assert_allclose(resize_matrix(3, "bilinear", new_size=1), [[1 / 3, 1 / 3, 1 / 3]], atol=1e-15)


@pytest.mark.parametrize("kernel", ["bilinear", "bicubic"])
@pytest.mark.parametrize(("size", "new_size"), [(300, 41), (41, 300), (17, 17)])
def test_every_matrix_keeps_flat_lines_and_symmetry(size, new_size, kernel):
    matrix = resize_matrix(size, kernel, new_size=new_size)
    np.testing.assert_allclose(matrix.sum(axis=1), 1, atol=1e-13)
    np.testing.assert_allclose(matrix, matrix[::-1, ::-1], atol=1e-13)
    if size == new_size:
        np.testing.assert_allclose(matrix, np.eye(size), atol=1e-15)


def test_the_kept_matrix_cannot_be_changed():
    matrix = resize_matrix(8, "bilinear", new_size=4)
    assert resize_matrix(8, "bilinear", new_size=4) is matrix
    with pytest.raises(ValueError, match="read-only"):
        matrix[0, 0] = 1


@pytest.mark.parametrize("sizes", [{}, {"new_size": 4, "scale": 0.5}])
def test_either_a_new_size_or_a_scale(sizes):
    with pytest.raises(InvalidInput, match="resize_matrix takes either new_size or scale"):
        resize_matrix(8, "bilinear", **sizes)


@pytest.mark.parametrize(("height", "width"), [(12, 17), (13, 16), (1, 3)])
def test_a_plane_is_resized_by_its_matrices(height, width):
    plane = np.random.default_rng(0).uniform(0, 255, (height, width))
    rows, columns = (resize_matrix(side, "bicubic", scale=0.5) for side in plane.shape)
    resized = resize_plane(plane, "bicubic", 0.5)
    assert resized.shape == (-(-height // 2), -(-width // 2))
    np.testing.assert_allclose(resized, rows @ plane @ columns.T, atol=1e-11)


def test_halving_has_eight_taps():
    plane = np.zeros((20, 3))
    plane[10] = 256
    # An even row meets every other one of the taps -3 -9 29 111 111 29 -9 -3.
    np.testing.assert_allclose(
        resize_plane(plane, "bicubic", 0.5)[:, 1], [0, 0, 0, -3, 29, 111, -9, 0, 0, 0], atol=1e-11
    )
