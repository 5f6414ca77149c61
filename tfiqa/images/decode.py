"""Encoded pictures to 8-bit RGB with Pillow: what every other way of reading a picture in tfiqa has to equal.

The definition: the first picture of the file; EXIF orientation applied; colour profiles ignored; 16-bit samples by
their high byte, as libpng's `png_set_strip_16` takes them; transparency composited over white; CMYK by Pillow's plain
formula. JPEG, PNG, WebP, BMP, GIF and TIFF are read. Metadata cannot fail a JPEG or PNG: their decoders are given only
what makes the pixels.
"""

from __future__ import annotations

import io
import os
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray
from PIL import ImageFile
from PIL.BmpImagePlugin import BmpImageFile
from PIL.GifImagePlugin import GifImageFile
from PIL.JpegImagePlugin import JpegImageFile
from PIL.PngImagePlugin import PngImageFile
from PIL.TiffImagePlugin import BITSPERSAMPLE, PHOTOMETRIC_INTERPRETATION, TiffImageFile
from PIL.WebPImagePlugin import WebPImageFile

from tfiqa.errors import (
    BrokenPicture,
    PictureError,
    PictureTooLarge,
    UnsupportedPicture,
)
from tfiqa.images.headers import PNG_SIGNATURE, ByteSource, Header, jpeg_segments, png_chunks
from tfiqa.images.orientation import TRANSPOSED, upright
from tfiqa.images.picture_file import FileBytes, known_header, opened_picture, read_picture_file
from tfiqa.images.pillow_state import strict_pillow
from tfiqa.images.resize import ResizePolicy, resize_bilinear
from tfiqa.images.scaled_decoding import jpeg_reduction

DEFAULT_MAX_PIXELS = 200_000_000  # twice the largest camera sensors; 600 MB of RGB

WHITE = 255

# The plug-ins are called directly, since `Image.open` checks every picture against Pillow's own global limit.
_PLUGINS: dict[str, type[ImageFile.ImageFile]] = {
    "jpeg": JpegImageFile,
    "png": PngImageFile,
    "gif": GifImageFile,
    "bmp": BmpImageFile,
    "webp": WebPImageFile,
    "tiff": TiffImageFile,
}

# APP1 to APP13, APP15 and comments. APP0 (JFIF) and APP14 (Adobe) say what the components mean.
_JPEG_METADATA = (*range(0xE1, 0xEE), 0xEF, 0xFE)

# What Pillow says of sound pictures whose samples it cannot hold: 12-bit JPEG; floating point or odd depths in TIFF.
_UNSUPPORTED = ("cannot handle 12-bit layers", "cannot handle 16-bit layers", "unknown pixel mode")


def decode_picture(
    source: bytes | str | os.PathLike[str],
    *,
    name: str | None = None,
    max_pixels: int = DEFAULT_MAX_PIXELS,
    scaled_for: ResizePolicy | None = None,
) -> NDArray[np.uint8]:
    """Decodes a picture to RGB.

    Args:
        source: encoded bytes, or the path of a file.
        name: what errors call the picture; the path by default.
        max_pixels: the largest height times width allowed; checked before any pixel is decoded.
        scaled_for: a policy that scales ("shorter_side" or "stretch"). A JPEG of grey or three components that is much
            larger than what it makes of it is decoded at a fraction of its size (see `scaled_decoding`), and brought to
            the size that the policy gives the whole picture. All other pictures come in full, as without it.

    Returns:
        uint8 (H,W,3), RGB, upright.

    Raises:
        PictureError: MissingPicture, EmptyPicture, NotAPicture, BrokenPicture, PictureTooLarge or UnsupportedPicture.
    """
    if isinstance(source, bytes):
        name, data = name or "picture", source
    else:
        name = name or os.fspath(source)
        data = read_picture_file(source, name)
    header = known_header(data, name)
    width, height = _stored_size(header, io.BytesIO(data), name)
    _check_size(width, height, name, max_pixels)
    pixels = {"jpeg": _jpeg_pixels, "png": _png_pixels}.get(header.format)
    with _decoder_errors(name), strict_pillow(width * height):
        image = _PLUGINS[header.format](io.BytesIO(pixels(data, name) if pixels else data))
        _check_size(*image.size, name, max_pixels)  # a second header in the same file may state another size
        # What `decode_graph` leaves to Pillow comes to an exported graph in full, and so it does here.
        scaled = scaled_for if header.format == "jpeg" and header.in_graph else None
        picture = _rgb(image, data, name) if scaled is None else _scaled_rgb(image, data, name, scaled)
        return upright(picture, header.orientation)


def picture_size(source: bytes | str | os.PathLike[str], *, name: str | None = None) -> tuple[int, int]:
    """Width and height of a picture as `decode_picture` would return it, read from its header alone.

    Args:
        source: encoded bytes, or the path of a file.
        name: what errors call the picture; the path by default.

    Returns:
        (width, height) after the EXIF orientation.

    Raises:
        PictureError: as `decode_picture`, as far as the header shows it.
    """
    if isinstance(source, bytes):
        return _upright_size(source, io.BytesIO(source), name or "picture")
    name = name or os.fspath(source)
    with opened_picture(source, name) as file:
        return _upright_size(FileBytes(file), file, name)


