"""What the first bytes of a picture say without decoding it: format, size, orientation, and who can decode it.

TensorFlow's own decoders give the same bytes as Pillow for most pictures, but not for all; `Header.in_graph` says for
which. `headers_graph` states the same rules in TensorFlow operations. Every walk is bounded, and reads zeros beyond
the end of the data, so that no header can hang or break it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Literal, Protocol

from tfiqa.images.orientation import exif_orientation

MAX_BLOCKS = 1024  # segments or chunks before the pixels; cameras write a few dozen, depth maps some hundred

PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"
EXIF_PREFIX = b"Exif\0\0"

JPEG_SOS = 0xDA
JPEG_APP1 = 0xE1
JPEG_FRAMES = (*range(0xC0, 0xC4), *range(0xC5, 0xC8), *range(0xC9, 0xCC), *range(0xCD, 0xD0))  # ITU-T T.81, table B.1
JPEG_HUFFMAN_DCT = (0xC0, 0xC1, 0xC2)  # baseline, extended sequential, progressive
JPEG_BARE = (0x00, 0x01, *range(0xD0, 0xDA))  # no segment follows these; none belongs before the first scan

# Limits of TensorFlow 2.21's decoders, beyond which only Pillow reads a picture.
TF_JPEG_MAX_SAMPLES = 2**29 - 1
TF_PNG_MAX_SIDE = 1_000_000  # libpng's default user limit


class ByteSource(Protocol):
    """Bytes, or a file that is sliced like bytes."""

    def __len__(self) -> int: ...

    def __getitem__(self, key: slice, /) -> bytes: ...


@dataclass(frozen=True)
class Header:
    """What a header says.

    Args:
        format: "jpeg", "png", "gif", "bmp", "webp" or "tiff".
        width: columns as stored, before the orientation is applied; 0 when the walk did not find it.
        height: rows as stored; 0 when the walk did not find it.
        orientation: EXIF orientation, 1 to 8. A TIFF's is left to its decoder.
        in_graph: whether `decode_graph` gives the same picture as Pillow.
    """

    format: str
    width: int = 0
    height: int = 0
    orientation: int = 1
    in_graph: bool = False


def read_header(data: ByteSource) -> Header | None:
    """The header of an encoded picture, or None when the bytes begin as no picture format that tfiqa reads."""
    start = data[:12]
    if start.startswith(b"\xff\xd8\xff"):
        return _jpeg_header(data)
    if start.startswith(PNG_SIGNATURE):
        return _png_header(data)
    if start.startswith((b"GIF87a", b"GIF89a")):
        return _gif_header(data)
    if start.startswith(b"BM"):
        return _bmp_header(data)
    if start.startswith(b"RIFF") and start[8:] == b"WEBP":
        return _webp_header(data)
    if start.startswith((b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")):
        return Header("tiff")
    return None


def needs_pillow(data: bytes) -> bool:
    """Whether a picture is beyond `decode_graph`, so that only Pillow decodes it as tfiqa defines it.

    True as well for bytes that are no picture: Pillow's path has the clearer errors.
    """
    header = read_header(data)
    return header is None or not header.in_graph


def jpeg_segments(data: ByteSource) -> Iterator[tuple[int, int, int]]:
    """Marker, payload start and payload stop of each segment up to the first scan's, or to the first irregularity."""
    position = 2
    for _ in range(MAX_BLOCKS):
        lead, marker = _read(data, position, 2)
        if lead != 0xFF or marker in JPEG_BARE:
            return
        if marker == 0xFF:  # a fill byte
            position += 1
            continue
        stop = position + 2 + _big(data, position + 2, 2)
        if not position + 4 <= stop <= len(data):
            return
        yield marker, position + 4, stop
        if marker == JPEG_SOS:
            return
        position = stop


def png_chunks(data: ByteSource) -> Iterator[tuple[bytes, int, int]]:
    """Type, payload start and payload stop of each whole chunk (its checksum included) of a PNG."""
    position = len(PNG_SIGNATURE)
    while True:
        start, kind = position + 8, _read(data, position + 4, 4)
        stop = start + _big(data, position, 4)
        position = stop + 4
        if position > len(data):
            return
        yield kind, start, stop


def _jpeg_header(data: ByteSource) -> Header:
    frame = None
    width = height = components = 0
    orientation = None
    in_graph = False
    for marker, start, stop in jpeg_segments(data):
        if marker in JPEG_FRAMES and frame is None:
            frame = marker
            precision, height, width, components = (
                _big(data, start + offset, size) for offset, size in ((0, 1), (1, 2), (3, 2), (5, 1))
            )
            in_graph = (
                frame in JPEG_HUFFMAN_DCT
                and precision == 8
                and components in (1, 3)
                and 0 < width * height * components <= TF_JPEG_MAX_SAMPLES
            )
        elif marker == JPEG_APP1 and orientation is None and _read(data, start, 6) == EXIF_PREFIX:
            orientation = exif_orientation(data[start + 6 : stop])
        elif marker == JPEG_SOS:
            return Header("jpeg", width, height, orientation or 1, in_graph)
    return Header("jpeg", width, height, orientation or 1)


