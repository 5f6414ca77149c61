"""Small encoded pictures of every kind that the decoders must read, made without any file."""

from __future__ import annotations

import io
import struct
import zlib
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

HEIGHT, WIDTH = 37, 53

GREY, RGB, PALETTE, GREY_ALPHA, RGBA = 0, 2, 3, 4, 6  # PNG colour types

# First row, first column, row step, column step of the seven passes of an interlaced PNG.
ADAM7 = ((0, 0, 8, 8), (0, 4, 8, 8), (4, 0, 8, 4), (0, 2, 4, 4), (2, 0, 4, 2), (0, 1, 2, 2), (1, 0, 2, 1))


def scene(height: int = HEIGHT, width: int = WIDTH, channels: int = 3, seed: int = 0) -> NDArray[np.uint8]:
    """Smooth shades with some noise: uint8 (H,W,channels)."""
    rows, columns = np.mgrid[:height, :width]
    shades = np.stack([rows * 5 + channel * 40 + columns * (channel + 1) * 2 for channel in range(channels)], -1)
    noise = np.random.default_rng(seed).integers(0, 40, shades.shape)
    return ((shades + noise) % 256).astype(np.uint8)


def saved(picture: NDArray[Any] | Image.Image, format: str, **options: Any) -> bytes:
    """The picture as Pillow writes it."""
    buffer = io.BytesIO()
    image = picture if isinstance(picture, Image.Image) else Image.fromarray(picture)
    image.save(buffer, format, **options)
    return buffer.getvalue()


def exif_block(orientation: int, order: str = "II", entries_before: int = 2, kind: int = 3) -> bytes:
    """A TIFF structure whose first directory states the orientation after some other entries."""
    mark = "<" if order == "II" else ">"
    entries = [(0x0100 + index, 4, struct.pack(mark + "I", index)) for index in range(entries_before)]
    entries.append((0x0112, kind, struct.pack(mark + "HH", orientation, 0)))
    directory = struct.pack(mark + "H", len(entries))
    for tag, type_, value in entries:
        directory += struct.pack(mark + "HHI", tag, type_, 1) + value
    return order.encode() + struct.pack(mark + "HI", 42, 8) + directory + bytes(4)


def with_jpeg_segment(jpeg: bytes, payload: bytes, marker: int = 0xE1) -> bytes:
    """The JPEG with one more segment right after its first two bytes."""
    return jpeg[:2] + struct.pack(">BBH", 0xFF, marker, len(payload) + 2) + payload + jpeg[2:]


def png_chunk(kind: bytes, payload: bytes) -> bytes:
    """A PNG chunk with its length and checksum."""
    return struct.pack(">I", len(payload)) + kind + payload + struct.pack(">I", zlib.crc32(kind + payload))


def png(
    samples: NDArray[Any],
    depth: int,
    color: int,
    before: Iterable[bytes] = (),
    after: Iterable[bytes] = (),
    pieces: int = 1,
    interlaced: bool = False,
) -> bytes:
    """A PNG of samples (H,W) or (H,W,channels) below 2**depth, with extra chunks before and after the pixels."""
    height, width = samples.shape[:2]
    passes = [samples[top::down, left::right] for top, left, down, right in ADAM7] if interlaced else [samples]
    stream = zlib.compress(b"".join(_png_rows(part, depth) for part in passes))
    step = -(-len(stream) // pieces)
    return b"".join(
        [
            b"\x89PNG\r\n\x1a\n",
            png_chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, depth, color, 0, 0, interlaced)),
            *before,
            *(png_chunk(b"IDAT", stream[start : start + step]) for start in range(0, len(stream), step)),
            *after,
            png_chunk(b"IEND", b""),
        ]
    )


def _png_rows(samples: NDArray[Any], depth: int) -> bytes:
    rows = samples.reshape(samples.shape[0], -1)
    if depth == 16:
        packed = rows.astype(">u2").view(np.uint8)
    elif depth == 8:
        packed = rows.astype(np.uint8)
    else:
        bits = np.unpackbits(rows.astype(np.uint8)[..., None], axis=-1)[..., 8 - depth :]
        packed = np.packbits(bits.reshape(rows.shape[0], -1), axis=-1)
    return b"".join(b"\0" + row.tobytes() for row in packed)


