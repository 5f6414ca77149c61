"""The seven EXIF tags that SPAQ uses, read from JPEG, PNG, WebP and TIFF without decoding a pixel.

Tags are those of JEITA CP-3451 / CIPA DC-008 (Exif 2.32). What is damaged, of a wrong type or impossible counts as
missing, tag by tag: a picture is worth scoring with broken metadata.
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from datetime import datetime
from enum import IntEnum
from itertools import islice

from tfiqa.errors import BrokenPicture, NotAPicture
from tfiqa.images.decode import picture_size
from tfiqa.images.headers import (
    EXIF_PREFIX,
    JPEG_APP1,
    MAX_BLOCKS,
    ByteSource,
    Header,
    jpeg_segments,
    png_chunks,
)
from tfiqa.images.picture_file import FileBytes, known_header, opened_picture
from tfiqa.images.tiff_entries import Entry, TiffDirectories


class Tag(IntEnum):
    """The tags that are read."""

    IMAGE_WIDTH = 0x0100
    EXPOSURE_TIME = 0x829A
    F_NUMBER = 0x829D
    EXIF_DIRECTORY = 0x8769
    ISO = 0x8827
    STANDARD_OUTPUT_SENSITIVITY = 0x8831
    RECOMMENDED_EXPOSURE_INDEX = 0x8832
    ISO_SPEED = 0x8833
    DATE_TIME_ORIGINAL = 0x9003
    DATE_TIME_DIGITIZED = 0x9004
    SHUTTER_SPEED_VALUE = 0x9201
    APERTURE_VALUE = 0x9202
    BRIGHTNESS_VALUE = 0x9203
    FLASH = 0x9209
    FOCAL_LENGTH = 0x920A


# From less to more than any camera writes; a number beyond is damage.
POSSIBLE = {
    Tag.FOCAL_LENGTH: (0.01, 1e5),  # mm
    Tag.F_NUMBER: (0.1, 1e4),
    Tag.EXPOSURE_TIME: (1e-9, 1e6),  # seconds
    **dict.fromkeys(
        (Tag.ISO, Tag.STANDARD_OUTPUT_SENSITIVITY, Tag.RECOMMENDED_EXPOSURE_INDEX, Tag.ISO_SPEED), (0.1, 1e8)
    ),
}
ISO_ELSEWHERE = 65_535  # the largest SHORT: the sensitivity is this or more, and another tag has it
APEX_LIMIT = 99.99  # the range that the standard gives ShutterSpeedValue and BrightnessValue

MAX_PNG_CHUNKS = 100_000  # eXIf may stand behind the pixels, which some writers cut into many chunks
MAX_EXIF_BYTES = 2**24  # a JPEG's block ends at 64 KiB; a PNG's or WebP's is read this far

DATE_TIME_FORMAT = "%Y:%m:%d %H:%M:%S"  # the standard's
# That format, and the spellings that writers make of it.
DATE_TIME = re.compile(r"\s*(\d{4})[:/-](\d\d)[:/-](\d\d)[T\s]\s*(\d{1,2}):(\d\d):(\d\d)")

# ISO base media brands of HEIF and AVIF still pictures.
HEIF_BRANDS = (b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1", b"avif", b"avis")


@dataclass(frozen=True)
class ExifTags:
    """What a picture says of its taking; None where it does not.

    Args:
        focal_length: in mm, of the lens itself.
        f_number: from ApertureValue where FNumber is missing.
        exposure_time: in seconds; from ShutterSpeedValue where ExposureTime is missing.
        iso: sensitivity.
        brightness_value: BrightnessValue (APEX), which few phones write.
        flash: 1 fired, 0 not.
        date_time: when the picture was taken, else digitised, by the camera's clock. Never the DateTime of the file,
            which says when a program last changed it.
        aperture_value: ApertureValue (APEX) as the camera wrote it.
        shutter_speed_value: ShutterSpeedValue (APEX) as the camera wrote it.
    """

    focal_length: float | None = None
    f_number: float | None = None
    exposure_time: float | None = None
    iso: float | None = None
    brightness_value: float | None = None
    flash: int | None = None
    date_time: datetime | None = None
    aperture_value: float | None = None
    shutter_speed_value: float | None = None


def read_exif(source: bytes | str | os.PathLike[str], *, name: str | None = None) -> ExifTags:
    """Reads the EXIF tags of a picture.

    Zero counts as missing in every tag but BrightnessValue and Flash: it is what writers put for unknown.

    Args:
        source: encoded bytes, or the path of a file, of which only what may hold EXIF is read.
        name: what errors call the picture; the path by default.

    Returns:
        The tags; all None for a picture without EXIF.

    Raises:
        PictureError: MissingPicture, EmptyPicture, NotAPicture; BrokenPicture for one that has no tags and whose size
            cannot be read either.
    """
    if isinstance(source, bytes):
        return _read(source, source, name or "picture")
    name = name or os.fspath(source)
    with opened_picture(source, name) as file:
        return _read(FileBytes(file), source, name)


def _read(data: ByteSource, source: bytes | str | os.PathLike[str], name: str) -> ExifTags:
    brand = data[4:12]
    if brand[:4] == b"ftyp" and brand[4:] in HEIF_BRANDS:
        raise NotAPicture(name, "is a HEIF or AVIF picture, which tfiqa does not read; convert it to JPEG")
    header = known_header(data, name)
    block = _exif_block(data, header.format)
    tags = ExifTags() if block is None else exif_tags(block)
    if tags == ExifTags() and not _sized(data, header, source, name):
        raise BrokenPicture(name, "is damaged or truncated (its header gives no size)")
    return tags


def _sized(data: ByteSource, header: Header, source: bytes | str | os.PathLike[str], name: str) -> bool:
    """Whether the header can be read as far as the size of the picture: a broken picture is not one without EXIF."""
    if header.format == "tiff":  # Pillow would judge the kind of its pixels too
        return Tag.IMAGE_WIDTH in TiffDirectories(data, {Tag.IMAGE_WIDTH}).first()
    if header.format == "bmp":  # its older kinds are left to Pillow
        return all(picture_size(source, name=name))
    return header.width > 0 and header.height > 0


def exif_tags(block: ByteSource) -> ExifTags:
    """The tags in a TIFF structure, from its byte order mark on; all None in any other bytes.

    A tag of the first directory (TIFF/EP puts them there) counts where the Exif directory lacks it.
    """
    directories = TiffDirectories(block, frozenset(Tag))
    entries = directories.first()
    place = _positive(entries, Tag.EXIF_DIRECTORY)
    if place is not None:
        entries |= directories.at(int(place))

    aperture_value = _within(_positive(entries, Tag.APERTURE_VALUE))
    shutter_speed_value = _within(_number(entries, Tag.SHUTTER_SPEED_VALUE)) or None
    f_number = _possible(entries, Tag.F_NUMBER)
    if f_number is None and aperture_value is not None:
        f_number = 2 ** (aperture_value / 2)
    exposure_time = _possible(entries, Tag.EXPOSURE_TIME)
    if exposure_time is None and shutter_speed_value is not None:
        exposure_time = 2**-shutter_speed_value
    flash = _number(entries, Tag.FLASH)
    return ExifTags(
        focal_length=_possible(entries, Tag.FOCAL_LENGTH),
        f_number=f_number,
        exposure_time=exposure_time,
        iso=_iso(entries),
        brightness_value=_within(_number(entries, Tag.BRIGHTNESS_VALUE)),
        flash=None if flash is None else int(flash) & 1,
        date_time=_date_time(entries, Tag.DATE_TIME_ORIGINAL) or _date_time(entries, Tag.DATE_TIME_DIGITIZED),
        aperture_value=aperture_value,
        shutter_speed_value=shutter_speed_value,
    )


def _exif_block(data: ByteSource, form: str) -> ByteSource | None:
    """The TIFF structure that holds the EXIF of a picture of some format; None where there is none."""
    if form == "jpeg":
        for marker, start, stop in jpeg_segments(data):
            if marker == JPEG_APP1 and data[start : start + len(EXIF_PREFIX)] == EXIF_PREFIX:
                return data[start + len(EXIF_PREFIX) : stop]
    elif form == "png":
        for kind, start, stop in islice(png_chunks(data), MAX_PNG_CHUNKS):
            if kind == b"eXIf":
                return data[start : min(stop, start + MAX_EXIF_BYTES)].removeprefix(EXIF_PREFIX)
    elif form == "webp":
        return _webp_exif(data)
    elif form == "tiff":
        return data
    return None


def _webp_exif(data: ByteSource) -> bytes | None:
    position = 12
    for _ in range(MAX_BLOCKS):
        head = data[position : position + 8]
        start = position + 8
        size = int.from_bytes(head[4:], "little")
        if head[:4] == b"EXIF":
            return data[start : start + min(size, MAX_EXIF_BYTES)].removeprefix(EXIF_PREFIX)
        position = start + size + size % 2
    return None


def _number(entries: dict[int, Entry], tag: Tag) -> float | None:
    return entries[tag].number() if tag in entries else None


def _positive(entries: dict[int, Entry], tag: Tag) -> float | None:
    number = _number(entries, tag)
    return number if number is not None and number > 0 else None


def _possible(entries: dict[int, Entry], tag: Tag) -> float | None:
    number = _number(entries, tag)
    low, high = POSSIBLE[tag]
    return number if number is not None and low <= number <= high else None


def _within(apex: float | None) -> float | None:
    return apex if apex is not None and abs(apex) <= APEX_LIMIT else None


def _iso(entries: dict[int, Entry]) -> float | None:
    iso = _possible(entries, Tag.ISO)
    if iso is not None and iso != ISO_ELSEWHERE:
        return iso
    others = (
        _possible(entries, tag)
        for tag in (Tag.RECOMMENDED_EXPOSURE_INDEX, Tag.ISO_SPEED, Tag.STANDARD_OUTPUT_SENSITIVITY)
    )
    return next((other for other in others if other is not None), None)


def _date_time(entries: dict[int, Entry], tag: Tag) -> datetime | None:
    text = entries[tag].text() if tag in entries else None
    found = DATE_TIME.match(text or "")
    if found is None:
        return None
    try:
        return datetime(*map(int, found.groups()))  # type: ignore[arg-type]
    except ValueError:  # "0000:00:00 00:00:00" for a clock that was never set, or no such day
        return None
