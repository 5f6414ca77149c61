from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf
from encoded_pictures import scene
from PIL import Image

from tfiqa.errors import InvalidInput
from tfiqa.images.resize import ResizePolicy, parse_policy, resize_bilinear
from tfiqa.images.resize_graph import resize_bilinear_graph, resize_graph


@pytest.fixture(scope="module")
def resize_in_graph() -> tf.types.experimental.PolymorphicFunction:
    size = tf.TensorSpec([], tf.int32)
    return tf.function(resize_bilinear_graph, input_signature=[tf.TensorSpec([None, None, 3], tf.uint8), size, size])


def noise(height: int, width: int, extreme: bool = False) -> np.ndarray:
    levels = [0, 255] if extreme else range(256)
    return np.random.default_rng(height * 7919 + width).choice(np.array(levels, np.uint8), (height, width, 3))


@pytest.mark.parametrize(
    "text", ["native", "shorter_side:512", "stretch:224", "pad:640:white", "pad:64:black", "pad:64:1,20,255"]
)
def test_text_to_policy_and_back(text):
    assert str(parse_policy(text)) == text


def test_white_has_one_spelling():
    assert str(parse_policy("pad:9:255,255,255")) == "pad:9:white"
    assert parse_policy("pad:9:255,255,255") == parse_policy("pad:9:white")


@pytest.mark.parametrize(
    "text",
    [
        "",
        "native:1",
        "Native",
        "shorter_side",
        "shorter_side:",
        "shorter_side:0",
        "shorter_side:-5",
        "shorter_side:1.5",
        "shorter_side:512:white",
        "shorter_side:9999999",
        "pad:640",
        "pad:640:",
        "pad:640:mauve",
        "pad:640:256,0,0",
        "pad:640:1,2",
        "pad:640:1,2,3,4",
        "pad:640:1,x,3,4",
        "pad:640:,1,2",
        "stretch",
        "stretch:0",
        "stretch:224x224",
        "squeeze:5",
        " native",
        "shorter_side:\N{SUPERSCRIPT TWO}",
        None,
        512,
    ],
)
def test_other_text_is_refused_with_the_forms(text):
    with pytest.raises(InvalidInput, match="'shorter_side:N'") as caught:
        parse_policy(text)
    assert repr(text) in str(caught.value)


@pytest.mark.parametrize("arguments", [("shorter_side", 0), ("pad", -1), ("pad", 5, (0, 0, 256))])
def test_senseless_policies_cannot_be_built(arguments):
    with pytest.raises(InvalidInput):
        ResizePolicy(*arguments)


@pytest.mark.parametrize(
    ("size", "expected"),
    [
        ((512, 512), (512, 512)),
        ((511, 4000), (511, 4000)),
        ((4000, 511), (4000, 511)),
        ((512, 683), (512, 683)),
        ((3000, 4000), (512, 682)),  # 682.67 without its fraction
        ((4000, 3000), (682, 512)),
        ((1024, 1536), (512, 768)),
        ((513, 514), (512, 512)),
        ((600, 65_000), (512, 55_466)),
    ],
)
def test_shorter_side_sizes(size, expected):
    assert parse_policy("shorter_side:512").output_size(*size) == expected


def test_shorter_side_is_pillows_filter():
    policy = parse_policy("shorter_side:40")
    for height, width in ((80, 61), (41, 97), (97, 41)):
        picture = noise(height, width)
        new_height, new_width = policy.output_size(height, width)
        image = Image.fromarray(picture).resize((new_width, height), Image.Resampling.BILINEAR)
        expected = np.asarray(image.resize((new_width, new_height), Image.Resampling.BILINEAR))
        np.testing.assert_array_equal(policy.apply(picture), expected)
    np.testing.assert_array_equal(policy.apply(noise(39, 200)), noise(39, 200))


@pytest.mark.parametrize("size", [(80, 61), (20, 97), (97, 20), (1, 1), (40, 40)])
def test_stretch_loses_the_ratio_and_enlarges_small_pictures(size):
    policy = parse_policy("stretch:40")
    assert policy.output_size(*size) == (40, 40)
    np.testing.assert_array_equal(policy.apply(noise(*size)), resize_bilinear(noise(*size), 40, 40))


def test_columns_are_done_before_rows_whatever_the_version_of_pillow():
    picture = noise(49, 4)
    columns = Image.fromarray(picture).resize((25, 49), Image.Resampling.BILINEAR)
    np.testing.assert_array_equal(
        resize_bilinear(picture, 8, 25), np.asarray(columns.resize((25, 8), Image.Resampling.BILINEAR))
    )


