"""Padding of small maps alone."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from tfiqa.models.layers import PadToSide


@pytest.mark.parametrize(("height", "width"), [(1, 1), (3, 7), (7, 3), (5, 5), (6, 9)])
def test_zeros_below_and_on_the_right(height, width):
    maps = np.random.default_rng(0).uniform(1, 2, (2, height, width, 3)).astype(np.float32)
    want = np.pad(maps, ((0, 0), (0, max(5 - height, 0)), (0, max(5 - width, 0)), (0, 0)))
    np.testing.assert_array_equal(PadToSide(5)(maps), want)
    assert PadToSide(5).compute_output_shape(maps.shape) == want.shape


def test_one_graph_takes_every_size_and_is_saved(tmp_path):
    image = keras.Input((None, None, 3))
    model = keras.Model(image, PadToSide(4)(image))
    assert model.output_shape == (None, None, None, 3)
    model.save(tmp_path / "m.keras")
    again = keras.models.load_model(tmp_path / "m.keras")
    graph = tf.function(again, input_signature=[tf.TensorSpec((None, None, None, 3))])
    for height, width in ((2, 6), (4, 4), (9, 1)):
        padded = graph(np.ones((1, height, width, 3), np.float32))
        assert padded.shape == (1, max(height, 4), max(width, 4), 3)
        assert np.sum(padded) == height * width * 3
