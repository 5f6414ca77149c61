"""`headers` in TensorFlow operations: the same walks over the same bytes, with the same answers.

Each walk is a `tf.while_loop` over blocks that sees a few bytes at a time, so that nothing but the pixels' decoder
touches the whole picture.
"""

from __future__ import annotations

from typing import NamedTuple

import tensorflow as tf

from tfiqa.images.bytes_graph import big_endian, byte_length, byte_window, little_endian
from tfiqa.images.headers import (
    EXIF_PREFIX,
    JPEG_APP1,
    JPEG_BARE,
    JPEG_FRAMES,
    JPEG_HUFFMAN_DCT,
    JPEG_SOS,
    MAX_BLOCKS,
    PNG_SIGNATURE,
    TF_JPEG_MAX_SAMPLES,
    TF_PNG_MAX_SIDE,
)
from tfiqa.images.orientation_graph import exif_orientation_graph

FORMATS = ("other", "jpeg", "png", "gif", "bmp", "webp")


class GraphHeader(NamedTuple):
    """Scalar tensors that say what `headers.Header` says.

    Args:
        format: int32 index into FORMATS.
        width: int64 columns as stored.
        height: int64 rows as stored.
        orientation: int32 EXIF orientation, 1 to 8.
        in_graph: bool, whether `decode_graph` gives the same picture as Pillow.
        transparent: bool, whether a PNG has an alpha channel or a transparent colour.
    """

    format: tf.Tensor
    width: tf.Tensor
    height: tf.Tensor
    orientation: tf.Tensor
    in_graph: tf.Tensor
    transparent: tf.Tensor


@tf.autograph.experimental.do_not_convert
def read_header_graph(encoded: tf.Tensor) -> GraphHeader:
    """The header of an encoded picture, a scalar string. Where `in_graph` is false the other fields mean nothing."""
    start = tf.strings.substr(encoded, 0, 12)
    tests = [
        _starts(start, b"\xff\xd8\xff"),
        _starts(start, PNG_SIGNATURE),
        _starts(start, b"GIF87a") | _starts(start, b"GIF89a"),
        _starts(start, b"BM"),
        _starts(start, b"RIFF") & (tf.strings.substr(start, tf.minimum(tf.strings.length(start), 8), 4) == b"WEBP"),
    ]
    numbered = tf.stack([tf.cast(test, tf.int32) * number for number, test in enumerate(tests, 1)])
    kind = tf.reduce_max(numbered)
    readers = (_other_header, _jpeg_header, _png_header, _gif_header, _bmp_header, _webp_header)
    return GraphHeader(kind, *tf.switch_case(kind, [lambda reader=reader: reader(encoded) for reader in readers]))


def _other_header(encoded: tf.Tensor) -> tuple[tf.Tensor, ...]:
    return _int64(0), _int64(0), tf.constant(1), tf.constant(False), tf.constant(False)


def _jpeg_header(encoded: tf.Tensor) -> tuple[tf.Tensor, ...]:
    length = byte_length(encoded)

    def step(position, frame, exif, complete, going):  # type: ignore[no-untyped-def]
        block = byte_window(encoded, position, 16)
        marker = tf.cast(block[1], tf.int64)
        stop = position + 2 + big_endian(block[2:4])
        lead = block[0] == 0xFF
        fill = lead & (marker == 0xFF)
        segment = lead & ~_any_of(marker, (*JPEG_BARE, 0xFF)) & (stop >= position + 4) & (stop <= length)
        fields = (block[4:5], block[5:7], block[7:9], block[9:10])  # precision, height, width, components
        numbers = tf.stack([marker, *(big_endian(field) for field in fields)])
        frame = tf.where(segment & _any_of(marker, JPEG_FRAMES) & (frame[0] == 0), numbers, frame)
        is_exif = segment & (marker == JPEG_APP1) & _equal(block[4:10], EXIF_PREFIX)
        exif = tf.where(is_exif & (exif[0] == 0), tf.stack([position + 10, stop]), exif)
        complete = segment & (marker == JPEG_SOS)
        return tf.where(fill, position + 1, stop), frame, exif, complete, (fill | segment) & ~complete

    state = (_int64(2), _int64([0] * 5), _int64([0] * 2), tf.constant(False), tf.constant(True))
    _, frame, exif, complete, _ = _walk(step, state)
    marker, precision, height, width, components = tf.unstack(frame)
    samples = width * height * components
    in_graph = (
        complete
        & _any_of(marker, JPEG_HUFFMAN_DCT)
        & (precision == 8)
        & _any_of(components, (1, 3))
        & (samples > 0)
        & (samples <= TF_JPEG_MAX_SAMPLES)
    )
    return width, height, _orientation(encoded, exif), in_graph, tf.constant(False)


