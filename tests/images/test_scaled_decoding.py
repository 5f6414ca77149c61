"""JPEGs decoded at a fraction of their size: how far, and what comes out, from Pillow and from the graph."""

from __future__ import annotations

import io
import json

import numpy as np
import pytest
import tensorflow as tf
from encoded_pictures import exif_block, saved, with_jpeg_segment
from PIL import Image
from scenes import scene

from tfiqa.errors import BrokenPicture, InvalidInput, PictureError, PictureTooLarge
from tfiqa.images.decode import decode_picture
from tfiqa.images.headers_graph import read_header_graph
from tfiqa.images.orientation import upright
from tfiqa.images.protocol import PictureProtocol
from tfiqa.images.protocol_graph import prepare_graph
from tfiqa.images.resize import parse_policy
from tfiqa.images.scaled_decoding import jpeg_reduction
from tfiqa.images.scaled_decoding_graph import jpeg_reduction_graph
from tfiqa.images.try_decode_graph import try_decode_graph

POLICY = parse_policy("shorter_side:20")
STRETCH = parse_policy("stretch:20")
ENCODED = [tf.TensorSpec((), tf.string)]


MOST = 110_000  # pixels, more than any picture here has but one


def graph_of(policy):
    return tf.function(lambda data: try_decode_graph(data, MOST, policy), input_signature=ENCODED, autograph=False)


IN_GRAPH = graph_of(POLICY)


def jpeg(height=163, width=201, orientation=1, mode="RGB", **options):
    data = saved(Image.fromarray(scene(1, height, width)).convert(mode), "JPEG", **{"quality": 92, **options})
    return with_jpeg_segment(data, b"Exif\0\0" + exif_block(orientation)) if orientation > 1 else data


KINDS = {
    "reduced by 2": jpeg(),
    "reduced by 4": jpeg(166, 230),
    "reduced by 8": jpeg(321, 327),
    "sides of whole blocks": jpeg(160, 192),
    "not reduced": jpeg(79, 200),
    "smaller than wanted": jpeg(19, 30),
    "4:4:4": jpeg(subsampling=0),
    "4:2:2": jpeg(subsampling=1),
    "progressive": jpeg(progressive=True),
    "progressive, by 8": jpeg(322, 325, progressive=True),
    "grey": jpeg(mode="L"),
    "narrow": jpeg(81, 900),
    "tall": jpeg(901, 83),
    **{f"orientation {orientation}": jpeg(165, 203, orientation) for orientation in range(2, 9)},
}
IN_FULL = {
    "cmyk": jpeg(mode="CMYK"),
    "png": saved(scene(1, 163, 201), "PNG"),
    "webp": saved(scene(1, 163, 201), "WEBP"),
    "small jpeg": KINDS["not reduced"],
}


def distance(one, other):
    """The root of the mean square of the differences, in levels."""
    return np.sqrt(np.mean((one.astype(float) - other.astype(float)) ** 2))


@pytest.mark.parametrize(
    ("text", "height", "width", "reduction"),
    [
        ("shorter_side:512", 3000, 4000, 2),
        ("shorter_side:512", 4000, 3000, 2),
        ("shorter_side:512", 2047, 9000, 1),
        ("shorter_side:512", 2048, 2048, 2),
        ("shorter_side:512", 4095, 4096, 2),
        ("shorter_side:512", 4096, 4097, 4),
        ("shorter_side:512", 8192, 8192, 8),
        ("shorter_side:512", 20000, 30000, 8),
        ("shorter_side:512", 1, 1, 1),
        ("stretch:224", 895, 4000, 1),
        ("stretch:224", 896, 4000, 2),
        ("stretch:224", 4000, 1792, 4),
        ("stretch:224", 3584, 3584, 8),
    ],
)
def test_twice_the_size_wanted_is_left(text, height, width, reduction):
    assert jpeg_reduction(parse_policy(text), height, width) == reduction


