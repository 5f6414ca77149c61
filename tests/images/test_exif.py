import csv
import io
import random
import struct
import time
import warnings
from datetime import datetime

import pytest
from encoded_pictures import png_chunk, saved, scene, with_jpeg_segment
from PIL import Image

from tfiqa.errors import BrokenPicture, EmptyPicture, MissingPicture, NotAPicture, PictureError
from tfiqa.images.exif import ExifTags, Tag, exif_tags, read_exif

BYTE, ASCII, SHORT, LONG, RATIONAL, SRATIONAL, FLOAT, DOUBLE = 1, 2, 3, 4, 5, 10, 11, 12
FORMS = {BYTE: "B", SHORT: "H", LONG: "I", RATIONAL: "I", SRATIONAL: "i", FLOAT: "f", DOUBLE: "d"}
SIZES = {BYTE: 1, ASCII: 1, SHORT: 2, LONG: 4, RATIONAL: 8, SRATIONAL: 8, FLOAT: 4, DOUBLE: 8}

PHOTO = {
    Tag.EXPOSURE_TIME: (RATIONAL, 1, 33),
    Tag.F_NUMBER: (RATIONAL, 22, 10),
    Tag.ISO: (SHORT, 160),
    Tag.DATE_TIME_ORIGINAL: (ASCII, b"2019:09:26 18:05:59\0"),
    Tag.SHUTTER_SPEED_VALUE: (SRATIONAL, 505, 100),
    Tag.APERTURE_VALUE: (RATIONAL, 227, 100),
    Tag.BRIGHTNESS_VALUE: (SRATIONAL, -178, 100),
    Tag.FLASH: (SHORT, 0x19),
    Tag.FOCAL_LENGTH: (RATIONAL, 48, 10),
}
PHOTO_TAGS = ExifTags(
    focal_length=4.8,
    f_number=2.2,
    exposure_time=1 / 33,
    iso=160,
    brightness_value=-1.78,
    flash=1,
    date_time=datetime(2019, 9, 26, 18, 5, 59),
    aperture_value=2.27,
    shutter_speed_value=5.05,
)


def entry(tag, kind, value, count=None, at=None):
    """An entry that may contradict itself: tag, type, value bytes, stated count, stated offset."""
    return tag, kind, value, len(value) // SIZES.get(kind, 1) if count is None else count, at


def directory(entries, start, order, big):
    """A directory that stands at `start`, followed by its long values."""
    word = "Q" if big else "I"
    room = struct.calcsize(word)
    position = start + struct.calcsize("=Q" if big else "=H") + len(entries) * (4 + 2 * room) + room
    table = struct.pack(order + ("Q" if big else "H"), len(entries))
    values = b""
    for tag, kind, value, count, at in entries:
        table += struct.pack(order + "HH" + word, tag, kind, count)
        if len(value) <= room and at is None:
            table += value.ljust(room, b"\0")
        else:
            table += struct.pack(order + word, position + len(values) if at is None else at)
            values += value
    return table + bytes(room) + values


def block(tags, order="<", big=False, first=()):
    """A TIFF structure with some tags in its Exif directory; a tag is (type, numbers...) or an entry of its own."""
    entries = []
    for tag, value in tags.items():
        if len(value) == 5:
            entries.append(value)
        else:
            kind, *numbers = value
            packed = numbers[0] if kind == ASCII else struct.pack(f"{order}{len(numbers)}{FORMS[kind]}", *numbers)
            entries.append(entry(tag, kind, packed))
    head = {"<": b"II", ">": b"MM"}[order]
    head += struct.pack(order + "HHHQ", 43, 8, 0, 16) if big else struct.pack(order + "HI", 42, 8)
    rows = [*first, entry(Tag.EXIF_DIRECTORY, LONG, struct.pack(order + "I", 0))]
    exif_at = len(head) + len(directory(rows, len(head), order, big))
    rows[-1] = entry(Tag.EXIF_DIRECTORY, LONG, struct.pack(order + "I", exif_at))
    return head + directory(rows, len(head), order, big) + directory(entries, exif_at, order, big)


