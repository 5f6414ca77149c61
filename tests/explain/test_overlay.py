"""Colours over pictures, and parity with the authors' blended maps where the vectors are at hand."""

import io

import numpy as np
import pytest
from PIL import Image

from tfiqa.errors import InvalidInput
from tfiqa.explain.overlay import ColourBar, blend, colour_limits, fitted, magma, side_by_side, stretch


@pytest.mark.parametrize(
    ("low", "high", "want"),
    [(None, None, [0, 0.5, 1]), (0, 40, [0.25, 0.5, 0.75]), (20, None, [0, 0, 1]), (None, 20, [0, 1, 1])],
)
def test_values_are_stretched_and_clipped(low, high, want):
    np.testing.assert_allclose(stretch([10, 20, 30], low, high), want)


@pytest.mark.parametrize(
    ("low", "high", "want"), [(None, None, 0.5), (7, None, 0), (9, None, 0), (None, 7, 1), (None, 1, 1)]
)
def test_a_constant_map_and_limits_beyond_all_values_are_defined(low, high, want):
    first, last = colour_limits([7.0, 7.0], low, high)
    assert first < last
    assert low in (None, first)
    assert high in (None, last)
    np.testing.assert_array_equal(stretch(np.full((2, 3), 7.0), low, high), want)


@pytest.mark.parametrize("values", [[], [1.0, np.nan], [np.inf]])
def test_values_that_have_no_colour(values):
    with pytest.raises(InvalidInput, match="have to be finite"):
        stretch(values)


def test_limits_in_the_wrong_order():
    with pytest.raises(InvalidInput, match="Received: 5 and 5"):
        stretch([1.0], 5, 5)


def test_magma_is_dark_below_and_bright_above():
    colours = magma([[0, 0.5, 1]])
    assert colours.dtype == np.uint8
    assert colours.shape == (1, 3, 3)
    assert np.all(np.diff(colours.astype(int).sum(axis=-1)) > 0)
    np.testing.assert_array_equal(colours[0, [0, 2]], [[0, 0, 3], [251, 252, 191]])


def test_alpha_is_the_share_of_the_colours():
    picture, colours = np.full((30, 40, 3), 200, np.uint8), np.full((2, 2, 3), 100, np.uint8)
    for alpha, want in ((0, 200), (0.8, 120), (1, 100)):
        np.testing.assert_array_equal(blend(picture, colours, alpha), np.full((30, 40, 3), want))


def test_colours_are_brought_to_the_picture_bilinearly():
    colours = np.zeros((1, 2, 3), np.uint8)
    colours[0, 1] = 255
    row = blend(np.zeros((4, 40, 3), np.uint8), colours, 1.0)[0, :, 0].astype(int)
    assert (row[0], row[-1]) == (0, 255)
    assert 0 <= np.diff(row).min() <= np.diff(row).max() < 20


@pytest.mark.parametrize(
    ("size", "want"),
    [((500, 700), (500, 700)), ((1600, 400), (800, 200)), ((16, 8), (400, 200)), ((5000, 2), (800, 1))],
)
def test_pictures_are_brought_to_the_size_of_a_figure(size, want):
    assert fitted(np.zeros((*size, 3), np.uint8)).shape == (*want, 3)


@pytest.mark.parametrize("size", [(60, 2000), (1, 1)])
def test_figures_of_odd_pictures(size):
    picture = np.full((*size, 3), 90, np.uint8)
    png = side_by_side([("50% $of", picture), ("b", picture)], ColourBar(0, 1, "cost $"))
    width, height = Image.open(io.BytesIO(png)).size
    assert 600 < width < 2000
    assert 250 <= height < 900


def test_parity_with_the_authors_blended_maps(shared):
    vectors = shared / "parity" / "open"
    picture = np.asarray(Image.open(vectors / "paq_640x480.png").convert("RGB"))
    local = np.load(vectors / "paq2piq_roipool" / "expected.npz")["paq_qmap20_local"]
    for name, limits in (("vmin0_vmax100", (0, 100)), ("minmax", (None, None))):
        want = Image.open(vectors / "paq2piq_roipool" / f"paq_qmap_blend_{name}.png")
        np.testing.assert_array_equal(blend(picture, magma(stretch(local, *limits))), want)
