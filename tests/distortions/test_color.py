"""Types 4, 5, 7 and 8 against slow versions of them."""

import colorsys

import numpy as np
import pytest
from scenes import scene
from scipy.ndimage import gaussian_filter

from tfiqa import distortions
from tfiqa.distortions.lab import from_lab, to_lab
from tfiqa.errors import InvalidInput


@pytest.fixture
def picture():
    picture = scene(2, 48, 60)
    picture[0, 0], picture[0, 1] = 0, 255
    return picture


def restored(values):
    return np.floor(255 * (values - values.min()) / np.ptp(values) + 0.5)


@pytest.mark.parametrize(("level", "factor"), [(1, 0.4), (4, 0), (5, -0.4)])
def test_saturation_of_hsv(picture, level, factor):
    distorted = np.empty(picture.shape)
    for place in np.ndindex(picture.shape[:2]):
        hue, saturation, value = colorsys.rgb_to_hsv(*picture[place] / 255)
        distorted[place] = colorsys.hsv_to_rgb(hue, saturation * factor, value)
    assert np.abs(distortions.apply("color_saturation_1", picture, level) - restored(distorted)).max() <= 1


def test_no_saturation_is_grey(picture):
    grey = distortions.apply("color_saturation_1", picture, 4)
    assert np.array_equal(grey, np.repeat(picture.max(-1, keepdims=True), 3, -1))


def test_saturation_of_lab(picture):
    lab = to_lab(picture / 255) * [1, 3, 3]
    assert np.array_equal(distortions.apply("color_saturation_2", picture, 3), restored(np.clip(from_lab(lab), 0, 1)))


def test_diffusion_blurs_only_the_chroma(picture):
    lab = to_lab(picture / 255)
    for channel in (1, 2):
        lab[..., channel] = 3 * gaussian_filter(lab[..., channel], 6.5, mode="nearest", radius=13)
    expected = restored(np.clip(from_lab(lab), 0, 1))
    assert np.abs(distortions.apply("color_diffusion", picture, 2) - expected).max() <= 1


def test_shift_moves_green_alone_and_down_to_the_right():
    picture = np.zeros((80, 80, 3), np.uint8)
    picture[40:] = 255
    picture[:, 60:, 1] = 90
    shifted = distortions.apply("color_shift", picture, 5, draw=(6, 0))
    assert np.array_equal(shifted[..., [0, 2]], picture[..., [0, 2]])
    changed = np.nonzero((shifted[..., 1] != picture[..., 1]).any(1))[0]
    assert changed.min() == 40
    assert changed.max() == 45
    assert (shifted[40:46, :50, 1] < 255).all()


def test_no_shift_is_no_change(picture):
    assert np.array_equal(distortions.apply("color_shift", picture, 3, draw=(0, 0)), picture)


def test_a_shift_beyond_the_picture_is_its_edge(picture):
    assert distortions.apply("color_shift", picture, 3, draw=(500, 500)).shape == picture.shape


def test_drawn_shifts_have_the_length(monkeypatch, picture):
    from tfiqa.distortions import color

    seen = []
    drawn = color._drawn_shift
    monkeypatch.setattr(color, "_drawn_shift", lambda call: seen.append(drawn(call)) or seen[-1])
    for seed in range(60):
        distortions.apply("color_shift", picture, 5, seed)
    lengths = np.hypot(*np.transpose(seen))
    assert np.abs(lengths - 12).max() < 0.75
    assert np.min(seen) >= 0
    assert len(set(seen)) > 8


def test_a_shift_to_the_left_is_refused(picture):
    with pytest.raises(InvalidInput, match="color_shift"):
        distortions.apply("color_shift", picture, 3, draw=(0, -1))