def read_tag(tag, value, **options):
    """The tags of a block that also has a good ISO behind the one tag, to see that one fault stays one fault."""
    tags = exif_tags(block({tag: value, Tag.RECOMMENDED_EXPOSURE_INDEX: (LONG, 77)}, **options))
    assert tags.iso == 77 or tag in (Tag.ISO, Tag.RECOMMENDED_EXPOSURE_INDEX)
    return tags


def jpeg(exif=None):
    picture = saved(scene(), "JPEG")
    return picture if exif is None else with_jpeg_segment(picture, b"Exif\0\0" + exif)


def png(exif, behind=False):
    picture = saved(scene(), "PNG")
    place = len(picture) - 12 if behind else 33
    return picture[:place] + png_chunk(b"eXIf", exif) + picture[place:]


@pytest.mark.parametrize("big", [False, True])
@pytest.mark.parametrize("order", ["<", ">"])
def test_both_byte_orders_and_bigtiff(order, big):
    assert exif_tags(block(PHOTO, order, big)) == PHOTO_TAGS


@pytest.mark.parametrize(
    "data",
    [
        jpeg(block(PHOTO)),
        with_jpeg_segment(jpeg(block(PHOTO)), b"http://ns.adobe.com/xap/1.0/\0<x/>"),
        png(block(PHOTO)),
        png(block(PHOTO), behind=True),
        saved(scene(), "WEBP", exif=block(PHOTO)),
        saved(scene(), "WEBP", exif=b"Exif\0\0" + block(PHOTO)),
        block(PHOTO),
    ],
    ids=["jpeg", "jpeg with xmp first", "png", "png behind the pixels", "webp", "webp with prefix", "tiff"],
)
def test_every_container(data, tmp_path):
    path = tmp_path / "photo"
    path.write_bytes(data)
    assert read_exif(data) == read_exif(path) == PHOTO_TAGS


def test_what_pillow_writes():
    exif = Image.Exif()
    exif.get_ifd(Tag.EXIF_DIRECTORY).update(
        {
            Tag.EXPOSURE_TIME: 0.01,
            Tag.F_NUMBER: 1.8,
            Tag.ISO: 25,
            Tag.FLASH: 16,
            Tag.DATE_TIME_DIGITIZED: "2020:01:02 03:04:05",
        }
    )
    for form in ("JPEG", "PNG", "WEBP", "TIFF"):
        buffer = io.BytesIO()
        Image.fromarray(scene()).save(buffer, form, exif=exif.tobytes())
        tags = read_exif(buffer.getvalue())
        assert (tags.exposure_time, tags.f_number, tags.iso, tags.flash) == (0.01, 1.8, 25, 0), form
        assert tags.date_time == datetime(2020, 1, 2, 3, 4, 5)


@pytest.mark.parametrize("form", ["JPEG", "PNG", "WEBP", "TIFF", "BMP", "GIF"])
def test_a_picture_without_exif_has_no_tags(form):
    assert read_exif(saved(scene(), form)) == ExifTags()


def test_tags_of_the_first_directory_count_where_the_exif_directory_lacks_them():
    first = [entry(Tag.ISO, SHORT, struct.pack("<H", 50)), entry(Tag.FLASH, SHORT, struct.pack("<H", 1))]
    tags = exif_tags(block({Tag.ISO: (SHORT, 200)}, first=first))
    assert (tags.iso, tags.flash) == (200, 1)


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ((RATIONAL, 1, 0), None),
        ((RATIONAL, 0, 0), None),
        ((RATIONAL, 0, 1), None),
        ((SRATIONAL, -1, 60), None),
        ((SRATIONAL, -1, -50), 0.02),
        ((FLOAT, 0.25), 0.25),
        ((DOUBLE, 0.1), 0.1),
        ((DOUBLE, float("nan")), None),
        ((DOUBLE, float("inf")), None),
        ((SHORT, 2), 2),
        ((ASCII, b"1/60\0"), None),
        (entry(Tag.EXPOSURE_TIME, 99, bytes(8)), None),
        (entry(Tag.EXPOSURE_TIME, RATIONAL, b""), None),
        (entry(Tag.EXPOSURE_TIME, RATIONAL, b"", count=1, at=10**6), None),
        (entry(Tag.EXPOSURE_TIME, RATIONAL, b"", count=2**31, at=2**32 - 1), None),
    ],
)
def test_numbers_of_any_type_or_none(value, seconds):
    assert read_tag(Tag.EXPOSURE_TIME, value).exposure_time == seconds


