from __future__ import annotations

import io
import os
import struct
import subprocess
import sys
import warnings
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from encoded_pictures import (
    GREY,
    HEIGHT,
    PALETTE,
    PICTURES,
    RGB,
    WIDTH,
    bmp,
    deep,
    exif_block,
    picture,
    png,
    png_chunk,
    saved,
    scene,
    tiff,
    with_jpeg_segment,
)
from PIL import Image, ImageFile, ImageOps

from tfiqa.errors import (
    BrokenPicture,
    EmptyPicture,
    MissingPicture,
    NotAPicture,
    PictureError,
    PictureTooLarge,
    UnsupportedPicture,
)
from tfiqa.images.decode import composite_over_white, decode_picture, picture_size
from tfiqa.images.orientation import upright

SHARED = Path(__file__).resolve().parents[2] / "../shared"


def over_white(color: np.ndarray, alpha: np.ndarray) -> np.ndarray:
    return ((color.astype(int) * alpha + 255 * (255 - alpha.astype(int)) + 127) // 255).astype(np.uint8)


def grey(samples: np.ndarray) -> np.ndarray:
    return np.repeat(samples.astype(np.uint8)[..., None], 3, -1)


def pillow(data: bytes) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(data)).convert("RGB"))


def keyed(picture: np.ndarray, transparent: np.ndarray) -> np.ndarray:
    return np.where(transparent[..., None], 255, picture)


