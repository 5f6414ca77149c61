"""Views of a picture against crops by hand."""

import numpy as np
import pytest

from tfiqa.features.mlsp.views import VIEWS, view_of, view_size

PICTURE = np.random.default_rng(0).integers(0, 256, (84, 97, 3), np.uint8)


def test_names_are_the_authors():
    assert VIEWS["whole"] == ("whole",)
    assert VIEWS["train"] == ("0_0_0", "0_0_1", "0_1_0", "0_1_1", "1_0_0", "1_0_1", "1_1_0", "1_1_1")
    assert len(VIEWS["test"]) == len(set(VIEWS["test"])) == 18
    assert {"0.5_0_1", "0.5_0.5_0", "1_1_1"} < set(VIEWS["test"])
    assert set(VIEWS["train"]) < set(VIEWS["test"])


@pytest.mark.parametrize(
    ("view", "rows", "columns", "step"),
    [  # .875 * 84 = 73.5, rounded up 74, with 5 and 10 at the middle and the end; .875 * 97 = 84.875: 85, 6 and 12
        ("0_0_0", slice(0, 74), slice(0, 85), 1),
        ("0_1_1", slice(0, 74), slice(12, 97), -1),
        ("1_0_0", slice(10, 84), slice(0, 85), 1),
        ("1_1_1", slice(10, 84), slice(12, 97), -1),
        ("0.5_0.5_0", slice(5, 79), slice(6, 91), 1),
        ("0.5_0_1", slice(5, 79), slice(0, 85), -1),
    ],
)
def test_crops(view, rows, columns, step):
    crop = view_of(PICTURE, view)
    assert np.array_equal(crop, PICTURE[rows, columns][:, ::step])
    assert crop.shape[:2] == view_size(view, 84, 97)


def test_halves_are_rounded_up():
    assert view_size("0_0_0", 12, 4) == (11, 4)  # 10.5, 3.5
    picture = np.arange(12 * 20 * 3, dtype=np.uint8).reshape(12, 20, 3)  # crops of 11 x 18 (17.5): middles .5 and 1
    assert np.array_equal(view_of(picture, "0.5_0.5_0"), picture[1:12, 1:19])


def test_the_whole():
    assert view_of(PICTURE, "whole") is PICTURE
    assert view_size("whole", 5, 7) == (5, 7)
