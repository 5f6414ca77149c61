"""The ladders go down, and their files have the sizes that they are said to have."""

from itertools import pairwise

import codec_ladders
import numpy as np
import pytest
from codec_ladders import CODECS, OTHERS, need_codecs
from PIL import features
from scenes import scene

from tfiqa.errors import MissingPackage


def random():
    return np.random.default_rng(0)


def climbed(ladder, picture):
    """Errors and file sizes from the best to the worst."""
    made = [ladder.apply(picture, amount, random()) for amount in ladder.amounts]
    assert all(version.shape == picture.shape and version.dtype == np.uint8 for version, _ in made)
    return [float(np.square(version.astype(float) - picture).mean()) for version, _ in made], [size for _, size in made]


@pytest.mark.parametrize("name", CODECS)
def test_every_step_of_a_codec_is_a_smaller_file_of_a_worse_picture(name):
    if name == "h265":
        pytest.importorskip("pillow_heif", reason="H.265 needs pillow-heif")
    if name == "avif" and not features.check("avif"):
        pytest.skip("this Pillow has no AVIF")
    need_codecs([name])
    errors, sizes = climbed(CODECS[name], scene(1, 192, 192))
    assert all(one < other for one, other in pairwise(errors))
    assert all(one > other for one, other in pairwise(sizes))


@pytest.mark.parametrize("name", OTHERS)
def test_every_step_of_noise_and_blur_is_a_worse_picture_without_a_file(name):
    errors, sizes = climbed(OTHERS[name], scene(1, 96, 96))
    assert all(one < other for one, other in pairwise(errors))
    assert sizes == [None] * 6


def test_noise_has_its_deviation_in_every_channel():
    grey = np.full((128, 128, 3), 128, np.uint8)
    noise = OTHERS["white_noise"].apply(grey, 0.1, random())[0] - 128.0
    assert noise.std(axis=(0, 1)) == pytest.approx([25.5] * 3, rel=0.03)
    assert abs(np.corrcoef(noise[..., 0].ravel(), noise[..., 1].ravel())[0, 1]) < 0.05


def test_blur_spreads_a_point_by_its_deviation_and_mixes_no_channels():
    lines = np.zeros((65, 65, 3), np.uint8)
    lines[:, 32, 1] = 255
    blurred = OTHERS["gaussian_blur"].apply(lines, 4, random())[0].astype(float)
    assert not blurred[..., [0, 2]].any()
    profile = blurred[32, :, 1]
    assert profile[32] == pytest.approx(255 / (4 * np.sqrt(2 * np.pi)), abs=1)
    assert profile[36] / profile[32] == pytest.approx(np.exp(-0.5), abs=0.03)


def test_a_codec_that_is_not_there_is_an_error_that_says_what_to_do(monkeypatch):
    def missing(name):
        raise ImportError(name)

    monkeypatch.setattr(codec_ladders, "import_module", missing)
    monkeypatch.setattr(codec_ladders.features, "check", lambda name: False)
    need_codecs(["jpeg", "webp"])
    with pytest.raises(MissingPackage, match=r"pip install pillow-heif.*\(--codec jpeg\)"):
        need_codecs(["jpeg", "h265"])
    with pytest.raises(MissingPackage, match="no AVIF"):
        need_codecs(["avif"])
