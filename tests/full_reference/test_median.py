import numpy as np
import pytest
import tensorflow as tf

from tfiqa.full_reference.median import median, middle_numbers


def rows_of(rng, count, dtype):
    """Rows over many orders of magnitude, of few values, of one value, of zeros in the main, and with huge numbers."""
    rows = [
        np.exp(rng.normal(0, 8, count)),
        rng.integers(0, 4, count),
        np.full(count, 0.1),
        np.where(rng.random(count) < 0.7, 0, rng.random(count)),
        rng.random(count) * np.finfo(dtype).max,
        rng.random(count) * np.finfo(dtype).tiny,
        1 + rng.integers(0, 9, count) * np.finfo(dtype).eps,
    ]
    return np.stack(rows).astype(dtype)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("count", [1, 2, 3, 1000, 1001])
def test_the_middle_numbers_are_those_of_the_sorted_rows(count, dtype):
    rows = rows_of(np.random.default_rng(count), count, dtype)
    expected = np.sort(rows)[:, [(count - 1) // 2, count // 2]]
    np.testing.assert_array_equal(np.stack(middle_numbers(tf.constant(rows)), axis=1), expected)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_it_compiles(dtype):
    rows = rows_of(np.random.default_rng(0), 1000, dtype)
    found = tf.function(middle_numbers, jit_compile=True)(tf.constant(rows))
    np.testing.assert_array_equal(np.stack(found, axis=1), np.sort(rows)[:, 499:501])


def test_the_median_of_an_even_count_lies_between():
    np.testing.assert_array_equal(median(tf.constant([[4.0, 0, 1, 3], [2, 2, 2, 9]])), [2, 2])


@pytest.mark.parametrize("sign", [1, -1])
def test_what_is_not_a_number_counts_as_the_largest(sign):
    nan = np.copysign(np.float32(np.nan), np.float32(sign))
    found = median(tf.constant(np.array([[nan, 1, 2, 3, 4], [nan, nan, nan, nan, 1]], np.float32)))
    np.testing.assert_array_equal(found, [3, np.nan])


def test_the_gradient_goes_to_the_middle_numbers():
    rows = tf.constant([[4.0, 0, 1, 3], [2, 5, 2, 0]])
    with tf.GradientTape() as tape:
        tape.watch(rows)
        value = median(rows)
    np.testing.assert_array_equal(tape.gradient(value, rows), [[0, 0, 0.5, 0.5], [0.5, 0, 0.5, 0]])
