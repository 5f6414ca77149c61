"""The 37 numbers of a scene, beside their definition written in NumPy."""

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image
from scenes import scene

from tfiqa.errors import InvalidInput
from tfiqa.features.scenes.descriptor import _compiled, scene_descriptor
from tfiqa.features.scenes.pictures import describe_pictures

MEANS, DEVIATIONS, EDGES = slice(0, 16), slice(16, 32), slice(32, 37)
ROOT = 2**0.5
FILTERS = [[[1, -1], [1, -1]], [[1, 1], [-1, -1]], [[ROOT, 0], [0, -ROOT]], [[0, ROOT], [-ROOT, 0]], [[2, -2], [-2, 2]]]


def by_definition(picture):
    """The descriptor of one picture (H, W, 3), block by block and cell by cell, in float64."""
    grey = picture.astype(np.float64) @ [299, 587, 114] / 1000
    rows, columns = grey.shape[0] // 8, grey.shape[1] // 8
    blocks = [grey[y * rows : (y + 1) * rows, x * columns : (x + 1) * columns] for y in range(8) for x in range(8)]
    means, _ = np.histogram([block.mean() for block in blocks], 16, (0, 255))
    deviations, _ = np.histogram([block.std() for block in blocks], 16, (0, 127.5))
    edges = np.zeros(5)
    for y in range(0, 8 * rows, 2):
        for x in range(0, 8 * columns, 2):
            responses = [abs((grey[y : y + 2, x : x + 2] * each).sum()) for each in FILTERS]
            edges[np.argmax(np.round(responses, 9))] += max(responses) > 11 + 1e-9
    return np.concatenate([means / 64, deviations / 64, edges / max(edges.sum(), 1)])


def flat(value, height=16, width=16):
    return np.full((1, height, width, 3), value, np.uint8)


def cells(*values):
    """A picture (1, 16, 16, 3) of cells with these grey values a, b, c, d."""
    picture = np.tile(np.reshape(values, (2, 2)), (8, 8))
    return np.repeat(picture[np.newaxis, ..., np.newaxis], 3, axis=-1).astype(np.uint8)


@pytest.mark.parametrize(("height", "width"), [(16, 16), (17, 31), (40, 24), (48, 71), (67, 40)])
@pytest.mark.parametrize("kind", [np.uint8, np.float32])
def test_it_equals_its_definition_in_any_size(height, width, kind):
    rng = np.random.default_rng(height)
    smooth = scene(1, height, width)
    noisy = np.clip(smooth // 3 + rng.normal(0, 9, smooth.shape), 0, 255)
    dim = rng.uniform(0, 20, smooth.shape)
    pictures = np.stack([smooth, noisy, dim]).astype(kind)
    got = scene_descriptor(pictures).numpy()
    assert got.shape == (3, 37)
    assert got.dtype == np.float32
    np.testing.assert_allclose(got, [by_definition(picture) for picture in pictures], atol=1e-6)
    np.testing.assert_array_equal(scene_descriptor(pictures[1:2])[0], got[1])


def test_it_is_compiled_once_for_all_sizes():
    for side in (16, 50, 33):
        scene_descriptor(np.zeros((side % 3, side, 2 * side, 3), np.uint8))
    assert _compiled(tf.uint8).experimental_get_tracing_count() == 1


def test_what_lies_beyond_whole_blocks_does_not_count():
    picture = np.full((1, 39, 47, 3), 255, np.uint8)
    picture[:, :32, :40] = scene(2, 32, 40)
    np.testing.assert_array_equal(scene_descriptor(picture), scene_descriptor(picture[:, :32, :40]))


@pytest.mark.parametrize(("value", "place"), [(0, 0), (15, 0), (16, 1), (127, 7), (128, 8), (254, 15), (255, 15)])
def test_flat_pictures_have_no_edges(value, place):
    expected = np.zeros(37)
    expected[[place, 16]] = 1
    np.testing.assert_array_equal(scene_descriptor(flat(value))[0], expected)


def test_the_ends_of_bins():
    half = flat(0)
    half[:, :, 1::2] = 255  # mean and deviation are 127.5
    described = scene_descriptor(half)[0].numpy()
    assert described[8] == 1
    assert described[31] == 1
    assert described[32] == 1


@pytest.mark.parametrize(
    ("values", "place"),
    [
        ((99, 9, 99, 9), 0),
        ((9, 9, 99, 99), 1),
        ((99, 50, 50, 0), 2),
        ((50, 0, 99, 50), 3),
        ((99, 0, 0, 99), 4),
        ((99, 0, 0, 0), 4),  # of a corner, the non-directional filter responds the most
        ((72, 27, 57, 42), 0),  # the non-directional filter responds by 60 as well: the first counts
    ],
)
def test_kinds_of_edges(values, place):
    np.testing.assert_array_equal(scene_descriptor(cells(*values))[0, EDGES], np.eye(5)[place])
    np.testing.assert_array_equal(scene_descriptor(cells(*reversed(values)))[0, EDGES], np.eye(5)[place])


def test_an_edge_responds_by_more_than_eleven():
    grey = np.full((1, 16, 16, 3), 100.0, np.float32)
    grey[0, :2, 0] = 105.5  # the vertical filter responds by 11
    assert not scene_descriptor(grey)[0, EDGES].numpy().any()
    grey[0, :2, 0] = 105.51
    np.testing.assert_array_equal(scene_descriptor(grey)[0, EDGES], [1, 0, 0, 0, 0])


def test_large_pictures_lose_no_digits():
    # One level of blue in one of 40,000 pixels keeps each block's mean from the end of a bin; single precision loses it.
    picture = np.full((1, 1600, 1600, 3), 127, np.uint8)
    picture[:, :, ::2] = 128
    picture[:, ::200, ::200, 2] -= 1
    described = scene_descriptor(picture)[0].numpy()
    assert described[7] == 1
    picture[:, ::200, ::200, 2] += 1
    assert scene_descriptor(picture)[0, 8] == 1


@pytest.mark.parametrize(
    ("pictures", "told"),
    [
        (np.zeros((16, 16, 3), np.uint8), r"the shape \(N,H,W,3\)"),
        (np.zeros((1, 16, 16, 1), np.uint8), r"the shape \(N,H,W,3\)"),
        (np.zeros((1, 15, 16, 3), np.uint8), "has 16 x 15 pixels; its scene needs 16 x 16"),
        (np.zeros((1, 16, 16, 3), np.int32), "uint8 or floating point. Received: int32"),
    ],
)
def test_what_is_no_picture(pictures, told):
    with pytest.raises(InvalidInput, match=told):
        scene_descriptor(pictures)


def test_files_are_described_and_bad_ones_told(tmp_path):
    sizes = [(40, 30), (64, 50), (9, 40)]
    for place, size in enumerate(sizes):
        Image.fromarray(scene(place, *size)).save(tmp_path / f"{place}.png")
    (tmp_path / "3.png").write_bytes(b"no picture")
    seen = []
    files = [tmp_path / f"{place}.png" for place in range(4)]
    descriptors, errors = describe_pictures(files, workers=2, progress=lambda *counts: seen.append(counts))
    assert seen == [(1, 4), (2, 4), (3, 4), (4, 4)]
    for place in range(2):
        np.testing.assert_array_equal(descriptors[place], scene_descriptor(scene(place, *sizes[place])[np.newaxis])[0])
    assert np.isnan(descriptors[2:]).all()
    assert errors[:2] == [None, None]
    assert errors[2] == f"{files[2]}: has 40 x 9 pixels; its scene needs 16 x 16"
    assert errors[3].startswith(f"{files[3]}: ")