@pytest.mark.parametrize(("height", "width", "top", "left"), [(3, 4, 2, 2), (8, 8, 0, 0), (8, 1, 0, 3), (7, 2, 0, 3)])
def test_pad_centres_the_picture(height, width, top, left):
    padded = parse_policy("pad:8:1,2,3").apply(scene(height, width))
    assert padded.shape == (8, 8, 3)
    np.testing.assert_array_equal(padded[top : top + height, left : left + width], scene(height, width))
    outside = np.ones((8, 8), bool)
    outside[top : top + height, left : left + width] = False
    assert (padded[outside] == (1, 2, 3)).all()


@pytest.mark.parametrize("text", ["native", "shorter_side:20", "pad:80:black", "stretch:48"])
@pytest.mark.parametrize("size", [(40, 60), (60, 41), (33, 77)])
def test_boxes_stay_on_what_they_were_on(text, size):
    """A bright box's centre of mass and area are where `move_boxes` says."""
    policy, (left, top, right, bottom) = parse_policy(text), (8, 12, 24, 28)
    picture = np.zeros((*size, 3), np.uint8)
    picture[top:bottom, left:right] = 250
    moved = policy.move_boxes(np.array([[left, top, right, bottom]], np.float32), *size)
    assert moved.dtype == np.float32
    light = policy.apply(picture)[..., 0] / 250.0
    rows, columns = np.indices(light.shape) + 0.5
    centre = [(columns * light).sum() / light.sum(), (rows * light).sum() / light.sum()]
    np.testing.assert_allclose(centre, (moved[0, :2] + moved[0, 2:]) / 2, atol=0.3)
    assert light.sum() == pytest.approx(np.prod(moved[0, 2:] - moved[0, :2]), rel=0.05)


@pytest.mark.parametrize("size", [(9, 3), (3, 9)])
def test_pad_refuses_larger_pictures(size):
    policy = parse_policy("pad:8:white")
    with pytest.raises(InvalidInput, match=f"{size[1]} x {size[0]}"):
        policy.apply(scene(*size))
    with pytest.raises(tf.errors.InvalidArgumentError, match="at most 8 pixels"):
        resize_graph(tf.constant(scene(*size)), policy)


@pytest.mark.parametrize("text", ["native", "shorter_side:20", "stretch:48", "pad:80:white", "pad:80:9,200,31"])
def test_graph_policies_equal_pillows(text):
    policy = parse_policy(text)
    function = tf.function(
        lambda picture: resize_graph(picture, policy), input_signature=[tf.TensorSpec([None, None, 3], tf.uint8)]
    )
    for size in ((20, 20), (19, 70), (70, 19), (21, 80), (80, 21), (64, 48), (1, 1)):
        np.testing.assert_array_equal(function(noise(*size)), policy.apply(noise(*size)))


@pytest.mark.parametrize("seed", range(6))
def test_graph_scaling_is_bit_exact(seed, resize_in_graph):
    random = np.random.default_rng(seed)
    for trial in range(25):
        limits = ((1, 12), (1, 200), (30, 400))[trial % 3]
        height, width = random.integers(*limits, 2)
        new_height, new_width = random.integers(1, (15, 250, 60)[trial % 3], 2)
        picture = noise(height, width, extreme=bool(trial % 2))
        np.testing.assert_array_equal(
            resize_in_graph(picture, new_height, new_width),
            resize_bilinear(picture, int(new_height), int(new_width)),
            err_msg=f"{height} x {width} to {new_height} x {new_width}",
        )


@pytest.mark.parametrize(
    "size", [(1200, 900, 1, 1), (1, 1, 300, 200), (1100, 7, 512, 7), (7, 1100, 7, 512), (5, 5, 5, 5)]
)
def test_graph_scaling_at_the_extremes(size, resize_in_graph):
    height, width, new_height, new_width = size
    picture = noise(height, width, extreme=True)
    np.testing.assert_array_equal(
        resize_in_graph(picture, new_height, new_width), resize_bilinear(picture, new_height, new_width)
    )


def test_flat_pictures_stay_flat(resize_in_graph):
    for level in (0, 1, 127, 254, 255):
        flat = np.full((67, 101, 3), level, np.uint8)
        assert (resize_in_graph(flat, 31, 47).numpy() == level).all()
