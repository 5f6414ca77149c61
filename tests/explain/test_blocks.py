"""Where the blocks of a map are."""

import numpy as np
import pytest

from tfiqa.errors import InvalidInput
from tfiqa.explain.blocks import MOST_BLOCKS, block_boxes, dense_boxes, parse_grid


@pytest.mark.parametrize(
    ("text", "shape"), [("20", (20, 20)), ("3x5", (3, 5)), ("32px", (15, 20)), ("1000px", (1, 1)), ("dense", (16, 21))]
)
def test_grids(text, shape):
    grid = parse_grid(text)
    assert str(grid) == text
    assert grid.shape(485, 650) == shape
    blocks = grid.place(*shape, 485, 650)
    assert blocks.shape == (*shape, 4)
    assert blocks.dtype == np.float32
    np.testing.assert_array_equal(blocks[0, 0, :2], 0)
    np.testing.assert_array_equal(blocks[-1, -1, 2:], [650, 485])


@pytest.mark.parametrize(
    "text", ["", "0", "20x", "x20", "-3", "3x0", "32 px", "0px", "Dense", "1e3", "2.5", "100000", "٣"]
)
def test_what_is_no_grid(text):
    with pytest.raises(InvalidInput, match="a grid is '20'"):
        parse_grid(text)


def test_a_grid_has_a_limit():
    assert parse_grid("256").shape(10, 10) == (256, 256)
    with pytest.raises(InvalidInput, match=f"at most {MOST_BLOCKS:,} blocks; grid 1px of 4000x3000 pixels has more"):
        parse_grid("1px").shape(3000, 4000)


def test_equal_blocks_share_their_edges_and_are_not_rounded():
    blocks = block_boxes(3, 4, 10, 30)
    np.testing.assert_allclose(blocks[1, 2], [15, 10 / 3, 22.5, 20 / 3], rtol=1e-6)
    np.testing.assert_array_equal(blocks[:, 1:, 0], blocks[:, :-1, 2])
    np.testing.assert_array_equal(blocks[1:, :, 1], blocks[:-1, :, 3])


def test_dense_blocks_of_large_pictures_overlap():
    blocks = dense_boxes(94, 125, 3000, 4000)
    np.testing.assert_allclose(blocks[..., 2] - blocks[..., 0], 200, rtol=1e-4)
    np.testing.assert_allclose(blocks[..., 3] - blocks[..., 1], 150, rtol=1e-4)
    np.testing.assert_allclose(np.diff(blocks[0, 10:-10, 0]), 32, rtol=1e-4)
    assert blocks.min() >= 0
    assert blocks[..., 2].max() == 4000


def test_dense_blocks_of_small_pictures_are_equal_blocks():
    np.testing.assert_allclose(dense_boxes(4, 6, 128, 190), block_boxes(4, 6, 128, 190), atol=1e-4)


def test_blocks_are_those_of_the_authors(shared):
    want = np.load(shared / "parity" / "open" / "paq2piq_roipool" / "expected.npz")["paq_qmap20_rois"]
    np.testing.assert_array_equal(block_boxes(20, 20, 480, 640).reshape(-1, 4), want[1:])