@pytest.mark.parametrize("policy", [POLICY, STRETCH], ids=str)
def test_the_graph_reduces_alike(policy):
    reduction = tf.function(
        lambda data: jpeg_reduction_graph(policy, read_header_graph(data)), input_signature=ENCODED, autograph=False
    )
    for data in KINDS.values():
        width, height = Image.open(io.BytesIO(data)).size
        assert reduction(data) == jpeg_reduction(policy, height, width)
    assert {int(reduction(data)) for data in KINDS.values()} == {1, 2, 4, 8}
    assert reduction(IN_FULL["png"]) == 1
    reduction(b"no picture")


@pytest.mark.parametrize("policy", [POLICY, STRETCH], ids=str)
@pytest.mark.parametrize("name", [name for name in KINDS if name not in ("not reduced", "smaller than wanted")])
def test_the_picture_has_the_size_and_nearly_the_pixels_of_the_whole_one_scaled(name, policy):
    wanted = policy.apply(decode_picture(KINDS[name]))
    found = decode_picture(KINDS[name], scaled_for=policy)
    assert found.shape == wanted.shape
    assert 0 < distance(found, wanted) < 4.5
    assert policy.apply(found) is found


@pytest.mark.parametrize(("height", "width"), [(160, 161), (161, 160), (163, 165)])
def test_odd_sizes_do_not_shift_the_picture(height, width):
    """Scaled with all columns of the reduced one, the pictures would be .4 of a pixel off at their ends: 18 levels and more."""
    rows, columns = np.mgrid[:height, :width]
    waves = 127 + 50 * np.sin(2 * np.pi * rows / 40) + 50 * np.sin(2 * np.pi * columns / 40)
    data = saved(np.repeat(waves.astype(np.uint8)[..., None], 3, -1), "JPEG", quality=97)
    found, wanted = decode_picture(data, scaled_for=POLICY).astype(int), POLICY.apply(decode_picture(data))
    assert np.abs(found - wanted).max() <= 8


def test_pillows_own_reduction_and_box_give_the_same():
    image = Image.open(io.BytesIO(KINDS["reduced by 4"]))
    _, box = image.draft("RGB", (57, 41))
    assert image.size == (58, 42)
    assert box == (0, 0, 57.5, 41.5)
    wanted = np.asarray(image.resize((27, 20), Image.Resampling.BILINEAR, box=box), int)
    assert np.abs(decode_picture(KINDS["reduced by 4"], scaled_for=POLICY) - wanted).max() <= 1  # passes in other order


@pytest.mark.parametrize("name", [*KINDS, "png", "webp"])
def test_the_graph_gives_pillows_bytes(name):
    data = {**KINDS, **IN_FULL}[name]
    picture, reason = IN_GRAPH(data)
    assert reason == b""
    np.testing.assert_array_equal(picture, decode_picture(data, scaled_for=POLICY))


def test_the_graph_stretches_too():
    for name in ("reduced by 2", "orientation 6"):
        picture, reason = try_decode_graph(tf.constant(KINDS[name]), scaled_for=STRETCH)
        assert reason == b""
        np.testing.assert_array_equal(picture, decode_picture(KINDS[name], scaled_for=STRETCH))


@pytest.mark.parametrize("name", IN_FULL)
def test_other_pictures_come_in_full(name):
    np.testing.assert_array_equal(decode_picture(IN_FULL[name], scaled_for=POLICY), decode_picture(IN_FULL[name]))


@pytest.mark.parametrize("orientation", range(1, 9))
def test_orientation_turns_the_scaled_picture(orientation):
    stored = decode_picture(jpeg(165, 203), scaled_for=POLICY)
    turned = decode_picture(jpeg(165, 203, orientation), scaled_for=POLICY)
    np.testing.assert_array_equal(turned, upright(stored, orientation))