def test_an_absurd_count_does_not_hide_the_first_value():
    value = struct.pack("<II", 1, 8)
    assert (
        read_tag(Tag.EXPOSURE_TIME, entry(Tag.EXPOSURE_TIME, RATIONAL, value, count=2**32 - 1)).exposure_time == 0.125
    )


@pytest.mark.parametrize("tag", [Tag.FOCAL_LENGTH, Tag.F_NUMBER, Tag.EXPOSURE_TIME])
def test_zero_is_unknown(tag):
    assert read_tag(tag, (RATIONAL, 0, 10)) == ExifTags(iso=77)


@pytest.mark.parametrize("value", [(LONG, 2**32 - 1), (RATIONAL, 1, 2**32 - 1), (DOUBLE, 1e300)])
@pytest.mark.parametrize("tag", [Tag.FOCAL_LENGTH, Tag.F_NUMBER, Tag.EXPOSURE_TIME, Tag.ISO_SPEED])
def test_what_no_camera_writes_is_missing(tag, value):
    assert read_tag(tag, value) == ExifTags(iso=77)


def test_apex_tags_stand_in_for_missing_ones():
    tags = exif_tags(block({Tag.APERTURE_VALUE: (RATIONAL, 4, 1), Tag.SHUTTER_SPEED_VALUE: (SRATIONAL, -1, 1)}))
    assert (tags.f_number, tags.exposure_time) == (4, 2)
    unknown = {Tag.APERTURE_VALUE: (RATIONAL, 0, 1), Tag.SHUTTER_SPEED_VALUE: (SRATIONAL, 0, 1)}
    assert exif_tags(block(unknown)) == ExifTags()


def test_impossible_apex_values_are_missing():
    wrong_sign = struct.unpack("<I", struct.pack("<i", -125))[0]  # a signed fraction stored as unsigned
    for tag in (Tag.BRIGHTNESS_VALUE, Tag.SHUTTER_SPEED_VALUE, Tag.APERTURE_VALUE):
        assert read_tag(tag, (RATIONAL, wrong_sign, 100)) == ExifTags(iso=77)


def test_a_brightness_of_zero_is_a_brightness():
    assert read_tag(Tag.BRIGHTNESS_VALUE, (SRATIONAL, 0, 100)).brightness_value == 0


@pytest.mark.parametrize(
    ("tags", "iso"),
    [
        ({Tag.ISO: (SHORT, 100)}, 100),
        ({Tag.ISO: (SHORT, 100, 0, 25)}, 100),
        ({Tag.ISO: (LONG, 102400)}, 102400),
        ({Tag.ISO: (SHORT, 0)}, None),
        ({Tag.ISO: (SHORT, 65535)}, None),
        ({Tag.ISO: (SHORT, 65535), Tag.RECOMMENDED_EXPOSURE_INDEX: (LONG, 102400)}, 102400),
        ({Tag.ISO: (SHORT, 65535), Tag.ISO_SPEED: (LONG, 80000)}, 80000),
        ({Tag.STANDARD_OUTPUT_SENSITIVITY: (LONG, 64)}, 64),
        ({Tag.ISO: (SHORT, 100), Tag.RECOMMENDED_EXPOSURE_INDEX: (LONG, 200)}, 100),
    ],
)
def test_iso(tags, iso):
    assert exif_tags(block(tags)).iso == iso


