import numpy as np
import pytest
import tensorflow as tf

from tfiqa.full_reference.banded import BLOCKS, bands, columns_product, rows_product
from tfiqa.images.matlab_resize import resize_matrix

MATRICES = {
    "shrinking": resize_matrix(100, "bilinear", new_size=37),
    "enlarging": resize_matrix(37, "bicubic", new_size=100),
    "fewer rows than blocks": resize_matrix(30, "bilinear", new_size=5),
    "one column": resize_matrix(1, "bilinear", new_size=7),
    "a row of zeros": np.diag([1.0, 2, 0, 4, 5]),
}


@pytest.mark.parametrize("name", MATRICES)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_products_are_those_of_the_whole_matrix(name, dtype):
    matrix = MATRICES[name]
    rows, columns = matrix.shape
    planes = np.random.default_rng(0).normal(size=(2, 3, columns, 11)).astype(dtype)
    table = tf.constant(bands(matrix), dtype)
    tolerance = {"atol": 1e-5 if dtype == np.float32 else 1e-14}
    expected = matrix @ planes
    np.testing.assert_allclose(rows_product(table, planes, rows), expected, **tolerance)
    np.testing.assert_allclose(
        columns_product(planes.swapaxes(-1, -2), table, rows), expected.swapaxes(-1, -2), **tolerance
    )


def test_the_blocks_are_narrow():
    table = bands(resize_matrix(384, "bilinear", new_size=256))
    assert table.shape[:2] == (BLOCKS, 16)
    assert table.shape[2] < 30
