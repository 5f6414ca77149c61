"""`tfiqa data exif`."""

import csv
import json

import pytest
from click.testing import CliRunner
from PIL import Image

from tfiqa.cli.data.exif import exif
from tfiqa.errors import InvalidInput
from tfiqa.images.exif_encoding import EXIF_VECTOR


@pytest.fixture
def photos(tmp_path):
    """A photograph with EXIF, one without, and one that is a HEIF picture under a JPEG's name."""
    tags = Image.Exif()
    tags.get_ifd(0x8769).update(
        {0x920A: 4.0, 0x829D: 2.0, 0x829A: 0.5, 0x8827: 320, 0x9209: 1, 0x9003: "2020:01:02 06:30:00", 0x9202: 1.5}
    )
    Image.new("RGB", (20, 10)).save(tmp_path / "a.jpg", exif=tags.tobytes())
    Image.new("RGB", (20, 10)).save(tmp_path / "b.png")
    (tmp_path / "c.jpg").write_bytes(b"\0\0\0\x18ftypheic")
    return tmp_path


def run(*arguments):
    done = CliRunner().invoke(exif, [str(argument) for argument in arguments], catch_exceptions=False)
    return done.exit_code, done.stdout, done.stderr


def test_rows(photos):
    status, out, err = run(photos, "--format", "jsonl")
    assert status == 3
    assert err == "1 of 3 pictures have EXIF tags, 1 cannot be read\n"
    photo, plain, heif = map(json.loads, out.splitlines())
    assert {name: photo[name] for name in ("focal_length", "f_number", "exposure_time", "iso", "flash")} == {
        "focal_length": 4,
        "f_number": 2,
        "exposure_time": 0.5,
        "iso": 320,
        "flash": 1,
    }
    assert photo["date_time"] == "2020:01:02 06:30:00"
    assert photo["brightness_value"] is None
    sensitivity = 6.643856189774724  # log2(100)
    vector = [4, 1.5, 1, 2.5 - sensitivity, sensitivity, 1, 1, 0]
    assert [photo[f"exif_{name}"] for name in EXIF_VECTOR] == pytest.approx(vector)
    normalised = [(number - 3.3985) / 5.6570 for number in vector]
    assert [photo[f"normalised_{name}"] for name in EXIF_VECTOR] == pytest.approx(normalised)
    assert photo["error"] is None

    assert plain["error"] is None
    assert {value for name, value in plain.items() if name not in ("path", "error")} == {None, 0.0}
    assert [plain[f"normalised_{name}"] for name in EXIF_VECTOR] == [0] * 8

    assert (
        heif["error"] == f"{photos / 'c.jpg'}: is a HEIF or AVIF picture, which tfiqa does not read; convert it to JPEG"
    )
    assert {value for name, value in heif.items() if name not in ("path", "error")} == {None}


def test_csv_file_and_computed_apex_values(photos, tmp_path):
    table = tmp_path / "out" / "exif.csv"
    status, out, err = run(photos / "a.jpg", photos / "b.png", "--apex", "computed", "--output", table)
    assert (status, out, err) == (0, "", "1 of 2 pictures have EXIF tags\n")
    photo, plain = csv.DictReader(table.read_text().splitlines())
    assert photo["path"] == str(photos / "a.jpg")
    assert (photo["aperture_value"], photo["exif_aperture_value"]) == ("1.5", "2.0")
    assert (plain["iso"], plain["exif_flash"], plain["normalised_flash"]) == ("", "", "0.0")


def test_wrong_usage(tmp_path):
    assert run()[0] == 2
    assert run(tmp_path, "--apex", "guessed")[0] == 2
    with pytest.raises(InvalidInput, match="has no pictures"):
        run(tmp_path)
    assert run(tmp_path / "none.jpg")[0] == 3
