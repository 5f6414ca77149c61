import math
from dataclasses import asdict, replace

import numpy as np
import pytest
from scipy import ndimage

from tfiqa.errors import InvalidInput
from tfiqa.images import statistics
from tfiqa.images.statistics import STATISTICS, picture_statistics

PURE = ("hasler_colorfulness", "rms_contrast", "spatial_information")  # zero for a flat grey picture


def noise(height=40, width=50, seed=0):
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), np.uint8)


def luma(picture):
    red, green, blue = np.moveaxis(picture.astype(np.float64), -1, 0)
    return 0.299 * red + 0.587 * green + 0.114 * blue


def halves(left, right):
    picture = np.empty((6, 8, 3), np.uint8)
    picture[:, :4], picture[:, 4:] = left, right
    return picture


def assert_same(one, other, **tolerance):
    for name in STATISTICS:
        assert getattr(one, name) == pytest.approx(getattr(other, name), **(tolerance or {"rel": 1e-12})), name


@pytest.mark.parametrize("value", [0, 17, 255])
def test_a_flat_grey_picture_is_exactly_zero_but_for_its_brightness(value):
    found = picture_statistics(np.full((9, 11, 3), value, np.uint8))
    assert [getattr(found, name) for name in PURE] == [0, 0, 0]
    assert found.absolute_brightness == 3 * value
    assert (found.width, found.height, found.pixel_count, found.aspect_ratio) == (11, 9, 99, 11 / 9)


def test_a_flat_picture_of_fractions_is_exactly_zero_too():
    found = picture_statistics(np.full((300, 300, 3), 100.3, np.float32))
    assert [getattr(found, name) for name in PURE] == [0, 0, 0]


def test_a_grey_picture_has_no_colour():
    grey = noise()[..., :1].repeat(3, axis=-1)
    assert picture_statistics(grey).hasler_colorfulness == 0


def test_colourfulness_by_hand():
    # one colour: no deviation, rg = 255, yb = 127.5
    red = np.zeros((5, 5, 3), np.uint8)
    red[..., 0] = 255
    assert picture_statistics(red).hasler_colorfulness == pytest.approx(0.3 * math.hypot(255, 127.5))
    # red and green halves: rg = +-100 with mean 0, yb = 50 throughout
    assert picture_statistics(halves((100, 0, 0), (0, 100, 0))).hasler_colorfulness == pytest.approx(100 + 0.3 * 50)
    # blue and yellow halves: rg = 0, yb = -200 and 200
    assert picture_statistics(halves((0, 0, 200), (200, 200, 0))).hasler_colorfulness == pytest.approx(200)


def test_brightness_and_contrast_by_hand():
    found = picture_statistics(halves((255, 255, 255), (0, 0, 0)))
    assert found.absolute_brightness == 765 / 2
    assert found.rms_contrast == pytest.approx(0.5)
    found = picture_statistics(halves((10, 20, 30), (0, 0, 0)))
    assert found.absolute_brightness == 30
    assert found.rms_contrast == pytest.approx((2.99 + 11.74 + 3.42) / 2 / 255)


def test_spatial_information_by_hand():
    # a step of 100 between columns 3 and 4 of 8: of the 6 inner columns two have the gradient 4 x 100
    found = picture_statistics(halves((100, 100, 100), (0, 0, 0)))
    assert found.spatial_information == pytest.approx(400 * math.sqrt(2 / 6 * 4 / 6))


def test_an_even_ramp_has_gradients_that_do_not_vary():
    ramp = np.arange(60, dtype=np.uint8)[np.newaxis, :, np.newaxis].repeat(40, axis=0).repeat(3, axis=2)
    assert picture_statistics(ramp).spatial_information == pytest.approx(0, abs=1e-5)