def composite_over_white(rgba: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Lays an RGBA picture over white: (c a + 255 (255 - a) + 127) // 255 for each colour sample c with alpha a.

    Args:
        rgba: uint8 (H,W,4), alpha not premultiplied.

    Returns:
        uint8 (H,W,3).
    """
    alpha = rgba[..., 3:].astype(np.int32)
    return ((rgba[..., :3] * alpha + WHITE * (255 - alpha) + 127) // 255).astype(np.uint8)


def _upright_size(data: ByteSource, file: BinaryIO, name: str) -> tuple[int, int]:
    header = known_header(data, name)
    width, height = _stored_size(header, file, name)
    _check_size(width, height, name)
    return (height, width) if header.orientation in TRANSPOSED else (width, height)


def _stored_size(header: Header, file: BinaryIO, name: str) -> tuple[int, int]:
    """Width and height as stored; a TIFF's, and an odd file's, from Pillow, which for a TIFF means upright."""
    if header.width and header.height:
        return header.width, header.height
    file.seek(0)
    with _decoder_errors(name):
        return _PLUGINS[header.format](file).size


def _check_size(width: int, height: int, name: str, max_pixels: int | None = None) -> None:
    if not width * height:
        raise BrokenPicture(name, f"states a size of {width} x {height} pixels")
    if max_pixels is not None and width * height > max_pixels:
        raise PictureTooLarge(name, f"has {width} x {height} pixels, more than the limit of {max_pixels}")


@contextmanager
def _decoder_errors(name: str) -> Iterator[None]:
    try:
        yield
    except PictureError:
        raise
    except MemoryError as error:
        raise PictureTooLarge(name, "does not fit into memory") from error
    except Exception as error:  # a damaged file can raise nearly anything in a decoder
        text = " ".join(str(error).split()) or type(error).__name__
        if text in _UNSUPPORTED:
            raise UnsupportedPicture(name, f"has no 8-bit RGB meaning that tfiqa knows ({text})") from error
        raise BrokenPicture(name, f"is damaged or truncated ({text})") from error


def _jpeg_pixels(data: bytes, name: str) -> bytes:
    """The JPEG without the segments that say nothing of its pixels."""
    kept = [data[:2]]
    position = 2
    for marker, start, stop in jpeg_segments(data):
        if marker not in _JPEG_METADATA:
            kept.append(data[start - 4 : stop])
        position = stop
    return b"".join([*kept, data[position:]])


def _png_pixels(data: bytes, name: str) -> bytes:
    """The critical and tRNS chunks of a PNG, whole and with right checksums; animations lose their further frames."""
    kept = [PNG_SIGNATURE]
    for kind, start, stop in png_chunks(data):
        if kind[:1].isupper() or kind == b"tRNS":
            if zlib.crc32(data[start - 4 : stop]) != int.from_bytes(data[stop : stop + 4], "big"):
                raise BrokenPicture(name, f"is damaged (wrong checksum in chunk {kind.decode('latin-1')!r})")
            kept.append(data[start - 8 : stop + 4])
        if kind == b"IEND":
            return b"".join(kept)
    raise BrokenPicture(name, "is truncated (a PNG without an end)")


def _scaled_rgb(image: ImageFile.ImageFile, data: bytes, name: str, policy: ResizePolicy) -> NDArray[np.uint8]:
    """A JPEG reduced while decoded and brought to the policy's size; in full where the policy does not ask for much less."""
    width, height = image.size
    reduction = jpeg_reduction(policy, height, width)
    if reduction == 1:
        return _rgb(image, data, name)
    image.draft(None, (width // reduction, height // reduction))
    # The last row and column of the reduced picture stand for fewer than `reduction` of the whole one's.
    extent = height / reduction, width / reduction
    return resize_bilinear(_rgb(image, data, name), *policy.output_size(height, width), extent)


def _rgb(image: ImageFile.ImageFile, data: bytes, name: str) -> NDArray[np.uint8]:
    image.load()
    if image.mode in ("I", "F", "LAB"):
        raise UnsupportedPicture(name, f"has no 8-bit RGB meaning that tfiqa knows (Pillow mode {image.mode})")
    if isinstance(image, PngImageFile) and image.mode != "P" and "transparency" in image.info:
        picture = _opaque_rgb(image)
        picture[_png_transparent(image, depth=data[24])] = WHITE
        return picture
    if image.has_transparency_data:
        return composite_over_white(np.asarray(image.convert("RGBA")))
    return _opaque_rgb(image)


def _opaque_rgb(image: ImageFile.ImageFile) -> NDArray[np.uint8]:
    if not image.mode.startswith("I;16"):
        return np.array(image if image.mode == "RGB" else image.convert("RGB"))  # convert would copy
    samples = np.asarray(image)
    bits = 16
    if isinstance(image, TiffImageFile):
        bits = image.tag_v2[BITSPERSAMPLE][0]
        if image.tag_v2.get(PHOTOMETRIC_INTERPRETATION) == 0:  # white is zero, which Pillow leaves to the caller
            samples = 2**bits - 1 - samples
    return np.repeat((samples >> (bits - 8)).astype(np.uint8)[..., np.newaxis], 3, axis=-1)


def _png_transparent(image: PngImageFile, depth: int) -> NDArray[np.bool_]:
    """Where a grey or RGB PNG has the one grey, or colour, that its tRNS chunk makes transparent: (H,W).

    Pillow holds grey of few bits scaled to 0..255 and 16-bit colour by its high bytes; the key is brought to that form.
    """
    highest = 2**depth - 1
    key = np.atleast_1d(image.info["transparency"]) & highest
    if depth < 8:
        key = key * 255 // highest
    elif depth == 16 and image.mode == "RGB":
        key = key >> 8
    samples = np.asarray(image.convert("L") if image.mode == "1" else image)
    return (samples.reshape(*samples.shape[:2], -1) == key).all(axis=-1)
