"""The folder of a gMAD competition and its contact sheet."""

import io
import json
import struct
from html.parser import HTMLParser
from urllib.parse import unquote

import numpy as np
import pandas as pd
import pytest
from PIL import Image, ImageCms

from tfiqa.errors import MissingPicture, StorageError
from tfiqa.evaluation.gmad import LevelRule, Player, Playground, hold_competition, read_playground
from tfiqa.reports.gmad import write_competition
from tfiqa.reports.gmad_pictures import LONGEST_SIDE, Thumbnail, write_thumbnails

ODD_NAME = '<b>&"two" #1 50%.png'
VOID = {"meta", "img", "br"}


class Reader(HTMLParser):
    """What a page consists of; fails on elements that are not closed in order."""

    def __init__(self, text):
        super().__init__()
        self.open, self.elements, self.text = [], [], []
        self.feed(text)
        assert not self.open

    def handle_starttag(self, tag, attributes):
        self.elements.append((tag, dict(attributes)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.text.append(data)

    def all(self, tag):
        return [attributes for name, attributes in self.elements if name == tag]


def players(count, *names):
    random = np.random.default_rng(0)
    return [Player(name, random.uniform(size=count)) for name in names]


@pytest.fixture
def playground(tmp_path):
    folder = tmp_path / "photos"
    folder.mkdir()
    for number, name in enumerate(["1.png", "2.png", "3.png", ODD_NAME]):
        Image.new("RGB", (900, 300), (60 * number, 0, 0)).save(folder / name)
    return read_playground(folder)


def test_the_whole_folder(playground, tmp_path):
    output = tmp_path / "out"
    competition = hold_competition(playground, players(4, "a", "b<i>"), LevelRule(2, 50.0))
    assert write_competition(competition, output, {"settings": {"levels": 2}}) == []
    pairs = pd.read_csv(output / "pairs.csv")
    assert list(pairs["attacker"].unique()) == ["a", "b<i>"]
    assert len(pd.read_csv(output / "matrix.csv")) == 2
    summary = json.loads((output / "summary.json").read_text())
    assert (summary["settings"], summary["pictures"], summary["ranking"]) == ({"levels": 2}, 4, None)
    assert [player["name"] for player in summary["players"]] == ["a", "b<i>"]

    page = Reader((output / "index.html").read_text())
    images = page.all("img")
    assert len(images) == 2 * len(pairs) > 0
    for image in images:
        assert (output / image["src"]).is_file()
        assert image["loading"] == "lazy"
        assert (int(image["width"]), int(image["height"])) == (LONGEST_SIDE, 213)
        assert any(name in image["alt"] for name in playground.pictures)
    links = [link["href"] for link in page.all("a")]
    originals = {(output / unquote(link)).resolve() for link in links if not link.startswith("#")}
    assert originals == {(tmp_path / "photos" / name).resolve() for name in {*pairs["best"], *pairs["worst"]}}
    targets = {attributes["id"] for _, attributes in page.elements if "id" in attributes}
    assert {link[1:] for link in links if link.startswith("#")} <= targets
    assert page.all("html")[0]["lang"] == "en"
    assert page.all("meta")[1]["name"] == "viewport"
    told = " ".join(page.text)
    for part in ("b<i> fixed, attacked by a", "a fixed, attacked by b<i>", "Nobody has judged", "640 pixels at most"):
        assert part in told
    assert ODD_NAME in told
    assert "http" not in (output / "index.html").read_text()


def test_missing_pictures_and_empty_levels_are_shown_as_such(tmp_path):
    playground = Playground(tmp_path, ["gone1.png", "gone2.png", "gone3.png"])
    competition = hold_competition(playground, players(3, "a", "b"), LevelRule(9, 4.0), pairs=2)
    errors = write_competition(competition, tmp_path / "out", {})
    assert len(competition.pairs) == 0
    assert errors == []
    competition = hold_competition(playground, players(3, "a", "b"), LevelRule(1, 50.0), pairs=2)
    errors = write_competition(competition, tmp_path / "out", {})
    assert {type(error) for error in errors} == {MissingPicture}
    page = Reader((tmp_path / "out" / "index.html").read_text())
    assert page.all("img") == []
    assert len([one for one in page.all("div") if one.get("class") == "missing"]) == 4
    assert "only 1 of 2 pairs among 3 pictures." in " ".join(page.text)
    assert not any("reduced" in text for text in page.text)


def test_names_that_are_not_utf_8(tmp_path):
    names = ["bad\udcff.png", "good.png"]
    for name in names:
        Image.new("RGB", (8, 8)).save(tmp_path / "any.png")
        (tmp_path / "any.png").rename(tmp_path / name)
    competition = hold_competition(Playground(tmp_path, names), players(2, "a", "b"), LevelRule(1, 50.0))
    assert write_competition(competition, tmp_path / "out", {}) == []
    text = (tmp_path / "out" / "index.html").read_text(encoding="utf-8")
    assert 'href="../bad%FF.png"' in text
    assert "bad\N{REPLACEMENT CHARACTER}.png" in text


def test_judged_competitions_show_people_and_the_ranking(tmp_path):
    rows = "".join(f"{number}.png,{number}\n" for number in range(9))
    (tmp_path / "m.csv").write_text("image,score\n" + rows)
    playground = read_playground(tmp_path / "m.csv")
    competition = hold_competition(playground, players(9, "a", "b", "c"), LevelRule(1, 50.0))
    write_competition(competition, tmp_path / "out", {})
    page = Reader((tmp_path / "out" / "index.html").read_text())
    told = " ".join(page.text)
    assert "preference for the left one: " in told
    assert "Global ranking scores" in told
    assert "Nobody has judged" not in told
    assert [title in told for title in ("a and b", "a and c", "b and c")] == [True] * 3
    summary = json.loads((tmp_path / "out" / "summary.json").read_text())
    assert set(summary["ranking"]["resistance"]) == {"a", "b", "c"}


def test_thumbnails_are_upright(tmp_path):
    pixels = np.zeros((40, 80, 3), np.uint8)
    pixels[:, :40] = 255
    exif = Image.Exif()
    exif[0x0112] = 6  # to be turned clockwise: the left side comes to the top
    Image.fromarray(pixels).save(tmp_path / "a.jpg", exif=exif, quality=95)
    found = write_thumbnails([("a.jpg", tmp_path / "a.jpg")], tmp_path)["a.jpg"]
    assert isinstance(found, Thumbnail)
    assert (found.width, found.height, found.reduced) == (40, 80, False)
    shown = np.asarray(Image.open(tmp_path / found.file))
    assert shown[5, 20].min() > 250
    assert shown[75, 20].max() < 5


def swapped_profile():
    """sRGB's profile with the primaries red and blue exchanged."""
    data = bytearray(ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes())
    places = {}
    for tag in range(struct.unpack_from(">I", data, 128)[0]):
        name, offset, size = struct.unpack_from(">4sII", data, 132 + 12 * tag)
        places[name] = slice(offset, offset + size)
    red, blue = bytes(data[places[b"rXYZ"]]), bytes(data[places[b"bXYZ"]])
    data[places[b"rXYZ"]], data[places[b"bXYZ"]] = blue, red
    return bytes(data)


def test_thumbnails_are_in_srgb(tmp_path):
    for name, profile in (("plain", None), ("swapped", swapped_profile()), ("damaged", b"no profile")):
        Image.new("RGB", (20, 20), (250, 0, 0)).save(tmp_path / f"{name}.png", icc_profile=profile)
    found = write_thumbnails([(name, tmp_path / f"{name}.png") for name in ("plain", "swapped", "damaged")], tmp_path)
    colours = {name: Image.open(tmp_path / one.file).getpixel((10, 10)) for name, one in found.items()}
    assert colours["plain"][0] > 240
    assert colours["swapped"][2] > 240
    assert colours["swapped"][0] < 10
    assert colours["damaged"] == colours["plain"]


def test_a_cmyk_profile_is_left_alone(tmp_path):
    buffer = io.BytesIO()
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("LAB")).tobytes()
    Image.new("CMYK", (20, 20), (0, 200, 200, 0)).save(buffer, "jpeg", icc_profile=profile)
    (tmp_path / "a.jpg").write_bytes(buffer.getvalue())
    found = write_thumbnails([("a", tmp_path / "a.jpg")], tmp_path)["a"]
    red, green, blue = Image.open(tmp_path / found.file).getpixel((10, 10))
    assert red > 240
    assert max(green, blue) < 70


def test_a_folder_that_cannot_be_written(playground, tmp_path):
    (tmp_path / "out").write_text("a file")
    competition = hold_competition(playground, players(4, "a", "b"), LevelRule(1, 50.0))
    with pytest.raises(StorageError):
        write_competition(competition, tmp_path / "out", {})