def test_the_first_picture_of_several_is_taken():
    more = [Image.fromarray(scene(2, 163, 201))]
    several = saved(scene(1, 163, 201), "MPO", save_all=True, append_images=more, quality=92)
    one = saved(scene(1, 163, 201), "JPEG", quality=92)
    wanted = decode_picture(one, scaled_for=POLICY)
    np.testing.assert_array_equal(decode_picture(several, scaled_for=POLICY), wanted)
    np.testing.assert_array_equal(IN_GRAPH(several)[0], wanted)


@pytest.mark.parametrize("name", ["reduced by 2", "progressive", "grey"])
@pytest.mark.parametrize("part", [0.1, 0.35, 0.7, 0.95])
def test_truncated_pictures_are_errors_as_they_are_in_full(name, part):
    data = KINDS[name][: int(len(KINDS[name]) * part)]
    with pytest.raises(BrokenPicture) as in_full:
        decode_picture(data)
    with pytest.raises(BrokenPicture) as scaled:
        decode_picture(data, scaled_for=POLICY)
    assert str(scaled.value) == str(in_full.value)
    picture, reason = IN_GRAPH(data)
    assert picture.shape == (0, 0, 3)
    assert b"damaged" in reason.numpy()


def test_damaged_bytes_fail_where_they_do_in_full():
    def refused(data, policy):
        try:
            decode_picture(data, scaled_for=policy)
        except PictureError as error:
            return str(error)
        return ""

    in_full = graph_of(None)
    rng = np.random.default_rng(5)
    for name in ("reduced by 2", "progressive, by 8", "orientation 6") * 6:
        broken = bytearray(KINDS[name])
        for place in rng.integers(2, len(broken), 3):
            broken[place] = rng.integers(256)
        assert refused(bytes(broken), POLICY) == refused(bytes(broken), None)
        assert IN_GRAPH(bytes(broken))[1] == in_full(bytes(broken))[1]


def test_the_pixel_limit_is_of_the_whole_picture():
    large = jpeg(340, 330)
    with pytest.raises(PictureTooLarge, match="330 x 340 pixels, more than the limit of 110000"):
        decode_picture(large, max_pixels=MOST, scaled_for=POLICY)
    picture, reason = IN_GRAPH(large)
    assert picture.shape == (0, 0, 3)
    assert reason == b"has 330 x 340 pixels, more than the limit of 110000"


def test_a_protocol_decodes_in_full_unless_it_says_so():
    assert PictureProtocol("shorter_side:512").scaled_for is None
    assert PictureProtocol("shorter_side:20", scaled_decoding=True).scaled_for == POLICY
    assert PictureProtocol("native", scaled_decoding=True).scaled_for is None
    assert PictureProtocol("pad:64:white", scaled_decoding=True).scaled_for is None
    with pytest.raises(InvalidInput, match="scaled_decoding is true or false"):
        PictureProtocol("shorter_side:20", scaled_decoding=2)


def test_protocols_are_saved_and_older_ones_are_read():
    protocol = PictureProtocol("shorter_side:20", scaled_decoding=True)
    assert PictureProtocol.from_dict(json.loads(json.dumps(protocol.to_dict()))) == protocol
    older = {"resize": "native", "patch_size": 8, "patch_stride": 4, "patch_ends": "flush", "patch_margin": 0}
    assert PictureProtocol.from_dict(older) == PictureProtocol("native", 8, 4)


def test_patches_are_those_of_the_scaled_picture():
    protocol = PictureProtocol("shorter_side:20", 16, 8, scaled_decoding=True)
    picture = decode_picture(KINDS["reduced by 4"], scaled_for=protocol.scaled_for)
    wanted = np.stack([picture[top : top + 16, left : left + 16] for top in (0, 4) for left in (0, 8, 11)])
    np.testing.assert_array_equal(protocol.prepare(picture), wanted)
    np.testing.assert_array_equal(prepare_graph(protocol, tf.constant(picture)), wanted)