@pytest.mark.parametrize("shape", [(3, 3), (3, 200), (200, 3), (97, 61), (300, 333)])
def test_all_against_whole_picture_formulas(shape):
    picture = noise(*shape, seed=shape[0])
    found = picture_statistics(picture)
    grey = luma(picture)
    gradient = np.hypot(ndimage.sobel(grey, axis=0), ndimage.sobel(grey, axis=1))[1:-1, 1:-1]
    red, green, blue = np.moveaxis(picture.astype(np.float64), -1, 0)
    rg, yb = red - green, (red + green) / 2 - blue
    assert found.spatial_information == pytest.approx(gradient.std(), rel=1e-9, abs=1e-5)
    assert found.rms_contrast == pytest.approx((grey / 255).std(), rel=1e-12)
    assert found.absolute_brightness == pytest.approx((red + green + blue).mean(), rel=1e-12)
    colourfulness = np.hypot(rg.std(), yb.std()) + 0.3 * np.hypot(rg.mean(), yb.mean())
    assert found.hasler_colorfulness == pytest.approx(colourfulness, rel=1e-12)


@pytest.mark.parametrize("pixels", [1, 50, 51, 130, 2000])
def test_the_size_of_the_strips_does_not_matter(monkeypatch, pixels):
    whole = picture_statistics(noise())
    monkeypatch.setattr(statistics, "STRIP_PIXELS", pixels)
    assert_same(picture_statistics(noise()), whole)


@pytest.mark.parametrize("axis", [0, 1])
def test_flips_change_nothing(axis):
    assert_same(picture_statistics(np.flip(noise(), axis)), picture_statistics(noise()))


def test_a_quarter_turn_only_swaps_the_sides():
    upright, turned = picture_statistics(noise()), picture_statistics(np.rot90(noise()))
    swapped = replace(turned, width=turned.height, height=turned.width, aspect_ratio=1 / turned.aspect_ratio)
    assert_same(swapped, upright)


def test_the_negative_differs_in_brightness_alone():
    found, negative = picture_statistics(noise()), picture_statistics(255 - noise())
    assert negative.absolute_brightness == pytest.approx(765 - found.absolute_brightness)
    assert_same(replace(negative, absolute_brightness=found.absolute_brightness), found)


def test_half_the_contrast_halves_all_that_varies():
    found, half = picture_statistics(noise()), picture_statistics(noise().astype(np.float32) / 2)
    for name in ("absolute_brightness", *PURE):
        assert getattr(half, name) == pytest.approx(getattr(found, name) / 2, rel=1e-9)


@pytest.mark.parametrize("kind", [np.float16, np.float32, np.float64])
def test_floating_point_of_the_same_scale_gives_the_same(kind):
    assert_same(picture_statistics(noise().astype(kind)), picture_statistics(noise()))


def test_plain_python_numbers_come_out():
    assert {type(value) for value in asdict(picture_statistics(noise())).values()} == {int, float}


@pytest.mark.parametrize(
    ("picture", "text"),
    [
        (np.zeros((8, 8), np.uint8), r"shape \(H,W,3\). Received: \(8, 8\)"),
        (np.zeros((8, 8, 4), np.uint8), r"shape \(H,W,3\). Received: \(8, 8, 4\)"),
        (np.zeros((8, 8, 3), np.int32), "uint8 or floating point. Received: int32"),
        (np.zeros((2, 8, 3), np.uint8), "has 8 x 2 pixels; its statistics need 3 x 3"),
        (np.zeros((8, 0, 3), np.uint8), "has 0 x 8 pixels"),
    ],
)
def test_other_arrays_are_refused(picture, text):
    with pytest.raises(InvalidInput, match=text):
        picture_statistics(picture)


def test_real_pictures_are_in_the_published_ranges(shared):
    """Hasler and Suesstrunk's scale of words runs from 0 (not colourful) to 109 (extremely colourful)."""
    from tfiqa.images.decode import decode_picture

    found = [
        picture_statistics(decode_picture(path)) for path in sorted((shared / "data/pristine/kodak").glob("*.png"))
    ]
    assert len(found) == 18
    assert all(0 < each.hasler_colorfulness < 109 for each in found)
    assert all(0 < each.rms_contrast < 0.5 for each in found)