def palette_chunk(count: int) -> bytes:
    """A PLTE chunk of `count` colours."""
    return png_chunk(b"PLTE", np.random.default_rng(5).integers(0, 256, 3 * count, np.uint8).tobytes())


def bmp(picture: NDArray[np.uint8], top_down: bool = False) -> bytes:
    """A BMP of 24 bits (H,W,3) or 32 bits (H,W,4), uncompressed."""
    height, width, channels = picture.shape
    rows = picture[..., [2, 1, 0, 3][:channels]].reshape(height, -1)
    rows = np.pad(rows, ((0, 0), (0, -rows.shape[1] % 4)))
    pixels = (rows if top_down else rows[::-1]).tobytes()
    stated = -height if top_down else height
    header = struct.pack("<IiiHHIIIIII", 40, width, stated, 1, 8 * channels, 0, len(pixels), 2835, 2835, 0, 0)
    return b"BM" + struct.pack("<IHHI", 54 + len(pixels), 0, 0, 54) + header + pixels


def tiff(samples: NDArray[Any], bits: int, photometric: int, sample_format: int = 1, orientation: int = 1) -> bytes:
    """An uncompressed little-endian TIFF of samples (H,W) or (H,W,channels); rows of 12 bits are packed."""
    height, width = samples.shape[:2]
    channels = samples.shape[2] if samples.ndim == 3 else 1
    if bits == 12:
        pairs = samples.reshape(height, -1, 2).astype(np.uint16)
        first, second = pairs[..., 0], pairs[..., 1]
        packed = np.stack([first >> 4, (first & 15) << 4 | second >> 8, second & 255], -1)
        pixels = packed.astype(np.uint8).tobytes()
    else:
        pixels = samples.tobytes()
    longs = {256: width, 257: height, 273: 8, 277: channels, 278: height, 279: len(pixels)}
    shorts = {259: 1, 262: photometric, 274: orientation, 284: 1}
    directory_at = 8 + len(pixels)
    lists_at = directory_at + 2 + 12 * 12 + 4
    entries = {tag: struct.pack("<HHII", tag, 4, 1, value) for tag, value in longs.items()}
    entries |= {tag: struct.pack("<HHIHH", tag, 3, 1, value, 0) for tag, value in shorts.items()}
    lists = b""
    for tag, value in ((258, bits), (339, sample_format)):
        if channels == 1:
            entries[tag] = struct.pack("<HHIHH", tag, 3, 1, value, 0)
        else:
            entries[tag] = struct.pack("<HHII", tag, 3, channels, lists_at + len(lists))
            lists += struct.pack(f"<{channels}H", *[value] * channels)
    directory = struct.pack("<H", len(entries)) + b"".join(entries[tag] for tag in sorted(entries)) + bytes(4)
    return b"II*\0" + struct.pack("<I", directory_at) + pixels + directory + lists


def gif(frames: Sequence[NDArray[np.uint8]], **options: Any) -> bytes:
    """A GIF of grey frames (H,W)."""
    images = [Image.fromarray(frame) for frame in frames]
    return saved(images[0], "GIF", save_all=True, append_images=images[1:], **options)


def _truecolor_key(depth: int) -> bytes:
    key = deep(depth, 3)[3, 4]
    return png_chunk(b"tRNS", struct.pack(">HHH", *(int(sample) for sample in key)))


def deep(depth: int, channels: int = 1) -> NDArray[np.uint16]:
    """Samples below 2**depth: (H,W), or (H,W,channels) for more than one channel."""
    samples = np.random.default_rng(depth).integers(0, 2**depth, (HEIGHT, WIDTH, channels)).astype(np.uint16)
    return samples[..., 0] if channels == 1 else samples


def _alpha(channels: int) -> NDArray[np.uint8]:
    picture = scene(channels=channels)
    picture[..., -1] = np.random.default_rng(1).choice([0, 1, 127, 128, 254, 255], (HEIGHT, WIDTH))
    return picture


def _animated_webp() -> bytes:
    frames = [Image.fromarray(scene(seed=seed)) for seed in range(3)]
    return saved(frames[0], "WEBP", save_all=True, append_images=frames[1:], lossless=True)