def _png_header(data: ByteSource) -> Header:
    width, height, depth, color = (_big(data, start, size) for start, size in ((16, 4), (20, 4), (24, 1), (25, 1)))
    transparent = False
    orientation = None
    for kind, start, stop in islice(png_chunks(data), MAX_BLOCKS):
        if kind == b"tRNS":
            transparent = True
        elif kind == b"eXIf" and orientation is None:
            orientation = exif_orientation(data[start:stop])
        elif kind == b"IDAT":
            # TensorFlow fills the alpha of few-bit pictures with too small a number, and Pillow compares 16-bit
            # colours by their high bytes alone.
            odd_transparency = transparent and (depth < 8 or (depth == 16 and color == 2))
            in_graph = 0 < width <= TF_PNG_MAX_SIDE and 0 < height <= TF_PNG_MAX_SIDE and not odd_transparency
            return Header("png", width, height, orientation or 1, in_graph)
    return Header("png", width, height, orientation or 1)


def _gif_header(data: ByteSource) -> Header:
    screen = _little(data, 6, 2), _little(data, 8, 2)
    flags = _little(data, 10, 1)
    colors = bool(flags & 0x80)
    position = 13 + _color_table_size(flags)
    transparent = inside = False
    for _ in range(MAX_BLOCKS):
        block = _read(data, position, 10)
        if inside:  # a chain of sub-blocks, ended by an empty one
            position += 1 + block[0]
            inside = block[0] != 0
        elif block[0] == ord("!"):
            transparent = transparent or (block[1] == 0xF9 and bool(block[3] & 1))
            position += 2
            inside = True
        elif block[0] == ord(","):
            left, top, width, height = (_little(block, start, 2) for start in (1, 3, 5, 7))
            colors = colors or bool(block[9] & 0x80)
            whole = (left, top, width, height) == (0, 0, *screen)
            in_graph = whole and colors and not transparent and width > 0 and height > 0
            return Header("gif", max(screen[0], left + width), max(screen[1], top + height), 1, in_graph)
        else:
            break
    return Header("gif", *screen)


def _color_table_size(flags: int) -> int:
    return 3 << ((flags & 7) + 1) if flags & 0x80 else 0


def _bmp_header(data: ByteSource) -> Header:
    offset, size, width, height = (_little(data, start, 4) for start in (10, 14, 18, 22))
    bits, compression = _little(data, 28, 2), _little(data, 30, 4)
    if size not in (40, 52, 56, 64, 108, 124):  # the other headers place the numbers elsewhere
        return Header("bmp")
    if height >= 0xFF000000:  # a negative height marks rows stored from top to bottom
        height = 2**32 - height
    row = (width * bits // 8 + 3) // 4 * 4
    in_graph = (
        bits in (24, 32)
        and compression == 0
        and 0 < width * height < 2**28
        and offset + row * height == len(data) < 2**31
    )
    return Header("bmp", width, height, 1, in_graph)


def _webp_header(data: ByteSource) -> Header:
    end = 8 + _little(data, 4, 4)
    first = _read(data, 12, 4)
    whole = end <= len(data) and 20 + _little(data, 16, 4) <= end
    if first == b"VP8 ":
        return Header("webp", _little(data, 26, 2) & 0x3FFF, _little(data, 28, 2) & 0x3FFF, 1, whole)
    if first == b"VP8L":
        bits = _little(data, 21, 4)
        return Header("webp", (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1, 1, whole)
    if first != b"VP8X":
        return Header("webp")
    flags = _little(data, 20, 1)
    width, height = _little(data, 24, 3) + 1, _little(data, 27, 3) + 1
    animated, has_exif = bool(flags & 0x02), bool(flags & 0x08)
    orientation = None
    position = 12
    for _ in range(MAX_BLOCKS):
        if position + 8 > end:
            return Header("webp", width, height, orientation or 1, whole and not animated)
        start = position + 8
        stop = start + _little(data, position + 4, 4)
        if stop > end:
            break
        if has_exif and orientation is None and _read(data, position, 4) == b"EXIF":
            block = data[start:stop]
            orientation = exif_orientation(block.removeprefix(EXIF_PREFIX))
        position = stop + stop % 2
    return Header("webp", width, height, orientation or 1)


def _read(data: ByteSource, start: int, size: int) -> bytes:
    return data[start : start + size].ljust(size, b"\0")


def _number(data: ByteSource, start: int, size: int, order: Literal["little", "big"]) -> int:
    return int.from_bytes(_read(data, start, size), order)


def _big(data: ByteSource, start: int, size: int) -> int:
    return _number(data, start, size, "big")


def _little(data: ByteSource, start: int, size: int) -> int:
    return _number(data, start, size, "little")
