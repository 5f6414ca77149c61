"""The damage follows the physics that it is meant to follow."""

import numpy as np
import pytest
from phone_damage import (
    KINDS,
    compressed,
    dark,
    defocused,
    enlarged,
    hazy,
    noisy,
    overexposed,
    shaken,
    smeared,
    to_light,
    to_picture,
)
from scenes import scene


def random(seed=0):
    return np.random.default_rng(seed)


def grey(value, side=96):
    return np.full((side, side, 3), value, np.uint8)


def point(side=65):
    """One white pixel on black."""
    picture = np.zeros((side, side, 3), np.uint8)
    picture[side // 2, side // 2] = 255
    return picture


def lit(picture):
    """Rows and columns with light."""
    return np.argwhere(picture.any(axis=-1)) - picture.shape[0] // 2


def test_srgb_has_the_light_of_its_standard_and_comes_back():
    assert to_light(np.array([0, 10, 188, 255])) == pytest.approx([0, 0.0030353, 0.5028865, 1], abs=1e-6)
    every = np.arange(256, dtype=np.uint8)
    assert np.array_equal(to_picture(to_light(every)), every)


def test_two_stops_leave_a_quarter_of_the_light():
    light = to_light(grey(200)).mean()
    assert to_light(dark(grey(200), 2, random())).mean() == pytest.approx(light / 4, rel=0.01)
    assert to_light(dark(grey(200), 4, random())).mean() == pytest.approx(light / 16, rel=0.02)


def test_overexposure_doubles_the_light_by_stops_and_clips():
    assert overexposed(grey(128), 1, random())[0, 0, 0] == 176  # .2159 of white becomes .4317
    assert (overexposed(grey(200), 2, random()) == 255).all()


def test_a_point_out_of_focus_is_a_disc_of_equal_light():
    spread = defocused(point(), 5, random())
    distances = np.hypot(*lit(spread).T)
    assert distances.max() <= 6
    inner = to_light(spread)[29:36, 29:36, 0]
    assert inner.std() < 0.02 * inner.mean()
    assert to_light(spread)[..., 0].sum() == pytest.approx(1, rel=0.05)


def test_a_point_shaken_is_a_path_of_the_length_that_is_thinner_than_long():
    spread = shaken(point(), 20, random())
    places = lit(spread)
    across = max(np.hypot(*(one - places).T).max() for one in places)
    assert 17 <= across <= 23
    assert len(places) < 150  # a disc of that diameter has 314
    assert to_light(spread)[..., 0].sum() == pytest.approx(1, rel=0.1)


def test_noise_is_that_of_the_electrons():
    """A grey of .2159 of 400 electrons has 86.4 of them; Poisson and 3 electrons of reading give a deviation of 9.76. Of the
    green samples, half are measured and half the mean of four: a share of sqrt(5/8) of it remains."""
    light = to_light(noisy(grey(128, 256), 400, random()))[..., 1] * 400
    assert light.mean() == pytest.approx(86.4, rel=0.01)
    assert light.std() == pytest.approx(9.76 * np.sqrt(5 / 8), rel=0.03)


def test_smearing_takes_most_of_the_noise_and_keeps_edges():
    edge = grey(60)
    edge[:, 48:] = 200
    before, after = noisy(edge, 400, random()).astype(float), smeared(edge, 400, random()).astype(float)
    assert after[:, 8:40].std() < 0.4 * before[:, 8:40].std()
    assert after[:, 52].mean() - after[:, 43].mean() > 110


def test_a_fine_texture_is_smeared_away():
    texture = grey(100)
    texture[::2, ::2] = texture[1::2, 1::2] = 110
    assert np.std(smeared(texture, 60, random())[8:-8, 8:-8] - 105.0) < 0.7 * np.std(
        noisy(texture, 60, random()) - 105.0
    )


def test_haze_lifts_black_and_lowers_contrast():
    assert hazy(grey(0), 0.5, random())[0, 0, 0] == 170  # .4 of white
    picture = scene(1)
    assert hazy(picture, 0.5, random()).std() < 0.5 * picture.std()


def test_enlarging_loses_what_is_finer_than_the_small_picture():
    stripes = grey(0)
    stripes[:, ::2] = 255
    assert enlarged(stripes, 4, random())[:, 8:-8].std() < 10


def test_compression_is_that_of_a_jpeg_file_in_blocks():
    picture = scene(2, 96, 96)
    errors = [np.abs(compressed(picture, quality, random()).astype(float) - picture).mean() for quality in (90, 18, 5)]
    assert errors == sorted(errors)
    assert errors[0] < 6


@pytest.mark.parametrize("name", KINDS)
def test_strong_is_further_away_than_mild_and_a_seed_gives_the_same(name):
    picture, damage = scene(3, 128, 128), KINDS[name]
    mild, strong = (damage.apply(picture, amount, random(5)) for amount in (damage.mild, damage.strong))
    assert mild.shape == strong.shape == picture.shape
    assert mild.dtype == strong.dtype == np.uint8
    assert np.array_equal(mild, damage.apply(picture, damage.mild, random(5)))
    errors = [np.square(each.astype(float) - picture).mean() for each in (mild, strong)]
    assert 0 < errors[0] < errors[1]