def _cmyk() -> Image.Image:
    return Image.frombytes("CMYK", (WIDTH, HEIGHT), scene(channels=4).tobytes())


# Name, encoded bytes made on demand, whether TensorFlow operations decode it as Pillow does.
GRAPH, PILLOW = True, False
PICTURES: dict[str, tuple[Callable[[], bytes], bool]] = {
    "jpeg": (lambda: saved(scene(), "JPEG", quality=85), GRAPH),
    "jpeg 4:4:4": (lambda: saved(scene(), "JPEG", subsampling=0), GRAPH),
    "jpeg 4:2:2": (lambda: saved(scene(), "JPEG", subsampling=1), GRAPH),
    "jpeg progressive": (lambda: saved(scene(), "JPEG", progressive=True), GRAPH),
    "jpeg restarts": (lambda: saved(scene(), "JPEG", restart_marker_blocks=2), GRAPH),
    "jpeg grey": (lambda: saved(scene()[..., 0], "JPEG"), GRAPH),
    "jpeg rgb": (lambda: saved(scene(), "JPEG", keep_rgb=True), GRAPH),
    "jpeg cmyk": (lambda: saved(_cmyk(), "JPEG"), PILLOW),
    "jpeg one pixel": (lambda: saved(scene(1, 1), "JPEG"), GRAPH),
    "jpeg exif": (lambda: with_jpeg_segment(saved(scene(), "JPEG"), b"Exif\0\0" + exif_block(6, "MM")), GRAPH),
    "mpo": (
        lambda: saved(scene(), "MPO", save_all=True, append_images=[Image.fromarray(scene(seed=9))]),
        GRAPH,
    ),
    "png rgb 8": (lambda: saved(scene(), "PNG"), GRAPH),
    "png rgb 8, many pieces": (lambda: png(scene(), 8, RGB, pieces=40), GRAPH),
    "png grey 1": (lambda: png(deep(1), 1, GREY), GRAPH),
    "png grey 2": (lambda: png(deep(2), 2, GREY), GRAPH),
    "png grey 4": (lambda: png(deep(4), 4, GREY), GRAPH),
    "png grey 8": (lambda: png(deep(8), 8, GREY), GRAPH),
    "png grey 16": (lambda: png(deep(16), 16, GREY), GRAPH),
    "png rgb 16": (lambda: png(deep(16, 3), 16, RGB), GRAPH),
    "png grey alpha 8": (lambda: png(_alpha(2), 8, GREY_ALPHA), GRAPH),
    "png grey alpha 16": (lambda: png(deep(16, 2), 16, GREY_ALPHA), GRAPH),
    "png rgba 8": (lambda: png(_alpha(4), 8, RGBA), GRAPH),
    "png rgba 16": (lambda: png(deep(16, 4), 16, RGBA), GRAPH),
    "png palette 1": (lambda: png(deep(1), 1, PALETTE, [palette_chunk(2)]), GRAPH),
    "png palette 4": (lambda: png(deep(4), 4, PALETTE, [palette_chunk(16)]), GRAPH),
    "png palette 8": (lambda: png(deep(8), 8, PALETTE, [palette_chunk(256)]), GRAPH),
    "png palette 8, alpha": (
        lambda: png(deep(8), 8, PALETTE, [palette_chunk(256), png_chunk(b"tRNS", bytes([0, 90, 255, 3]))]),
        GRAPH,
    ),
    "png palette 8, one clear": (
        lambda: png(deep(8), 8, PALETTE, [palette_chunk(256), png_chunk(b"tRNS", b"\xff\xff\0")]),
        GRAPH,
    ),
    "png palette 2, alpha": (
        lambda: png(deep(2), 2, PALETTE, [palette_chunk(4), png_chunk(b"tRNS", b"\0\x50")]),
        PILLOW,
    ),
    "png grey 1, key": (lambda: png(deep(1), 1, GREY, [png_chunk(b"tRNS", b"\0\0")]), PILLOW),
    "png grey 2, key": (lambda: png(deep(2), 2, GREY, [png_chunk(b"tRNS", b"\0\2")]), PILLOW),
    "png grey 8, key": (lambda: png(deep(8), 8, GREY, [png_chunk(b"tRNS", b"\0\x21")]), GRAPH),
    "png grey 16, key": (
        lambda: png(deep(16), 16, GREY, [png_chunk(b"tRNS", struct.pack(">H", deep(16)[3, 4]))]),
        GRAPH,
    ),
    "png rgb 8, key": (lambda: png(deep(8, 3), 8, RGB, [_truecolor_key(8)]), GRAPH),
    "png rgb 16, key": (lambda: png(deep(16, 3), 16, RGB, [_truecolor_key(16)]), PILLOW),
    "png interlaced": (lambda: png(scene(), 8, RGB, interlaced=True), GRAPH),
    "png interlaced 16": (lambda: png(deep(16, 4), 16, RGBA, interlaced=True), GRAPH),
    "png text": (
        lambda: png(scene(), 8, RGB, [png_chunk(b"tEXt", b"Comment\0none"), png_chunk(b"gAMA", bytes(4))]),
        GRAPH,
    ),
    "png exif": (lambda: png(scene(), 8, RGB, [png_chunk(b"eXIf", exif_block(8))]), GRAPH),
    "apng": (
        lambda: saved(scene(), "PNG", save_all=True, append_images=[Image.fromarray(scene(seed=3))]),
        GRAPH,
    ),
    "webp lossy": (lambda: saved(scene(), "WEBP", quality=70), GRAPH),
    "webp lossless": (lambda: saved(scene(), "WEBP", lossless=True), GRAPH),
    "webp lossy alpha": (lambda: saved(_alpha(4), "WEBP", quality=70), GRAPH),
    "webp lossless alpha": (lambda: saved(_alpha(4), "WEBP", lossless=True), GRAPH),
    "webp exif": (lambda: saved(scene(), "WEBP", exif=exif_block(7)), GRAPH),
    "webp animated": (_animated_webp, PILLOW),
    "bmp 24": (lambda: bmp(scene()), GRAPH),
    "bmp 24 top down": (lambda: bmp(scene(), top_down=True), GRAPH),
    "bmp 32": (lambda: bmp(scene(channels=4)), GRAPH),
    "bmp grey": (lambda: saved(scene()[..., 0], "BMP"), PILLOW),
    "bmp palette": (lambda: saved(Image.fromarray(scene()).quantize(50), "BMP"), PILLOW),
    "bmp 1 bit": (lambda: saved(Image.fromarray(scene()).convert("1"), "BMP"), PILLOW),
    "gif": (lambda: gif([scene()[..., 0]]), GRAPH),
    "gif colors": (lambda: saved(Image.fromarray(scene()).quantize(99), "GIF"), GRAPH),
    "gif interlaced": (lambda: saved(Image.fromarray(scene()).quantize(99), "GIF", interlace=1), GRAPH),
    "gif animated": (lambda: gif([scene(seed=seed)[..., 0] for seed in range(3)], comment=b"x" * 700), GRAPH),
    "gif clear": (lambda: gif([scene()[..., 0] // 4], transparency=9), PILLOW),
    "tiff": (lambda: saved(scene(), "TIFF"), PILLOW),
    "tiff lzw": (lambda: saved(scene(), "TIFF", compression="tiff_lzw"), PILLOW),
    "tiff jpeg": (lambda: saved(scene(), "TIFF", compression="jpeg"), PILLOW),
    "tiff cmyk": (lambda: saved(_cmyk(), "TIFF"), PILLOW),
    "tiff rgba": (lambda: saved(_alpha(4), "TIFF"), PILLOW),
    "tiff grey 12": (lambda: tiff(deep(12)[:, :52], 12, 1), PILLOW),
    "tiff grey 16": (lambda: tiff(deep(16), 16, 1), PILLOW),
    "tiff grey 16, white is zero": (lambda: tiff(deep(16), 16, 0), PILLOW),
    "tiff rgb 16": (lambda: tiff(deep(16, 3), 16, 2), PILLOW),
    "tiff orientation": (lambda: saved(scene(), "TIFF", tiffinfo={274: 6}), PILLOW),
}


def picture(name: str) -> bytes:
    """The bytes of one of PICTURES."""
    return PICTURES[name][0]()
