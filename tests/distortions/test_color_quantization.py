"""Palette, table of nearest colors and dither against plain loops, and against a picture of KADID-10k."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from scenes import scene

from tfiqa.distortions import apply
from tfiqa.distortions.color_quantization import color_quantization
from tfiqa.distortions.column_dither import column_dither
from tfiqa.distortions.family import Call, to_bytes
from tfiqa.distortions.inverse_colormap import inverse_colormap
from tfiqa.distortions.levels import DISTORTIONS
from tfiqa.distortions.stretch import stretched
from tfiqa.distortions.wu_palette import wu_palette

COLORS = (64, 48, 32, 16, 8)
RANDOM = np.random.default_rng(0)
NOISE = RANDOM.integers(0, 256, (32, 32, 3), dtype=np.uint8)
DARK = (NOISE // 5 + 20).astype(np.uint8)


def planes_of(picture):
    return np.ascontiguousarray(picture.transpose(2, 1, 0))


def palette_of(picture, colors):
    return wu_palette(planes_of(picture).reshape(3, -1), colors)


# Plain loops.


def slow_deviation(pixels):
    if len({tuple(value >> 3 for value in pixel) for pixel in pixels}) < 2:
        return 0.0
    squares = sum(value * value for pixel in pixels for value in pixel)
    sums = [float(sum(channel)) for channel in zip(*pixels, strict=True)]
    return squares - (sums[0] ** 2 + sums[1] ** 2 + sums[2] ** 2) / len(pixels)


def slow_gain(pixels):
    sums = [float(sum(channel)) for channel in zip(*pixels, strict=True)]
    return (sums[0] ** 2 + sums[1] ** 2 + sums[2] ** 2) / len(pixels)


def slow_palette(picture, colors):
    boxes = [picture.reshape(-1, 3).tolist()]
    while len(boxes) < colors:
        deviations = [slow_deviation(box) for box in boxes]
        worst = deviations.index(max(deviations))
        if deviations[worst] <= 0:
            break
        best, halves = 0.0, None
        for axis in range(3):
            for plane in range(1, 32):
                lower = [pixel for pixel in boxes[worst] if pixel[axis] >> 3 < plane]
                upper = [pixel for pixel in boxes[worst] if pixel[axis] >> 3 >= plane]
                if lower and upper and (gain := slow_gain(lower) + slow_gain(upper)) > best:
                    best, halves = gain, (lower, upper)
        boxes[worst] = halves[0]
        boxes.append(halves[1])
    return np.array([[sum(channel) // len(box) for channel in zip(*box, strict=True)] for box in boxes])


class OutwardSearch:
    """The cells a color claims, one by one, with the starts that the search keeps from row to row and plane to plane."""

    def __init__(self, closer, home):
        self.closer, self.home, self.start, self.claimed = closer, home, list(home), []
        found = False
        for way in (range(home[0], 32), range(home[0] - 1, -1, -1)):
            for plane in way:
                if self.plane_found(plane, restart=plane == way[0]):
                    found = True
                elif found:
                    break

    def plane_found(self, plane, restart):
        return self.outward(1, restart, lambda row, first: self.row_found(plane, row, restart=first))

    def row_found(self, plane, row, restart):
        return self.outward(2, restart, lambda cell, first: self.cell_found((plane, row, cell)))

    def cell_found(self, cell):
        if self.closer[cell]:
            self.claimed.append(cell)
        return self.closer[cell]

    def outward(self, axis, restart, found_at):
        if restart:
            self.start[axis] = self.home[axis]
        found = False
        for step in (1, -1):
            place = self.start[axis] if step == 1 else self.start[axis] - 1
            first = True
            while 0 <= place < 32:
                if found_at(place, first):
                    if not found:
                        self.start[axis] = place
                    found = True
                elif found:
                    break
                first = False
                place += step
        return found


def slow_inverse_colormap(palette):
    nearest = np.zeros((32, 32, 32), int)
    distances = np.full((32, 32, 32), 10**9)
    centers = np.arange(32) * 8 + 4
    for index, color in enumerate(palette):
        red, green, blue = (np.subtract(centers, value) ** 2 for value in color)
        candidates = red[:, None, None] + green[:, None] + blue
        for cell in OutwardSearch(candidates < distances, [int(value) >> 3 for value in color]).claimed:
            distances[cell], nearest[cell] = candidates[cell], index
    return nearest


def exact_inverse_colormap(palette):
    """The nearest color of each cell, without exception."""
    centers = np.arange(32) * 8 + 4
    red, green, blue = ((centers[:, None] - palette[:, channel]) ** 2 for channel in range(3))
    return (red[:, None, None] + green[:, None] + blue).argmin(-1).astype(np.uint8)


def slow_dither(picture, palette, nearest):
    height, width, _ = picture.shape
    values = picture.astype(int).tolist()
    chosen = np.zeros((height, width), int)
    for column in range(width):
        for row in range(height):
            pixel = [min(max(value, 0), 255) for value in values[row][column]]
            index = chosen[row, column] = nearest[tuple(value >> 3 for value in pixel)]
            for channel in range(3):
                lacking = pixel[channel] - int(palette[index][channel])
                for down, right, share in ((1, 0, 7), (-1, 1, 3), (0, 1, 5), (1, 1, 1)):
                    if 0 <= row + down < height and column + right < width:
                        rounded = (abs(lacking) * share + 8) // 16
                        values[row + down][column + right][channel] += rounded if lacking > 0 else -rounded
    return chosen


@pytest.mark.parametrize("colors", [1, 2, 8, 16])
@pytest.mark.parametrize("picture", [NOISE, DARK, scene(1, 32, 40)], ids=["noise", "dark", "scene"])
def test_palette_is_that_of_plain_loops(picture, colors):
    np.testing.assert_array_equal(palette_of(picture, colors), slow_palette(picture, colors))


def test_palette_of_few_colors():
    picture = np.zeros((32, 32, 3), np.uint8)
    picture[:, 8:16] = (255, 0, 0)
    picture[:, 16:] = (9, 200, 77)
    palette = palette_of(picture, 64)
    assert sorted(map(tuple, palette.tolist())) == [(0, 0, 0), (9, 200, 77), (255, 0, 0)]


def test_of_equal_cuts_that_of_red_is_taken():
    picture = np.zeros((32, 32, 3), np.uint8)
    picture[16:, :, 0] = 255
    picture[:, 16:, 1] = 255
    assert palette_of(picture, 2).tolist() == [[0, 127, 0], [255, 127, 0]]


def test_values_of_one_cell_share_their_mean_without_its_fraction():
    picture = np.full((32, 32, 3), 80, np.uint8)
    picture[::2] = 87
    assert palette_of(picture, 8).tolist() == [[83, 83, 83]]


def test_palette_does_not_depend_on_the_chunks(monkeypatch):
    expected = palette_of(NOISE, 16)
    monkeypatch.setattr("tfiqa.distortions.wu_palette.CHUNK", 100)
    np.testing.assert_array_equal(palette_of(NOISE, 16), expected)


@pytest.mark.parametrize("colors", COLORS)
def test_table_is_that_of_plain_loops(colors):
    palette = palette_of(scene(colors), colors)
    np.testing.assert_array_equal(inverse_colormap(palette), slow_inverse_colormap(palette))


@settings(max_examples=10, deadline=None)
@given(st.lists(st.tuples(*[st.integers(0, 255)] * 3), min_size=1, max_size=12))
def test_table_of_any_palette_is_that_of_plain_loops(colors):
    palette = np.array(colors)
    np.testing.assert_array_equal(inverse_colormap(palette), slow_inverse_colormap(palette))


def test_search_stops_at_a_gap_between_planes():
    palette = np.array(
        [(119, 127, 131), (117, 111, 125), (120, 117, 122), (114, 116, 137), (118, 120, 129), (115, 122, 127)]
    )
    np.testing.assert_array_equal(inverse_colormap(palette), slow_inverse_colormap(palette))


def test_table_has_the_nearest_colors_but_beyond_gaps():
    palette = np.random.default_rng(3).integers(0, 256, (64, 3))
    wrong = inverse_colormap(palette) != exact_inverse_colormap(palette)
    assert 0 < wrong.sum() < 32**3 / 500


@pytest.mark.parametrize("shape", [(32, 32), (3, 50), (57, 4), (41, 1), (32, 45)])
def test_dither_is_that_of_plain_loops(shape):
    picture = np.random.default_rng(1).integers(0, 256, (*shape, 3), dtype=np.uint8)
    picture[: shape[0] // 2] //= 3
    palette = palette_of(picture, 8)
    nearest = inverse_colormap(palette)
    np.testing.assert_array_equal(
        column_dither(planes_of(picture), palette, nearest).T, slow_dither(picture, palette, nearest)
    )


def test_dither_keeps_the_mean():
    ramp = np.tile(np.linspace(0, 255, 64).astype(np.uint8)[:, None, None], (1, 64, 3))
    palette = np.array([[0, 0, 0], [255, 255, 255]])
    chosen = column_dither(planes_of(ramp), palette, inverse_colormap(palette))
    assert abs(palette[chosen].mean() - ramp.mean()) < 2


@pytest.mark.parametrize("level", [1, 2, 3, 4, 5])
@pytest.mark.parametrize("picture", [scene(2), DARK], ids=["scene", "dark"])
def test_colors_of_each_level(picture, level):
    distorted = apply("color_quantization", picture, level=level)
    assert distorted.shape == picture.shape
    assert len(np.unique(distorted.reshape(-1, 3), axis=0)) == COLORS[level - 1]
    assert (distorted.min(), distorted.max()) == (0, 255)


def test_level_amounts():
    assert next(each.amounts for each in DISTORTIONS if each.name == "color_quantization") == COLORS


def test_constant_picture_stays():
    picture = np.full((40, 33, 3), (90, 90, 90), np.uint8)
    np.testing.assert_array_equal(apply("color_quantization", picture, level=5), picture)


def test_two_values_become_black_and_white():
    picture = np.where(NOISE[..., :1] > 99, 130, 90).astype(np.uint8).repeat(3, 2)
    np.testing.assert_array_equal(
        apply("color_quantization", picture, level=5), np.where(picture == 130, 255, 0).astype(np.uint8)
    )


def test_grey_stays_grey():
    distorted = apply("color_quantization", scene(3)[..., 1], level=4)
    assert np.ptp(distorted, axis=2).max() == 0
    assert len(np.unique(distorted)) == 16


def test_bands_do_not_show(monkeypatch):
    call = Call(scene(4) / 255.0, 16, RANDOM)
    expected = color_quantization(call)
    monkeypatch.setattr("tfiqa.distortions.color_quantization.BAND", 7)
    np.testing.assert_array_equal(color_quantization(call), expected)


def test_picture_of_kadid_10k(shared):
    folder = shared / "data/samples/kadid10k_samples/images"
    reference, expected = (
        np.asarray(Image.open(folder / name).convert("RGB")) for name in ("I01.png", "I01_06_05.png")
    )
    np.testing.assert_array_equal(apply("color_quantization", reference, level=5), expected)


def test_reference_outputs(shared):
    """They are made with the exact table, with which ours are equal; the search's gaps change the error by less than 0.02 dB."""
    reference_outputs = pytest.importorskip("reference_outputs", exc_type=ImportError)
    rows = [row for row in reference_outputs.rows(shared) if row["name"] == "color_quantization"]
    assert len(rows) == 10
    for row in rows:
        photo, level = reference_outputs.photograph(row["photo"]), row["level"]
        source = to_bytes(stretched(photo / 255.0))
        palette = palette_of(source, COLORS[level - 1])
        chosen = column_dither(planes_of(source), palette, exact_inverse_colormap(palette))
        assert reference_outputs.is_equal(to_bytes(stretched(palette[chosen.T] / 255.0)), row), (row["photo"], level)
        error = np.mean((apply("color_quantization", photo, level=level).astype(float) - photo) ** 2)
        assert 10 * np.log10(255**2 / error) == pytest.approx(float(row["PSNR"]), abs=0.02)
