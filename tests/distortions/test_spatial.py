"""Types 19 to 21 and 23."""

import math

import numpy as np
import pytest
from scenes import scene
from scipy.interpolate import RegularGridInterpolator

from tfiqa import distortions
from tfiqa.distortions.spatial import _jittered, _pixelated

PICTURE = scene(4, 96, 120)
PICTURE[0, 0], PICTURE[0, 1] = 0, 255


def keys(distance):
    distance = abs(distance)
    if distance <= 1:
        return 1.5 * distance**3 - 2.5 * distance**2 + 1
    return -0.5 * distance**3 + 2.5 * distance**2 - 4 * distance + 2 if distance < 2 else 0.0


def test_jitter_is_cubic_convolution_at_each_place():
    rng = np.random.default_rng(0)
    picture = rng.random((9, 11, 3))
    shifts = 1.5 * rng.standard_normal((2, 9, 11))
    expected = np.zeros_like(picture)
    for r, c in np.ndindex(9, 11):
        y, x = r - shifts[0, r, c], c - shifts[1, r, c]
        for row in range(math.floor(y) - 1, math.floor(y) + 3):
            for column in range(math.floor(x) - 1, math.floor(x) + 3):
                sample = picture[np.clip(row, 0, 8), np.clip(column, 0, 10)]
                expected[r, c] += keys(y - row) * keys(x - column) * sample
    assert np.abs(_jittered(picture, shifts) - expected).max() < 1e-12


def test_jitter_of_whole_pixels_moves_them():
    picture = np.random.default_rng(1).random((40, 300, 3))  # more than one strip
    shifts = np.stack([np.full((40, 300), 2.0), np.full((40, 300), -3.0)])
    assert np.array_equal(_jittered(picture, shifts)[2:, :-3], picture[:-2, 3:])


def test_jitter_leaves_a_slope_a_slope():
    rows, columns = np.mgrid[:60, :60]
    slope = np.repeat((rows + 2 * columns)[..., None] / 200.0, 3, -1)
    shifts = 0.5 * np.random.default_rng(2).standard_normal((2, 60, 60))
    plane = RegularGridInterpolator((np.arange(60), np.arange(60)), slope)
    moved = plane(np.stack([rows - shifts[0], columns - shifts[1]], -1)[4:-4, 4:-4])
    assert np.abs(_jittered(slope, shifts)[4:-4, 4:-4] - moved).max() < 1e-12


def test_patches_are_copied_one_after_the_other():
    moves = [((0, 0), (8, 8)), ((8, 8), (40, 50))]
    expected = PICTURE.copy()
    for (r, c), (to_r, to_c) in moves:
        expected[to_r : to_r + 16, to_c : to_c + 16] = expected[r : r + 16, c : c + 16].copy()
    expected[0, 0], expected[0, 1] = PICTURE[0, 0], PICTURE[0, 1]
    assert np.array_equal(distortions.apply("non_eccentricity_patch", PICTURE, 1, draw=moves), expected)


@pytest.mark.parametrize("size", [(32, 32), (40, 47), (96, 120)])
def test_drawn_patches_go_to_nearby_places_inside(size, monkeypatch):
    from tfiqa.distortions import spatial

    moves, drawn = [], spatial._drawn_move
    monkeypatch.setattr(spatial, "_drawn_move", lambda *arguments: moves.append(drawn(*arguments)) or moves[-1])
    distortions.apply("non_eccentricity_patch", scene(0, *size), 5)
    moves = np.array(moves)
    assert len(moves) == 100
    assert np.abs(moves[:, 0] - moves[:, 1]).max() <= 8
    assert moves.min() >= 0
    assert (moves.max((0, 1)) <= np.array(size) - 16).all()


def test_blocks_cover_earlier_ones():
    draw = [((0, 5), (1, 0, 0)), ((16, 21), (0, 0.5, 1))]
    distorted = distortions.apply("color_block", PICTURE, 1, draw=draw)
    assert (distorted[0:16, 5:21] == [255, 0, 0]).all()
    assert (distorted[16:48, 21:53] == [0, 128, 255]).all()
    untouched = np.ones(PICTURE.shape[:2], bool)
    untouched[0:32, 5:37] = untouched[16:48, 21:53] = False
    assert np.array_equal(distorted[untouched], PICTURE[untouched])


@pytest.mark.parametrize("level", [1, 3, 5])
def test_drawn_blocks_are_squares_of_one_color(level):
    picture = np.zeros((200, 220, 3), np.uint8)
    picture[0, :2] = 255
    distorted = distortions.apply("color_block", picture, level)
    colors = np.unique(distorted.reshape(-1, 3), axis=0)
    assert 2 <= len(colors) <= 2 * level + 2
    assert (distorted.any(-1)).sum() <= 2 * level * 32 * 32 + 2


@pytest.mark.parametrize("side", [32, 33, 384, 512, 1000])
@pytest.mark.parametrize("s", [0.01, 0.05, 0.1, 0.2, 0.5])
def test_pixelation_takes_the_right_sources(side, s):
    scale = 0.95 - s**0.6
    small = math.ceil(scale * side)

    def source(output, factor, inputs):  # 1-based, as MATLAB counts
        return min(max(math.floor(output / factor + 0.5 * (1 - 1 / factor) + 0.5), 1), inputs)

    expected = [source(source(k, side / small, small), scale, side) - 1 for k in range(1, side + 1)]
    chosen = _pixelated(side, scale)
    assert chosen.tolist() == expected
    assert len(set(expected)) <= small
