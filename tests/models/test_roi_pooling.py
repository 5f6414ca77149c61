"""RoI pooling against the rule, one bin after the other."""

import math

import keras
import numpy as np
import pytest
import tensorflow as tf

from tfiqa.models.layers import RoIPooling, roi_pooling


def maps(*shape, seed=0):
    return np.random.default_rng(seed).normal(size=shape).astype(np.float32)


def nearest(value):
    return int(math.copysign(math.floor(abs(value)) + (abs(value) % 1 >= 0.5), value))


def sides(low, high, cells):
    start, stop = nearest(low / 32), nearest(high / 32)
    length = max(stop - start + 1, 1)
    size = np.float32(length) / np.float32(2)
    for place in range(2):
        first, last = start + math.floor(place * size), start + math.ceil((place + 1) * size)
        yield slice(*(min(max(cell, 0), cells) for cell in (first, last)))


def expected(features, boxes):
    """(N, R, 2, 2, C), as torchvision's kernel goes through the bins."""
    pooled = np.zeros((*boxes.shape[:2], 2, 2, features.shape[-1]), np.float32)
    _, height, width, _ = features.shape
    for picture, box in np.ndindex(boxes.shape[:2]):
        left, top, right, bottom = map(float, boxes[picture, box])
        for y, rows in enumerate(sides(top, bottom, height)):
            for x, columns in enumerate(sides(left, right, width)):
                window = features[picture, rows, columns]
                if window.size:
                    pooled[picture, box, y, x] = window.max(axis=(0, 1))
    return pooled


def random_boxes(count, boxes, extent, seed=0):
    """Anywhere around the picture, some reversed; every other one with coordinates halfway between cells."""
    rng = np.random.default_rng(seed)
    anywhere = rng.uniform(-0.3 * extent, 1.3 * extent, (count, boxes, 4))
    anywhere[:, ::2] = 16 * np.round(anywhere[:, ::2] / 16)
    return anywhere.astype(np.float32)


@pytest.mark.parametrize(("height", "width"), [(1, 1), (1, 9), (15, 20), (8, 7)])
def test_any_boxes(height, width):
    features, boxes = maps(2, height, width, 8), random_boxes(2, 300, 32 * max(height, width))
    np.testing.assert_array_equal(RoIPooling()(features, boxes), expected(features, boxes))


def test_known_boxes():
    """The value of a cell is its column plus 10 times its row, so that a maximum tells the last cell of a bin."""
    grid = (np.arange(3)[:, None] * 10 + np.arange(4)).astype(np.float32)[None, :, :, None]
    boxes = {
        (0, 0, 128, 96): [[12, 13], [22, 23]],  # right and bottom round to 4 and 3, beyond the map
        (0, 0, 96, 64): [[11, 13], [21, 23]],  # 4 columns, halved; 3 rows share the middle one
        (15, 0, 16, 0): [[0, 1], [0, 1]],  # 15 / 32 rounds to 0, 16 / 32 to 1
        (80, 16, 80, 16): [[13, 13], [13, 13]],  # 2.5 rounds to 3 and 0.5 to 1, not to even numbers
        (64, 32, 0, 0): [[12, 12], [12, 12]],  # reversed: the cell of its left top
        (-16, -16, 32, 32): [[0, 1], [10, 11]],  # -0.5 to -1: 3 columns from -1 on
        (112, 80, 300, 200): [[0, 0], [0, 0]],  # 3.5 to 4, right of the map
        (96, 64, 160, 128): [[23, 0], [0, 0]],  # the map's last cell; nothing beyond it
        (-400, -400, -200, -200): [[0, 0], [0, 0]],
    }
    pooled = RoIPooling()(grid, np.array(list(boxes), np.float32)[None])
    for box, got in zip(boxes, np.asarray(pooled)[0, ..., 0], strict=True):
        np.testing.assert_array_equal(got, boxes[box], err_msg=str(box))