@pytest.mark.parametrize(("stored", "flash"), [(0, 0), (1, 1), (0x10, 0), (0x18, 0), (0x19, 1), (0x20, 0), (0x5F, 1)])
def test_flash_fired_is_the_lowest_bit(stored, flash):
    assert read_tag(Tag.FLASH, (SHORT, stored)).flash == flash


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        (b"2011:01:13 14:33:39\0", datetime(2011, 1, 13, 14, 33, 39)),
        (b"2011-01-13T14:33:39\0", datetime(2011, 1, 13, 14, 33, 39)),
        (b"2011/01/13  4:33:39", datetime(2011, 1, 13, 4, 33, 39)),
        (
            b"2011:01:13 14:33:39 and much more text than a date has, beyond what is read\0",
            datetime(2011, 1, 13, 14, 33, 39),
        ),
        (b"0000:00:00 00:00:00\0", None),
        (b"2011:13:01 14:33:39\0", None),
        (b"2011:01:13 24:00:00\0", None),
        (b"2011:01:13\0", None),
        (b"    :  :     :  :  \0", None),
        (b"\0" * 20, None),
        (b"", None),
        (b"\xff" * 20, None),
    ],
)
def test_date_and_time(text, moment):
    assert read_tag(Tag.DATE_TIME_ORIGINAL, (ASCII, text)).date_time == moment


def test_taken_comes_before_digitised_and_changed_is_neither():
    taken, digitised, changed = (f"2020:01:0{day} 10:00:00\0".encode() for day in (1, 2, 3))
    first = [entry(0x0132, ASCII, changed)]
    both = {Tag.DATE_TIME_DIGITIZED: (ASCII, digitised), Tag.DATE_TIME_ORIGINAL: (ASCII, taken)}
    assert exif_tags(block(both, first=first)).date_time.day == 1
    both[Tag.DATE_TIME_ORIGINAL] = (ASCII, b"0000:00:00 00:00:00\0")
    assert exif_tags(block(both, first=first)).date_time.day == 2
    assert exif_tags(block({}, first=first)) == ExifTags()


def test_directories_that_lead_nowhere_or_in_circles():
    head = b"II*\0" + struct.pack("<I", 8)
    for place in (0, 8, 2**31, 2**32 - 1):
        pointer = entry(Tag.EXIF_DIRECTORY, LONG, struct.pack("<I", place))
        assert exif_tags(head + directory([pointer], 8, "<", False)) == ExifTags()
    assert exif_tags(head + b"\xff\xff" + bytes(100)) == ExifTags()
    assert exif_tags(b"II*\0" + b"\xff" * 4) == ExifTags()
    assert exif_tags(b"II+\0" + struct.pack("<HHQ", 8, 0, 16) + b"\xff" * 8 + bytes(100)) == ExifTags()
    for other in (b"", b"II", b"XX*\0" + bytes(50)):
        assert exif_tags(other) == ExifTags()


def test_a_cut_block_gives_what_is_left():
    whole = block(PHOTO)
    for length in range(len(whole)):
        tags = vars(exif_tags(whole[:length]))
        assert tags.pop("date_time") in (None, PHOTO_TAGS.date_time)
        for name, value in tags.items():
            # Without its own value, an F-number or exposure time comes from the APEX value.
            assert value is None or value == pytest.approx(vars(PHOTO_TAGS)[name], rel=0.02), (name, length)