def _png_header(encoded: tf.Tensor) -> tuple[tf.Tensor, ...]:
    length = byte_length(encoded)
    head = byte_window(encoded, _int64(16), 10)
    width, height, depth, color = big_endian(head[:4]), big_endian(head[4:8]), head[8], head[9]

    def step(position, keyed, exif, complete, going):  # type: ignore[no-untyped-def]
        block = byte_window(encoded, position, 8)
        stop = position + 8 + big_endian(block[:4])
        whole = stop + 4 <= length
        is_exif = whole & _equal(block[4:], b"eXIf")
        exif = tf.where(is_exif & (exif[0] == 0), tf.stack([position + 8, stop]), exif)
        complete = whole & _equal(block[4:], b"IDAT")
        return stop + 4, keyed | (whole & _equal(block[4:], b"tRNS")), exif, complete, whole & ~complete

    state = (_int64(len(PNG_SIGNATURE)), tf.constant(False), _int64([0] * 2), tf.constant(False), tf.constant(True))
    _, keyed, exif, complete, _ = _walk(step, state)
    odd_transparency = keyed & ((depth < 8) | ((depth == 16) & (color == 2)))
    size = (width > 0) & (width <= TF_PNG_MAX_SIDE) & (height > 0) & (height <= TF_PNG_MAX_SIDE)
    in_graph = complete & size & ~odd_transparency
    return width, height, _orientation(encoded, exif), in_graph, keyed | (color == 4) | (color == 6)


def _gif_header(encoded: tf.Tensor) -> tuple[tf.Tensor, ...]:
    head = byte_window(encoded, _int64(6), 5)
    screen = tf.stack([little_endian(head[:2]), little_endian(head[2:4])])
    flags = tf.cast(head[4], tf.int64)
    colors = flags >= 0x80
    table = tf.where(colors, tf.bitwise.left_shift(_int64(3), flags % 8 + 1), 0)

    def step(position, inside, transparent, image, going):  # type: ignore[no-untyped-def]
        block = byte_window(encoded, position, 10)
        extension = ~inside & (block[0] == ord("!"))
        found = ~inside & (block[0] == ord(","))
        transparent |= extension & (block[1] == 0xF9) & (block[3] % 2 == 1)
        fields = (block[1:3], block[3:5], block[5:7], block[7:9], block[9:])  # left, top, width, height, flags
        numbers = tf.stack([little_endian(field) for field in fields])
        after = position + tf.where(inside, 1 + tf.cast(block[0], tf.int64), 2)
        going = inside | extension
        inside = extension | (inside & (block[0] != 0))
        return after, inside, transparent, tf.where(found, numbers, image), going

    state = (13 + table, tf.constant(False), tf.constant(False), _int64([0] * 5), tf.constant(True))
    _, _, transparent, image, _ = _walk(step, state)
    whole = tf.reduce_all(image[:2] == 0) & tf.reduce_all(image[2:4] == screen) & tf.reduce_all(screen > 0)
    in_graph = whole & (colors | (image[4] >= 0x80)) & ~transparent
    return screen[0], screen[1], tf.constant(1), in_graph, tf.constant(False)


