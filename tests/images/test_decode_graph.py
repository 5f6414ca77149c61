from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
from encoded_pictures import (
    PICTURES,
    bmp,
    exif_block,
    gif,
    picture,
    png_chunk,
    saved,
    scene,
    with_jpeg_segment,
)

from tfiqa.images.decode import decode_picture
from tfiqa.images.decode_graph import decode_any_graph, decode_picture_graph, graph_can_decode
from tfiqa.images.headers import needs_pillow

SHARED = Path(__file__).resolve().parents[2] / "../shared"
IN_GRAPH = [name for name, (_, in_graph) in PICTURES.items() if in_graph]
STRING = [tf.TensorSpec([], tf.string)]


@pytest.fixture(scope="module")
def decode() -> tf.types.experimental.PolymorphicFunction:
    return tf.function(decode_picture_graph, input_signature=STRING)


@pytest.fixture(scope="module")
def can_decode() -> tf.types.experimental.PolymorphicFunction:
    return tf.function(graph_can_decode, input_signature=STRING)


def ops(function) -> set[str]:
    graph = function.get_concrete_function().graph.as_graph_def()
    nodes = [*graph.node, *(node for part in graph.library.function for node in part.node_def)]
    return {node.op for node in nodes}


@pytest.mark.parametrize("name", PICTURES)
def test_graph_equals_pillow_or_says_that_it_cannot(name, decode, can_decode):
    data = picture(name)
    assert bool(can_decode(data)) == PICTURES[name][1] == (not needs_pillow(data))
    if PICTURES[name][1]:
        np.testing.assert_array_equal(decode(data), decode_picture(data))
    else:
        with pytest.raises(tf.errors.InvalidArgumentError, match="TensorFlow operations decode"):
            decode(data)


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("format", ["JPEG", "PNG", "WEBP"])
def test_orientation_is_applied(format, orientation, decode):
    data = saved(scene(), format, exif=exif_block(orientation, "MM"))
    np.testing.assert_array_equal(decode(data), decode_picture(data))


@pytest.mark.parametrize("size", [(1, 1), (1, 9), (9, 1), (8, 8), (16, 16), (17, 33), (64, 3)])
def test_sizes_around_the_block_sizes(size, decode):
    for data in (
        *(saved(scene(*size), "JPEG", subsampling=subsampling, progressive=True) for subsampling in range(3)),
        saved(scene(*size), "WEBP", quality=50),
        bmp(scene(*size)),
        gif([scene(*size)[..., 0]]),
    ):
        np.testing.assert_array_equal(decode(data), decode_picture(data))


def test_a_gif_whose_second_frame_outgrows_the_screen_is_refused(decode):
    small, large = gif([scene()[..., 0]]), gif([scene(60, 80)[..., 0]])
    second = large[large.index(b",\0\0\0\0") :]
    np.testing.assert_array_equal(decode(small), decode_picture(small))
    with pytest.raises(tf.errors.InvalidArgumentError, match="not of the size"):
        decode(small[:-1] + second)


def test_the_graph_holds_no_python(decode):
    assert not ops(decode) & {"PyFunc", "EagerPyFunc", "PyFuncStateless"}


