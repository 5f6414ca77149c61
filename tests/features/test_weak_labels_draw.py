"""What is drawn for a picture, and the picture's way to its size and into a PNG file."""

import hashlib
import io
from collections import Counter

import numpy as np
import pytest
from PIL import Image
from scenes import scene
from scipy.ndimage import gaussian_filter
from scipy.stats import chi2

from tfiqa.distortions.levels import LEVELS, NAMES
from tfiqa.errors import InvalidInput, UnknownName
from tfiqa.features.weak_labels.draw import DRAWS, distortion_seed, drawn_types, picture_digest
from tfiqa.features.weak_labels.png import png_bytes
from tfiqa.features.weak_labels.references import Carried, Pristine
from tfiqa.features.weak_labels.settings import Settings
from tfiqa.features.weak_labels.shrink import shrunk

PICTURES = 10_000


def is_uniform(counts, cells):
    """Whether counts pass a chi-square test at one in ten thousand."""
    expected = sum(counts) / cells
    statistic = sum((count - expected) ** 2 for count in counts) / expected
    return len(counts) == cells and statistic < chi2.ppf(1 - 1e-4, cells - 1)


def test_types_are_drawn_uniformly():
    digests = [picture_digest(0, f"{number}.png", b"") for number in range(PICTURES)]
    one = Counter(name for digest in digests for name in drawn_types(digest, 1))
    assert is_uniform(one.values(), 25)
    five = Counter(name for digest in digests for name in drawn_types(digest, 5))
    assert is_uniform(five.values(), 25)
    assert is_uniform(Counter(distortion_seed(digest, 3) % 16 for digest in digests).values(), 16)
    assert len({distortion_seed(digests[0], level) for level in range(1, 6)}) == 5


def test_types_of_one_picture_differ_and_small_draws_are_in_large_ones():
    digest = picture_digest(7, "a.png", b"bytes")
    one, five, every = (drawn_types(digest, DRAWS[draw]) for draw in ("one", "five", "all"))
    assert (len(one), len(set(five)), every) == (1, 5, NAMES)
    assert set(one) < set(five)
    assert list(five) == sorted(five, key=NAMES.index)


def test_the_draw_depends_on_seed_name_and_bytes():
    digests = {picture_digest(*each) for each in [(0, "a", b"x"), (1, "a", b"x"), (0, "b", b"x"), (0, "a", b"y")]}
    assert len(digests) == 4
    assert (
        picture_digest(0, "a.png", b"x")
        == hashlib.sha256(b"0\na.png\n" + hashlib.sha256(b"x").hexdigest().encode()).digest()
    )


def test_two_seeds_draw_independently():
    pairs = Counter()
    for number in range(PICTURES):
        types = [drawn_types(picture_digest(seed, f"{number}", b""), 1)[0] for seed in (0, 1)]
        pairs[tuple(NAMES.index(name) // 5 for name in types)] += 1
    assert is_uniform(pairs.values(), 25)


def test_versions_have_kadid_names():
    pristine = Pristine("sub/a", "all", None, Carried("g", "train", None))
    versions = pristine.draw_versions(bytes(32))
    assert len(pristine) == len(versions) == 25 * len(LEVELS)
    assert [version.image for version in versions[:6]] == [f"sub/a_01_0{level}.png" for level in LEVELS] + [
        "sub/a_02_01.png"
    ]
    assert versions[-1].image == "sub/a_25_05.png"
    assert all(version.carried == Carried("g", "train", None) for version in versions)
    given = Pristine("a", None, "jpeg", Carried("g", None, None)).draw_versions(bytes(32))
    assert [(version.distortion, version.level) for version in given] == [("jpeg", level) for level in LEVELS]


@pytest.mark.parametrize("size", [(1, 1), (1, 7), (5, 1), (37, 53)])
def test_png_files_are_lossless(size):
    picture = np.random.default_rng(1).integers(0, 256, (*size, 3), np.uint8)
    with Image.open(io.BytesIO(png_bytes(picture))) as image:
        image.verify()
    image = Image.open(io.BytesIO(png_bytes(picture)))
    assert (image.format, image.mode) == ("PNG", "RGB")
    assert np.array_equal(np.asarray(image), picture)


def test_png_files_are_small():
    """For photographs, which are smooth with a little noise."""
    rough = np.random.default_rng(2).normal(0, 60, (192, 256, 3))
    picture = (gaussian_filter(rough, (4, 4, 0)) * 8 + 128 + rough / 30).clip(0, 255).astype(np.uint8)
    stream = io.BytesIO()
    Image.fromarray(picture).save(stream, "PNG", compress_level=1)
    assert len(png_bytes(picture)) < 1.1 * len(stream.getvalue()) < 0.9 * picture.size


def test_pictures_shrink_to_span_and_lose_their_rims():
    picture = np.zeros((400, 1000, 3), np.uint8)
    picture[:, 300:700] = 255  # what stays, but for the filter's width
    small = shrunk(picture, 100, 100)
    assert small.shape == (100, 100, 3)
    assert (small[:, 3:-3] == 255).all()
    high = shrunk(np.ascontiguousarray(picture.transpose(1, 0, 2)), 100, 100)
    assert np.array_equal(high.transpose(1, 0, 2), small)


def test_a_picture_of_that_size_is_left_alone():
    picture = scene(2, 96, 128)
    assert np.array_equal(shrunk(picture, 128, 96), picture)
    assert np.array_equal(shrunk(picture, 100, 96), picture[:, 14:114])


def test_pristine_pictures_are_not_enlarged():
    with pytest.raises(InvalidInput, match="128x96 pixels do not span 512x384"):
        shrunk(scene(2, 96, 128), 512, 384)


def test_settings_are_checked():
    with pytest.raises(UnknownName, match="did you mean 'five'"):
        Settings(("gmsd",), draw="fiv")
    with pytest.raises(InvalidInput, match="from 0"):
        Settings(("gmsd",), seed=-1)
    with pytest.raises(InvalidInput, match="0x5"):
        Settings(("gmsd",), size=(0, 5))
