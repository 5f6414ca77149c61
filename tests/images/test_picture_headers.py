from __future__ import annotations

import struct
import time

import numpy as np
import pytest
import tensorflow as tf
from encoded_pictures import (
    HEIGHT,
    PICTURES,
    WIDTH,
    exif_block,
    picture,
    png_chunk,
    saved,
    scene,
    with_jpeg_segment,
)

from tfiqa.images.headers import MAX_BLOCKS, Header, needs_pillow, read_header
from tfiqa.images.headers_graph import FORMATS, read_header_graph


@pytest.fixture(scope="module")
def header_in_graph() -> tf.types.experimental.PolymorphicFunction:
    return tf.function(read_header_graph, input_signature=[tf.TensorSpec([], tf.string)])


def assert_same_header(data: bytes, graph) -> None:
    header, other = read_header(data), graph(data)
    assert bool(other.in_graph) == (not needs_pillow(data))
    if header is not None and header.in_graph:
        assert FORMATS[int(other.format)] == header.format
        assert (int(other.width), int(other.height)) == (header.width, header.height)
        assert int(other.orientation) == header.orientation


@pytest.mark.parametrize("name", [name for name in PICTURES if not name.startswith("tiff")])
def test_size_and_format_are_read(name):
    header = read_header(picture(name))
    size = (1, 1) if "one pixel" in name else (WIDTH, HEIGHT)
    assert header is not None
    assert (header.width, header.height) == size
    assert header.format == name.split()[0].replace("mpo", "jpeg").replace("apng", "png")
    assert header.in_graph == PICTURES[name][1]


def test_tiff_is_left_to_its_decoder():
    assert read_header(picture("tiff")) == Header("tiff")
    assert needs_pillow(picture("tiff"))


@pytest.mark.parametrize("data", [b"", b"\xff", b"GIF88a", b"RIFF\0\0\0\0WAVE", b"no picture at all"])
def test_other_bytes_have_no_header_and_go_to_pillow(data, header_in_graph):
    assert read_header(data) is None
    assert needs_pillow(data)
    assert not header_in_graph(data).in_graph


@pytest.mark.parametrize("name", PICTURES)
def test_graph_and_python_agree_on_whole_and_cut_headers(name, header_in_graph):
    data = picture(name)
    for length in [*range(0, 80, 7), *(len(data) * part // 10 for part in range(1, 11))]:
        assert_same_header(data[:length], header_in_graph)


@pytest.mark.parametrize("name", PICTURES)
def test_graph_and_python_agree_on_damaged_headers(name, header_in_graph):
    data = picture(name)
    random = np.random.default_rng(len(data))
    for _ in range(10):
        damaged = bytearray(data)
        for place in random.integers(0, min(len(data), 150), 2):
            damaged[place] = random.integers(256)
        assert_same_header(bytes(damaged), header_in_graph)


def test_the_first_exif_segment_counts_wherever_it_stands(header_in_graph):
    data = saved(scene(), "JPEG")
    for payload in (b"Exif\0\0" + exif_block(3), b"Exif\0\0" + exif_block(8), b"http://ns.adobe.com/xap/1.0/\0 "):
        data = with_jpeg_segment(data, payload)
    header = read_header(data)
    assert header is not None
    assert header.orientation == 8
    assert_same_header(data, header_in_graph)


def test_webp_exif_may_carry_the_jpeg_prefix(header_in_graph):
    data = saved(scene(), "WEBP", exif=b"Exif\0\0" + exif_block(5))
    at = data.index(b"EXIF")
    assert data[at + 8 : at + 14] != b"Exif\0\0"  # Pillow strips it: put it back by hand
    block = b"Exif\0\0" + exif_block(5)
    data = data[:at] + b"EXIF" + struct.pack("<I", len(block)) + block
    data = data[:4] + struct.pack("<I", len(data) - 8) + data[8:]
    header = read_header(data)
    assert header is not None
    assert header.orientation == 5
    assert_same_header(data, header_in_graph)


HOSTILE = {
    "jpeg of fill bytes": b"\xff\xd8" + b"\xff" * 3_000_000,
    "jpeg of empty segments": b"\xff\xd8" + b"\xff\xe2\0\2" * 500_000,
    "jpeg with a length beyond the end": b"\xff\xd8\xff\xe1\xff\xff",
    "jpeg with a length below two": b"\xff\xd8\xff\xe1\0\0" * 3,
    "png of empty chunks": picture("png rgb 8")[:33] + png_chunk(b"teXt", b"") * 200_000,
    "png with a length beyond the end": picture("png rgb 8")[:33] + b"\xff\xff\xff\xffeXIf",
    "gif of extensions": picture("gif")[:13] + b"\0" * 768 + b"!\xfe\1x\0" * 300_000,
    "webp of empty chunks": b"RIFF" + struct.pack("<I", 12 + 8 * 300_000) + b"WEBPVP8X" + bytes(8 * 300_000),
    "webp with a length beyond the end": b"RIFF\xff\xff\xff\xffWEBPVP8X\xff\xff\xff\xff",
}


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_headers_end_soon(name, header_in_graph):
    start = time.perf_counter()
    assert needs_pillow(HOSTILE[name])
    assert not header_in_graph(HOSTILE[name]).in_graph
    assert time.perf_counter() - start < 5


def test_as_many_segments_as_allowed_are_read(header_in_graph):
    data = saved(scene(), "JPEG")
    for extra, expected in ((MAX_BLOCKS - 10, True), (MAX_BLOCKS, False)):
        many = data[:2] + b"\xff\xe2\0\2" * extra + data[2:]
        header = read_header(many)
        assert header is not None
        assert header.in_graph == expected
        assert_same_header(many, header_in_graph)