def test_damage_never_breaks_warns_or_hangs():
    random_ = random.Random(3)
    sources = [jpeg(block(PHOTO)), png(block(PHOTO)), saved(scene(), "WEBP", exif=block(PHOTO)), block(PHOTO)]
    sources.append(saved(scene(), "TIFF"))
    told = set()
    started = time.monotonic()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for round_ in range(3000):
            data = bytearray(sources[round_ % len(sources)])
            for _ in range(random_.randint(1, 8)):
                data[random_.randrange(min(len(data), 500))] = random_.choice((0, 255, random_.randrange(256)))
            try:
                read_exif(bytes(data[: random_.choice((None, random_.randrange(len(data))))]))
            except PictureError as error:
                told.add(error.reason)
    assert told <= {
        "is damaged or truncated (its header gives no size)",
        "is no picture in a format that tfiqa reads (JPEG, PNG, WebP, BMP, GIF, TIFF)",
        "holds no bytes",
    }
    assert time.monotonic() - started < 20


def test_a_huge_file_is_read_where_it_counts(tmp_path):
    path = tmp_path / "huge.tif"
    path.write_bytes(block(PHOTO))
    with open(path, "r+b") as file:
        file.truncate(2**40)
    assert read_exif(path) == PHOTO_TAGS


@pytest.mark.parametrize(
    ("data", "error", "told"),
    [
        (b"", EmptyPicture, "holds no bytes"),
        (b"no picture", NotAPicture, "is no picture"),
        (b"\0\0\0\x18ftypheic\0\0\0\0", NotAPicture, "HEIF or AVIF picture.*convert it to JPEG"),
        (b"\0\0\0\x18ftypavif\0\0\0\0", NotAPicture, "HEIF or AVIF"),
        (jpeg()[:10], BrokenPicture, "its header gives no size"),
        (png(b"")[:12], BrokenPicture, "its header gives no size"),
        (b"II*\0" + bytes(20), BrokenPicture, "its header gives no size"),
        (b"BM" + bytes(10), BrokenPicture, "truncated"),
    ],
)
def test_what_is_no_picture_is_an_error(data, error, told, tmp_path):
    path = tmp_path / "x.jpg"
    path.write_bytes(data)
    with pytest.raises(error, match=told) as caught:
        read_exif(path)
    assert caught.value.name == str(path)
    with pytest.raises(error, match=r"^picture: "):
        read_exif(data)


def test_a_missing_file():
    with pytest.raises(MissingPicture, match=r"^none\.jpg: does not exist"):
        read_exif("none.jpg")


def test_tags_of_a_picture_cut_behind_them():
    data = jpeg(block(PHOTO))
    assert read_exif(data[: data.index(b"\xff\xe0")]) == PHOTO_TAGS


def test_real_pictures(shared):
    """All values of the index, which another program decoded; empty there is None here."""
    folder = shared / "data" / "exif"
    with open(folder / "exif_index.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 9
    for row in rows:
        tags = read_exif(folder / row["file"])
        for column, value in (
            ("FocalLength", tags.focal_length),
            ("FNumber", tags.f_number),
            ("ExposureTime", tags.exposure_time),
            ("ISO", tags.iso),
            ("BrightnessValue", tags.brightness_value),
            ("ApertureValue", tags.aperture_value),
            ("ShutterSpeedValue", tags.shutter_speed_value),
        ):
            assert value == (float(row[column]) if row[column] else None), (row["file"], column)
        assert tags.flash == (int(float(row["Flash"])) & 1 if row["Flash"] else None)
        taken = row["DateTimeOriginal"]
        assert tags.date_time == (datetime.strptime(taken, "%Y:%m:%d %H:%M:%S") if taken else None)


def test_real_edge_cases(shared):
    folder = shared / "data" / "exif"
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        casio = read_exif(folder / "35-empty.jpg")
        assert casio == ExifTags(7.9, 4.0, 0.004, flash=0, date_time=datetime(2005, 7, 19, 18, 25, 29))
        # no_exif.jpg and 67-0_length_string.jpg have EXIF, but of the wanted tags only the time of their last change
        for name in (
            "67-0_length_string",
            "landscape_6",
            "no_exif",
            "portrait_3",
            "portrait_8",
            "test-assets__time-created",
        ):
            assert read_exif(folder / f"{name}.jpg") == ExifTags(), name