EXACT = {
    "png rgb 8": lambda: scene(),
    "png rgb 8, many pieces": lambda: scene(),
    "png interlaced": lambda: scene(),
    "png text": lambda: scene(),
    "png exif": lambda: upright(scene(), 8),
    "apng": lambda: scene(),
    "png grey 1": lambda: grey(deep(1) * 255),
    "png grey 2": lambda: grey(deep(2) * 85),
    "png grey 4": lambda: grey(deep(4) * 17),
    "png grey 8": lambda: grey(deep(8)),
    "png grey 16": lambda: grey(deep(16) >> 8),
    "png rgb 16": lambda: (deep(16, 3) >> 8).astype(np.uint8),
    "png rgba 16": lambda: over_white(deep(16, 4)[..., :3] >> 8, deep(16, 4)[..., 3:] >> 8),
    "png interlaced 16": lambda: over_white(deep(16, 4)[..., :3] >> 8, deep(16, 4)[..., 3:] >> 8),
    "png grey alpha 16": lambda: over_white(grey(deep(16, 2)[..., 0] >> 8), deep(16, 2)[..., 1:] >> 8),
    "png grey 1, key": lambda: np.full((HEIGHT, WIDTH, 3), 255, np.uint8),
    "png grey 2, key": lambda: keyed(grey(deep(2) * 85), deep(2) == 2),
    "png grey 8, key": lambda: keyed(grey(deep(8)), deep(8) == 0x21),
    "png grey 16, key": lambda: keyed(grey(deep(16) >> 8), deep(16) == deep(16)[3, 4]),
    "png rgb 8, key": lambda: keyed(deep(8, 3).astype(np.uint8), (deep(8, 3) == deep(8, 3)[3, 4]).all(-1)),
    "webp lossless": lambda: scene(),
    "webp animated": lambda: scene(),
    "bmp 24": lambda: scene(),
    "bmp 24 top down": lambda: scene(),
    "bmp 32": lambda: scene(channels=4)[..., :3],
    "bmp grey": lambda: grey(scene()[..., 0]),
    "gif": lambda: grey(scene()[..., 0]),
    "gif animated": lambda: grey(scene()[..., 0]),
    "gif clear": lambda: keyed(grey(scene()[..., 0] // 4), scene()[..., 0] // 4 == 9),
    "tiff": lambda: scene(),
    "tiff lzw": lambda: scene(),
    "tiff orientation": lambda: upright(scene(), 6),
    "tiff grey 12": lambda: grey(deep(12)[:, :52] >> 4),
    "tiff grey 16": lambda: grey(deep(16) >> 8),
    "tiff grey 16, white is zero": lambda: grey(255 - (deep(16) >> 8)),
    "tiff rgb 16": lambda: (deep(16, 3) >> 8).astype(np.uint8),
}
AS_PILLOW = [
    name
    for name in PICTURES
    if name.startswith(("jpeg", "mpo", "webp lossy", "tiff cmyk", "tiff jpeg", "bmp", "gif", "png palette"))
    and not any(word in name for word in ("exif", "alpha", "clear"))
]


@pytest.mark.parametrize("name", EXACT)
def test_samples_come_out_as_they_went_in(name):
    decoded = decode_picture(picture(name))
    assert decoded.dtype == np.uint8
    assert decoded.flags.writeable
    np.testing.assert_array_equal(decoded, EXACT[name]())


@pytest.mark.parametrize("name", AS_PILLOW)
def test_plain_pictures_are_as_pillow_has_them(name):
    np.testing.assert_array_equal(decode_picture(picture(name)), pillow(picture(name)))


def test_mpo_gives_its_first_picture():
    assert np.abs(decode_picture(picture("mpo")).astype(int) - scene()).mean() < 25
    assert np.abs(decode_picture(picture("mpo")).astype(int) - scene(seed=9)).mean() > 0


def test_palette_alpha_is_composited_over_white():
    colors = np.array([[10, 20, 30], [200, 100, 0], [1, 2, 3]], np.uint8)
    samples = np.array([[0, 1, 2]])
    chunks = [png_chunk(b"PLTE", colors.tobytes()), png_chunk(b"tRNS", bytes([128, 0]))]
    decoded = decode_picture(png(samples, 8, PALETTE, chunks))
    np.testing.assert_array_equal(decoded, over_white(colors[None], np.array([128, 0, 255])[None, :, None]))


def test_composite_is_the_nearest_integer_for_every_color_and_alpha():
    color, alpha = np.meshgrid(np.arange(256), np.arange(256))
    rgba = np.stack([color, color, color, alpha], -1).astype(np.uint8)
    exact = (color * alpha + 255 * (255 - alpha)) / 255
    result = composite_over_white(rgba)[..., 0]
    np.testing.assert_array_equal(result, np.rint(exact))
    np.testing.assert_array_equal(result[255], np.arange(256))
    np.testing.assert_array_equal(result[0], 255)


@pytest.mark.parametrize("orientation", range(1, 9))
def test_exif_orientation_is_applied(orientation):
    plain = saved(scene(), "JPEG")
    turned = with_jpeg_segment(plain, b"Exif\0\0" + exif_block(orientation))
    np.testing.assert_array_equal(decode_picture(turned), upright(decode_picture(plain), orientation))
    assert picture_size(turned) == ((HEIGHT, WIDTH) if orientation > 4 else (WIDTH, HEIGHT))


@pytest.mark.parametrize(
    "payload",
    [
        b"Exif\0\0",
        b"Exif\0\0II*\0",
        b"Exif\0\0" + bytes(range(256)) * 9,
        b"Exif\0\0" + exif_block(6)[:20],
        b"Exif\0\0II*\0\x08\0\0\0\xff\xff" + b"\xff" * 40,
    ],
)
def test_broken_exif_does_not_fail_the_picture(payload):
    plain = saved(scene(), "JPEG")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        np.testing.assert_array_equal(decode_picture(with_jpeg_segment(plain, payload)), decode_picture(plain))


@pytest.mark.parametrize("chunk", [(b"tEXt", b"\0" * 9), (b"iCCP", b"x\0\0" + b"\xff" * 50), (b"acTL", bytes(8))])
def test_broken_metadata_does_not_fail_a_png(chunk):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        np.testing.assert_array_equal(decode_picture(png(scene(), 8, RGB, [png_chunk(*chunk)])), scene())


@pytest.mark.parametrize("name", PICTURES)
def test_size_without_decoding_is_the_decoded_size(name, tmp_path):
    height, width = decode_picture(picture(name)).shape[:2]
    file = tmp_path / "picture"
    file.write_bytes(picture(name))
    assert picture_size(picture(name)) == (width, height)
    assert picture_size(file) == (width, height)


def test_size_reads_no_pixels(tmp_path):
    file = tmp_path / "picture.jpg"
    data = saved(scene(), "JPEG")
    file.write_bytes(data[: data.index(b"\xff\xda") + 20])
    assert picture_size(file) == (WIDTH, HEIGHT)
    with pytest.raises(BrokenPicture):
        decode_picture(file)


def test_files_are_read_and_named_in_errors(tmp_path):
    good, bad = tmp_path / "good.jpg", tmp_path / "bad.jpg"
    good.write_bytes(picture("png rgb 8"))
    bad.write_bytes(picture("png rgb 8")[:100])
    np.testing.assert_array_equal(decode_picture(good), scene())
    np.testing.assert_array_equal(decode_picture(str(good)), scene())
    with pytest.raises(BrokenPicture, match=r"bad\.jpg: ") as caught:
        decode_picture(bad)
    assert caught.value.name == str(bad)
    with pytest.raises(BrokenPicture, match="photo 3: "):
        decode_picture(bad, name="photo 3")


def test_missing_files_and_folders(tmp_path):
    (tmp_path / "loop").symlink_to(tmp_path / "loop")
    os.mkfifo(tmp_path / "pipe")
    for path, text in (
        (tmp_path / "none.jpg", "does not exist"),
        (tmp_path, "folder"),
        (tmp_path / "loop", "cannot be read"),
        (tmp_path / "pipe", "not a regular file"),
        ("a\0b", "no file name"),
    ):
        for reader in (decode_picture, picture_size):
            with pytest.raises(MissingPicture, match=text):
                reader(path)


@pytest.mark.skipif(os.geteuid() == 0, reason="the superuser may read everything")
def test_a_file_without_permission(tmp_path):
    file = tmp_path / "secret.jpg"
    file.write_bytes(picture("jpeg"))
    file.chmod(0)
    with pytest.raises(MissingPicture, match="cannot be read"):
        decode_picture(file)


def test_a_truncated_png_is_broken_even_where_all_pixels_are_there():
    data = picture("png rgb 8")
    with pytest.raises(BrokenPicture, match="truncated"):
        decode_picture(data[:-12])


@pytest.mark.parametrize("kind", [b"IHDR", b"IDAT"])
def test_a_wrong_checksum_is_noticed(kind):
    data = bytearray(picture("png rgb 8"))
    at = data.index(kind)
    length = struct.unpack(">I", data[at - 4 : at])[0]
    data[at + 4 + length] ^= 1
    with pytest.raises(BrokenPicture, match="checksum"):
        decode_picture(bytes(data))


@pytest.mark.parametrize(
    ("data", "error"),
    [
        (b"", EmptyPicture),
        (b"hello", NotAPicture),
        (b"%PDF-1.7 and more", NotAPicture),
        (b"\xff\xd8\xff", BrokenPicture),
        (b"BM", BrokenPicture),
        (png(np.zeros((1, 0)), 8, GREY), BrokenPicture),
        (tiff(deep(8).astype(np.float32), 32, 1, 3), UnsupportedPicture),
        (tiff(deep(8).astype(np.int32), 32, 1, 2), UnsupportedPicture),
        (tiff(deep(8).astype(np.uint32), 32, 1, 1), UnsupportedPicture),
        (tiff(deep(8).astype(np.float64), 64, 1, 3), UnsupportedPicture),
        (tiff(scene(), 8, 8), UnsupportedPicture),
        (picture("jpeg").replace(b"\xff\xc0\0\x11\x08", b"\xff\xc0\0\x11\x0c"), UnsupportedPicture),
    ],
)
def test_what_cannot_be_decoded_says_why(data, error):
    with pytest.raises(error) as caught:
        decode_picture(data, name="it")
    assert str(caught.value).startswith("it: ")
    assert "\n" not in str(caught.value)


def huge_png() -> bytes:
    """A PNG that states 60000 x 60000 pixels and holds none of them."""
    data = png(np.zeros((1, 1)), 8, GREY)
    return data[:8] + png_chunk(b"IHDR", struct.pack(">IIBBBBB", 60_000, 60_000, 8, 0, 0, 0, 0)) + data[33:]


@pytest.mark.parametrize("name", PICTURES)
def test_the_pixel_limit_is_exact(name):
    height, width = decode_picture(picture(name)).shape[:2]
    decode_picture(picture(name), max_pixels=height * width)
    with pytest.raises(PictureTooLarge, match=f"limit of {height * width - 1}"):
        decode_picture(picture(name), max_pixels=height * width - 1)


def test_huge_pictures_are_refused_by_their_header():
    with pytest.raises(PictureTooLarge, match="60000 x 60000"):
        decode_picture(huge_png())
    with pytest.raises(PictureTooLarge):
        decode_picture(bmp(scene())[:18] + struct.pack("<ii", 40_000, 40_000) + bmp(scene())[26:])
    second = picture("png grey 8")
    second = second[:33] + huge_png()[8:33] + second[33:]
    with pytest.raises(PictureTooLarge, match="60000"):
        decode_picture(second)


@pytest.mark.parametrize("name", PICTURES)
def test_pillows_own_limits_neither_fire_nor_change(name, monkeypatch):
    data = picture(name)
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 10)
    monkeypatch.setattr(ImageFile, "LOAD_TRUNCATED_IMAGES", True)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        decoded = decode_picture(data)
        with pytest.raises(PictureError):
            decode_picture(data[: len(data) // 4])
    assert (Image.MAX_IMAGE_PIXELS, ImageFile.LOAD_TRUNCATED_IMAGES) == (10, True)
    monkeypatch.undo()
    np.testing.assert_array_equal(decoded, decode_picture(data))


def test_many_threads_decode_at_once(monkeypatch):
    encoded = [picture(name) for name in PICTURES]
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 10)
    monkeypatch.setattr(ImageFile, "LOAD_TRUNCATED_IMAGES", True)
    expected = [decode_picture(data) for data in encoded]

    def check(index: int) -> bool:
        place = index % len(encoded)
        with pytest.raises(PictureError):
            decode_picture(encoded[place][: len(encoded[place]) // 4])
        return np.array_equal(decode_picture(encoded[place]), expected[place])

    with ThreadPoolExecutor(16) as pool:
        assert all(pool.map(check, range(4 * len(encoded))))
    assert (Image.MAX_IMAGE_PIXELS, ImageFile.LOAD_TRUNCATED_IMAGES) == (10, True)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", PICTURES)
def test_damage_gives_a_picture_or_a_picture_error(name):
    data = picture(name)
    random = np.random.default_rng(len(name))
    trials = [data[: len(data) * part // 20] for part in range(20)]
    for _ in range(30):
        damaged = bytearray(data)
        for place in random.integers(0, len(data), random.integers(1, 5)):
            damaged[place] = random.integers(256)
        trials.append(bytes(damaged))
    for trial in trials:
        try:
            decoded = decode_picture(trial, max_pixels=1_000_000)
        except PictureError:
            continue
        assert decoded.dtype == np.uint8
        assert decoded.ndim == 3
        assert decoded.shape[2] == 3
        assert picture_size(trial) == decoded.shape[1::-1]


def test_the_package_reads_pictures_without_tensorflow():
    code = (
        "import sys; sys.modules['tensorflow'] = None\n"
        "import tfiqa.images.decode, tfiqa.images.protocol, tfiqa.images.discovery, tfiqa.images.headers"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


@pytest.mark.skipif(not (SHARED / "data/exif").is_dir(), reason="needs the camera files in ../shared/data/exif")
def test_camera_files_are_as_pillow_turns_them():
    for file in sorted((SHARED / "data/exif").glob("*.jpg")):
        with Image.open(file) as image:
            expected = np.asarray(ImageOps.exif_transpose(image).convert("RGB"))
        np.testing.assert_array_equal(decode_picture(file), expected, err_msg=file.name)
        assert picture_size(file) == expected.shape[1::-1]