def test_just_below_the_middle_is_not_rounded_up():
    grid = np.arange(2, dtype=np.float32).reshape(1, 1, 2, 1)
    below = np.nextafter(np.float32(16), np.float32(0))
    np.testing.assert_array_equal(np.ravel(RoIPooling()(grid, np.array([[[below, 0, below, 0]]], np.float32))), 0)


def test_boxes_that_are_not_finite_and_far_ones():
    features = maps(1, 3, 3, 4)
    good = [0, 0, 96, 96]
    boxes = [[np.nan if i == place else value for i, value in enumerate(good)] for place in range(4)]
    boxes += [[-np.inf, 0, 96, 96], [0, 0, np.inf, 96], [1e30, 0, 2e30, 96], [-2e30, 0, -1e30, 96]]
    boxes = np.array([[*boxes, [0, 0, 3e38, 3e38], good]], np.float32)
    pooled = np.asarray(RoIPooling()(features, boxes))[0]
    assert not pooled[:8].any()
    np.testing.assert_array_equal(pooled[8, 0, 0], features.max(axis=(0, 1, 2)))
    np.testing.assert_array_equal(pooled[9], expected(features, boxes[:, 9:])[0, 0])


def test_an_empty_bin_has_neither_value_nor_gradient_even_of_negative_features():
    features = -1 - np.abs(maps(1, 2, 2, 3))
    boxes = np.array([[[32, 32, 96, 96]]], np.float32)  # three cells from the map's last one on
    pooled = np.asarray(RoIPooling()(features, boxes))[0, 0]
    np.testing.assert_array_equal(pooled[0, 0], features[0, 1, 1])
    assert not pooled[0, 1].any()
    assert not pooled[1].any()
    np.testing.assert_array_equal(gradient(RoIPooling(), features, boxes)[0, ..., 0], [[0, 0], [0, 1]])


def gradient(layer, features, *arguments):
    features = tf.constant(features)
    with tf.GradientTape() as tape:
        tape.watch(features)
        total = tf.reduce_sum(layer(features, *arguments))
    return np.asarray(tape.gradient(total, features))


@pytest.mark.parametrize("parts", [1, 8])
def test_the_gradient_goes_to_the_maxima(parts, monkeypatch):
    monkeypatch.setattr(roi_pooling, "_TABLE_VALUES", 0 if parts == 8 else 1 << 25)
    features, boxes = maps(2, 5, 6, 16), random_boxes(2, 40, 200)
    want = np.zeros_like(features)
    for picture, box in np.ndindex(2, 40):
        left, top, right, bottom = map(float, boxes[picture, box])
        for rows in sides(top, bottom, 5):
            for columns in sides(left, right, 6):
                window = features[picture, rows, columns]
                if window.size:
                    want[picture, rows, columns] += window == window.max(axis=(0, 1))
    np.testing.assert_array_equal(gradient(RoIPooling(), features, boxes), want)


def test_equal_features_share_no_more_than_one_gradient():
    """After a ReLU many features are 0 together."""
    got = gradient(RoIPooling(), np.zeros((1, 4, 4, 3), np.float32), np.array([[[0, 0, 90, 90]]], np.float32))
    np.testing.assert_array_equal(got.sum(axis=(1, 2)), [[4, 4, 4]])


def test_boxes_beyond_the_count_are_not_there():
    features, boxes = maps(3, 4, 4, 5), random_boxes(3, 6, 128)
    count = np.array([0, 2, 6])
    pooled = np.asarray(RoIPooling()(features, boxes, count))
    for picture, pictures_count in enumerate(count):
        alone = slice(picture, picture + 1)
        np.testing.assert_array_equal(
            pooled[alone, :pictures_count], expected(features[alone], boxes[alone, :pictures_count])
        )
        assert not pooled[picture, pictures_count:].any()
    got = gradient(RoIPooling(), features, boxes, count)
    assert not got[0].any()
    np.testing.assert_array_equal(got[1:2], gradient(RoIPooling(), features[1:2], boxes[1:2, :2]))


def test_no_boxes():
    assert RoIPooling()(maps(2, 3, 3, 4), np.zeros((2, 0, 4), np.float32)).shape == (2, 0, 2, 2, 4)