def _bmp_header(encoded: tf.Tensor) -> tuple[tf.Tensor, ...]:
    head = byte_window(encoded, _int64(10), 24)
    offset, size, width, height = (little_endian(head[start : start + 4]) for start in (0, 4, 8, 12))
    bits, compression = little_endian(head[18:20]), little_endian(head[20:24])
    height = tf.where(height >= 0xFF000000, 2**32 - height, height)
    row = (width * bits // 8 + 3) // 4 * 4
    length = byte_length(encoded)
    in_graph = (
        _any_of(size, (40, 52, 56, 64, 108, 124))
        & _any_of(bits, (24, 32))
        & (compression == 0)
        & (width * height > 0)
        & (width * height < 2**28)
        & (offset + row * height == length)
        & (length < 2**31)
    )
    return width, height, tf.constant(1), in_graph, tf.constant(False)


def _webp_header(encoded: tf.Tensor) -> tuple[tf.Tensor, ...]:
    head = byte_window(encoded, _int64(0), 30)
    end = 8 + little_endian(head[4:8])
    whole = (end <= byte_length(encoded)) & (20 + little_endian(head[16:20]) <= end)
    lossy, lossless, extended = (_equal(head[12:16], kind) for kind in (b"VP8 ", b"VP8L", b"VP8X"))
    flags = head[20]
    has_exif = flags // 8 % 2 == 1

    def step(position, exif, going):  # type: ignore[no-untyped-def]
        block = byte_window(encoded, position, 14)
        stop = position + 8 + little_endian(block[4:8])
        going = (position + 8 <= end) & (stop <= end)
        start = position + tf.where(_equal(block[8:], EXIF_PREFIX), _int64(14), _int64(8))
        is_exif = going & has_exif & _equal(block[:4], b"EXIF")
        exif = tf.where(is_exif & (exif[0] == 0), tf.stack([start, stop]), exif)
        return tf.where(going, stop + stop % 2, position), exif, going

    position, exif, going = _walk(step, (_int64(12), _int64([0] * 2), extended))
    plain = lossy | lossless | (extended & (flags // 2 % 2 == 0) & ~going & (position + 8 > end))
    packed = little_endian(head[21:25])
    lossy_size = tf.stack([little_endian(head[26:28]) % 2**14, little_endian(head[28:30]) % 2**14])
    lossless_size = tf.stack([packed % 2**14 + 1, packed // 2**14 % 2**14 + 1])
    canvas = tf.stack([little_endian(head[24:27]) + 1, little_endian(head[27:30]) + 1])
    width, height = tf.unstack(tf.where(lossy, lossy_size, tf.where(lossless, lossless_size, canvas)))
    return width, height, _orientation(encoded, exif), whole & plain, tf.constant(False)


def _walk(step, state):  # type: ignore[no-untyped-def]
    """Repeats `step` while the last element of the state is true; at most MAX_BLOCKS times."""
    return tf.while_loop(lambda *state: state[-1], step, state, maximum_iterations=MAX_BLOCKS)


def _orientation(encoded: tf.Tensor, exif: tf.Tensor) -> tf.Tensor:
    """The orientation in the EXIF block between two positions; 1 where both are zero."""
    start, stop = tf.unstack(exif)
    return exif_orientation_graph(tf.strings.substr(encoded, start, tf.maximum(stop - start, 0)))


def _int64(value: int | list[int]) -> tf.Tensor:
    return tf.constant(value, tf.int64)


def _equal(values: tf.Tensor, expected: bytes) -> tf.Tensor:
    return tf.reduce_all(values == tf.constant(list(expected), tf.uint8))


def _starts(text: tf.Tensor, prefix: bytes) -> tf.Tensor:
    return tf.strings.substr(text, 0, len(prefix)) == prefix


def _any_of(value: tf.Tensor, values: tuple[int, ...]) -> tf.Tensor:
    return tf.reduce_any(value == tf.constant(values, tf.int64))