@pytest.mark.parametrize("name", IN_GRAPH)
def test_cut_pictures_are_errors(name, decode):
    data = picture(name)
    ends = {"gif animated": 3, "mpo": 3}.get(name, 1)  # these go on after their first picture
    for part in range(8):
        with pytest.raises(tf.errors.InvalidArgumentError):
            decode(data[: len(data) // ends * part // 8])


@pytest.mark.parametrize("name", IN_GRAPH)
def test_damage_gives_a_picture_or_an_op_error(name, decode):
    data = picture(name)
    random = np.random.default_rng(len(name))
    for _ in range(8):
        damaged = bytearray(data)
        for place in random.integers(0, len(data), random.integers(1, 4)):
            damaged[place] = random.integers(256)
        try:
            decoded = decode(bytes(damaged))
        except tf.errors.InvalidArgumentError:
            continue
        assert decoded.shape[2] == 3
        assert decoded.dtype == tf.uint8


def test_the_pixel_limit_is_checked_before_decoding(decode):
    height, width = scene().shape[:2]
    decode_picture_graph(tf.constant(picture("jpeg")), max_pixels=height * width)
    with pytest.raises(tf.errors.InvalidArgumentError, match="limit"):
        decode_picture_graph(tf.constant(picture("jpeg")), max_pixels=height * width - 1)
    data = picture("png grey 8")
    with pytest.raises(tf.errors.InvalidArgumentError, match="limit"):
        decode(data[:8] + png_chunk(b"IHDR", b"\0\1\0\0\0\1\0\0\x08\0\0\0\0") + data[33:])


def test_a_saved_model_decodes(tmp_path):
    class Decoder(tf.Module):
        @tf.function(input_signature=[tf.TensorSpec([None], tf.string)])
        def decode_all(self, encoded):
            return tf.map_fn(
                lambda data: tf.shape(decode_picture_graph(data))[:2], encoded, fn_output_signature=tf.int32
            )

    tf.saved_model.save(Decoder(), str(tmp_path / "decoder"))
    loaded = tf.saved_model.load(str(tmp_path / "decoder"))
    names = ["jpeg exif", "png grey 16", "webp lossy", "jpeg one pixel"]
    sizes = loaded.decode_all(tf.constant([picture(name) for name in names]))
    assert sizes.numpy().tolist() == [list(decode_picture(picture(name)).shape[:2]) for name in names]


def read_graph(path, allow_pillow, max_pixels=10**6):
    return decode_any_graph(tf.io.read_file(path), path, allow_pillow, max_pixels)


def test_files_go_to_pillow_where_allowed(tmp_path):
    names = ["jpeg", "jpeg cmyk", "tiff grey 16", "webp animated", "png rgba 8", "bmp palette"]
    files = []
    for index, name in enumerate(names):
        files.append(str(tmp_path / f"{index} \N{LATIN SMALL LETTER E WITH ACUTE}"))
        Path(files[-1]).write_bytes(picture(name))
    dataset = tf.data.Dataset.from_tensor_slices(files)
    mixed = dataset.map(lambda path: read_graph(path, allow_pillow=True), num_parallel_calls=2)
    assert mixed.element_spec == tf.TensorSpec([None, None, 3], tf.uint8)
    for name, decoded in zip(names, mixed, strict=True):
        np.testing.assert_array_equal(decoded, decode_picture(picture(name)))
    for index, allow_pillow in ((0, True), (0, False), (4, False)):
        np.testing.assert_array_equal(read_graph(files[index], allow_pillow), decode_picture(files[index]))
    with pytest.raises(tf.errors.InvalidArgumentError):
        read_graph(files[1], allow_pillow=False)


@pytest.mark.parametrize("allow_pillow", [False, True])
def test_bad_files_are_op_errors(allow_pillow, tmp_path):
    read = tf.function(lambda path: read_graph(path, allow_pillow, max_pixels=5), input_signature=STRING)
    for name, data, text in (
        ("none.jpg", None, "none.jpg"),
        ("empty.jpg", b"", r"empty\.jpg: holds no bytes" if allow_pillow else "TensorFlow operations decode"),
        ("large.jpg", picture("jpeg"), "limit of"),
        ("large.tif", picture("tiff"), "limit of" if allow_pillow else "TensorFlow operations decode"),
    ):
        if data is not None:
            (tmp_path / name).write_bytes(data)
        with pytest.raises(tf.errors.OpError, match=text):
            read(str(tmp_path / name))


def test_a_pipeline_without_pillow_holds_no_python():
    for allow_pillow in (False, True):
        function = tf.function(lambda path, allowed=allow_pillow: read_graph(path, allowed), input_signature=STRING)
        assert bool(ops(function) & {"PyFunc", "EagerPyFunc"}) == allow_pillow


def test_exif_after_other_segments(decode):
    data = with_jpeg_segment(saved(scene(), "JPEG"), b"Exif\0\0" + exif_block(6))
    data = with_jpeg_segment(data, b"ICC_PROFILE\0" + bytes(60_000), 0xE2)
    np.testing.assert_array_equal(decode(data), decode_picture(data))


@pytest.mark.skipif(not (SHARED / "data/exif").is_dir(), reason="needs the camera files in ../shared/data/exif")
def test_camera_files(decode):
    for file in sorted((SHARED / "data/exif").glob("*.jpg")):
        np.testing.assert_array_equal(decode(file.read_bytes()), decode_picture(file), err_msg=file.name)
