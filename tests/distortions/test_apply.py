"""What holds for all 25 types."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scenes import scene

import tfiqa
from tfiqa import distortions
from tfiqa.distortions import DISTORTIONS, NAMES
from tfiqa.distortions.types import FUNCTIONS
from tfiqa.errors import InvalidInput, UnknownName
from tfiqa.registry import Entry

PICTURE = scene(1, 64, 80)
RANDOM = [each.name for each in DISTORTIONS if each.is_random]
MILDEST_IS_NONE = {"gaussian_blur": 1, "motion_blur": 1, "color_saturation_2": 1, "mean_shift": 3}


def full_range(picture):
    """The picture with both ends of the range in it, which the stretches leave alone."""
    picture = picture.copy()
    picture[0, 0], picture[0, 1] = 0, 255
    return picture


def test_every_name_has_a_function_and_no_more():
    assert sorted(FUNCTIONS.names()) == sorted(NAMES)
    assert tfiqa.list_distortions() == NAMES
    assert len(NAMES) == 25


@pytest.mark.parametrize("name", NAMES)
def test_same_arguments_give_the_same_picture(name):
    once = distortions.apply(name, PICTURE, 3, seed=5)
    again = distortions.apply(name, PICTURE.copy(), 3, seed=5)
    assert once.dtype == np.uint8
    assert once.shape == PICTURE.shape
    assert np.array_equal(once, again)
    other_seed = distortions.apply(name, PICTURE, 3, seed=6)
    assert np.array_equal(once, other_seed) == (name not in RANDOM)


def test_types_pictures_and_seeds_draw_for_themselves_and_levels_share(monkeypatch):
    drawn = []

    def keep(call):
        drawn.append(call.random.random())
        return call.picture

    entries = {name: Entry(name, keep, {"takes_draw": False}) for name in ("jitter", "white_noise")}
    monkeypatch.setattr(FUNCTIONS, "_entries", entries)
    for name in entries:
        for level in (1, 2):
            for picture in (PICTURE, PICTURE[::-1], PICTURE.reshape(80, 64, 3)):
                for seed in (0, 1):
                    distortions.apply(name, picture, level, seed)
    assert len(drawn) == 24
    assert len(set(drawn)) == 12


@pytest.mark.parametrize(("name", "level"), list(MILDEST_IS_NONE.items()))
def test_levels_without_effect_leave_a_full_range_alone(name, level):
    picture = full_range(PICTURE)
    assert np.array_equal(distortions.apply(name, picture, level), picture)


@pytest.mark.parametrize("name", NAMES)
def test_result_spans_the_range_as_the_second_stretch_makes_it(name):
    low_contrast = (PICTURE // 4 + 60).astype(np.uint8)
    distorted = distortions.apply(name, low_contrast, 2)
    assert (distorted.min(), distorted.max()) == (0, 255)


@pytest.mark.parametrize("seed", range(5))
def test_higher_levels_of_one_seed_hold_the_blocks_of_lower_ones(seed):
    black = full_range(np.zeros((200, 200, 3), np.uint8))
    covered = [distortions.apply("color_block", black, level, seed)[1:].any(-1) for level in range(1, 6)]
    for fewer, more in pairwise(covered):
        assert not (fewer & ~more).any()
        assert more.sum() > fewer.sum()


def test_without_stretch_only_the_distortion_remains():
    picture = (PICTURE // 4 + 60).astype(np.uint8)
    assert np.array_equal(distortions.apply("gaussian_blur", picture, 1, stretch=False), picture)
    lighter = distortions.apply("mean_shift", picture, 1, stretch=False)
    assert np.array_equal(lighter, np.floor(np.minimum(picture + 0.15 * 255, 255) + 0.5))


def test_without_stretch_what_exceeds_the_range_is_cut_off():
    picture = full_range(PICTURE)
    kept = distortions.apply("color_saturation_1", picture, 5, stretch=False)
    value = picture.max(axis=-1, keepdims=True) / 255
    exact = value + 0.4 * (value - picture / 255)
    assert exact.max() > 1
    assert np.abs(kept / 255 - np.minimum(exact, 1)).max() <= 0.5 / 255 + 1e-9


@pytest.mark.parametrize("name", NAMES)
def test_constant_pictures_stay_constant_unless_noise_or_blocks_are_laid_over(name):
    laid_over = {"denoise", "color_block", *(each for each in NAMES if "noise" in each)}
    for color in ((0, 0, 0), (77, 77, 77), (255, 255, 255), (200, 77, 31)):
        for level in (1, 5):
            picture = np.full((40, 36, 3), color, np.uint8)
            distorted = distortions.apply(name, picture, level)
            # Three constants are stretched against each other, a grey is left as it is.
            flat = (distorted == distorted[0, 0]).all()
            assert flat or name in laid_over
            if len(set(color)) == 1 and name not in laid_over and MILDEST_IS_NONE.get(name) == level:
                assert np.array_equal(distorted, picture)


@pytest.mark.parametrize("name", NAMES)
def test_grey_pictures_are_three_equal_channels(name):
    grey = PICTURE[..., 1]
    expected = distortions.apply(name, np.repeat(grey[..., None], 3, -1), 4)
    assert np.array_equal(distortions.apply(name, grey, 4), expected)
    assert np.array_equal(distortions.apply(name, grey[..., None], 4), expected)


@pytest.mark.parametrize("name", NAMES)
@settings(max_examples=8, deadline=None, derandomize=True)
@given(data=st.data())
def test_any_picture_of_any_size(name, data):
    height, width = (data.draw(st.integers(32, 70)) for _ in range(2))
    picture = data.draw(arrays(np.uint8, (height, width, 3), elements=st.integers(0, 255), fill=st.integers(0, 255)))
    level = data.draw(st.integers(1, 5))
    before = picture.copy()
    distorted = distortions.apply(name, picture, level, seed=data.draw(st.integers(0, 2**40)))
    assert np.array_equal(picture, before)
    assert distorted.dtype == np.uint8
    assert distorted.shape == (height, width, 3)


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (("jpeg", PICTURE / 255, 1), "float64"),
        (("jpeg", PICTURE[..., :2], 1), r"\(64, 80, 2\)"),
        (("jpeg", PICTURE[:31], 1), "80x31"),
        (("jpeg", [[1, 2], [3]], 1), "unequal"),
        (("jpeg", PICTURE, 3.0), "Received: 3.0"),
        (("jpeg", PICTURE, True), "Received: True"),
        (("jpeg", PICTURE, 1, 1.0), "Received: 1.0"),
        (("jpeg", PICTURE, 1, None), "Received: None"),
        (("jpeg", PICTURE, 1, 2**64), "whole number"),
        (("jpeg", PICTURE, 0), "Received: 0"),
        (("jpeg", PICTURE, 6), "Received: 6"),
        (("jpeg", PICTURE, 1, -1), "Received: -1"),
    ],
)
def test_bad_arguments_are_one_line(arguments, text):
    with pytest.raises(InvalidInput, match=text) as raised:
        distortions.apply(*arguments)
    assert "\n" not in str(raised.value)


def test_unknown_names_get_near_ones():
    with pytest.raises(UnknownName, match="gaussian_blur"):
        distortions.apply("gausian_blur", PICTURE, 1)
    with pytest.raises(UnknownName, match="None"):
        distortions.apply(None, PICTURE, 1)


@pytest.mark.parametrize(
    ("name", "draw"),
    [
        ("jpeg", 3),
        ("motion_blur", "steep"),
        ("motion_blur", float("nan")),
        ("color_shift", (1,)),
        ("color_shift", (-1, 2)),
        ("color_shift", 4),
        ("color_shift", (1.7, 1)),
        ("color_shift", (float("inf"), 1)),
        ("color_block", [((0, 0), (255, 0, 0))]),
        ("color_block", [((0, 0), (float("nan"), 0, 0))]),
        ("non_eccentricity_patch", [(1, 2)]),
        ("non_eccentricity_patch", [((0, 0), (60, 0))]),
        ("color_block", [((0, 0), (1, 1))]),
        ("color_block", [((40, 0), (1, 1, 1))]),
    ],
)
def test_draws_that_do_not_fit(name, draw):
    with pytest.raises(InvalidInput, match=name):
        distortions.apply(name, PICTURE, 2, draw=draw)


def test_numpys_whole_numbers_are_whole_numbers():
    expected = distortions.apply("jitter", PICTURE, 2, seed=7)
    assert np.array_equal(distortions.apply("jitter", PICTURE, np.int64(2), seed=np.uint32(7)), expected)