@pytest.mark.parametrize(
    ("compiled", "table_values"),
    [(False, 1 << 25), (False, 0), (True, 0)],
    ids=["at once", "in parts", "in parts with XLA"],
)
def test_one_graph_takes_every_size(compiled, table_values, monkeypatch):
    monkeypatch.setattr(roi_pooling, "_TABLE_VALUES", table_values)
    layer = RoIPooling()

    @tf.function(
        input_signature=[tf.TensorSpec((None, None, None, 8)), tf.TensorSpec((None, None, 4))], jit_compile=compiled
    )
    def pooled_and_gradient(features, boxes):
        with tf.GradientTape() as tape:
            tape.watch(features)
            pooled = layer(features, boxes)
            total = tf.reduce_sum(pooled)
        return pooled, tape.gradient(total, features)

    for shape, boxes in (((1, 1, 1, 8), 1), ((2, 3, 17, 8), 50)):
        features, some = maps(*shape), random_boxes(shape[0], boxes, 32 * max(shape[1:3]))
        pooled, slope = pooled_and_gradient(features, some)
        np.testing.assert_array_equal(pooled, expected(features, some))
        np.testing.assert_array_equal(slope, gradient(RoIPooling(), features, some))


def test_some_sizes_may_be_known():
    features, boxes = maps(1, 4, 6, 8), random_boxes(1, 5, 190)
    for some, count in (((1, 4, None, 8), 1), ((None, 4, 6, 8), None), ((1, None, 6, 8), None)):
        signature = [tf.TensorSpec(some), tf.TensorSpec((count, None, 4))]
        np.testing.assert_array_equal(
            tf.function(RoIPooling(), input_signature=signature)(features, boxes), expected(features, boxes)
        )


def test_the_longest_sides():
    """65,535 pixels are 2,048 cells."""
    features = maps(1, 2048, 1, 8)
    boxes = np.array([[[0, 0, 31, 65535], [0, 32, 31, 65000], [0, 65535, 31, 65535]]], np.float32)
    graph = tf.function(
        RoIPooling(), input_signature=[tf.TensorSpec((None, None, None, 8)), tf.TensorSpec((None, None, 4))]
    )
    for pool in (RoIPooling(), graph):
        np.testing.assert_array_equal(pool(features, boxes), expected(features, boxes))


def test_half_precision_keeps_the_coordinates():
    keras.mixed_precision.set_dtype_policy("mixed_bfloat16")
    try:
        layer = RoIPooling()
    finally:
        keras.mixed_precision.set_dtype_policy("float32")
    features = np.arange(40, dtype=np.float32).reshape(1, 1, 40, 1)
    boxes = np.array([[[1007.9, 0, 1007.9, 0], [1008, 0, 1008, 0]]], np.float32)  # both are 1008 in bfloat16
    pooled = layer(tf.cast(features, tf.bfloat16), boxes)
    assert pooled.dtype == tf.bfloat16
    np.testing.assert_array_equal(np.asarray(pooled, np.float32)[0, :, 0, 0, 0], [31, 32])


def test_saving(tmp_path):
    features, boxes = keras.Input((None, None, 4)), keras.Input((None, 4))
    count = keras.Input((), dtype="int32")
    model = keras.Model([features, boxes, count], RoIPooling(name="pool")(features, boxes, count))
    assert model.output_shape == (None, None, 2, 2, 4)
    model.save(tmp_path / "m.keras")
    arguments = [maps(1, 3, 3, 4), random_boxes(1, 5, 96), np.array([3], np.int32)]
    want = np.asarray(model(arguments))
    again = keras.models.load_model(tmp_path / "m.keras")
    assert again.get_layer("pool").autocast is False
    np.testing.assert_array_equal(again(arguments), want)
    model.export(tmp_path / "saved", verbose=False)
    got = tf.saved_model.load(str(tmp_path / "saved")).serve(arguments)
    np.testing.assert_array_equal(got, want)
