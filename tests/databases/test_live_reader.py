import os

import numpy as np
import pytest
from scipy.io import loadmat, savemat

from tfiqa.databases.live import FOLDERS, LIVE
from tfiqa.databases.reader import FolderIndex
from tfiqa.errors import DatabaseLayoutError, UnknownName
from tfiqa.score_scale import ScoreScale

PICTURES = [(folder, f"img{number}.bmp") for folder, (_, count) in FOLDERS.items() for number in range(1, count + 1)]
REFERENCES = [f"photo{place % 29}.bmp" for place in range(982)]
IS_ORIGINAL = np.arange(982) % 5 == 1  # 197 of them; the release has 203


def information(folder, references=REFERENCES):
    """An info.txt: not sorted, blank lines, CRLF, a header, and a picture that was not rated."""
    lines = [
        f"{reference} {picture} {place / 8:g}"
        for place, ((name, picture), reference) in enumerate(zip(PICTURES, references, strict=True))
        if name == folder
    ]
    return "\r\n\r\n".join(["% source destination parameter", "photo0.bmp sample.bmp x", *reversed(lines), ""])


def labels(root, references=REFERENCES, **variables):
    """The label files; `variables` replace or add to those of dmos_realigned.mat."""
    names = np.empty((1, 982), object)
    names[0] = references
    savemat(root / "refnames_all.mat", {"refnames_all": names})
    orgs = IS_ORIGINAL.astype(np.uint8)
    realigned = {"dmos_new": np.arange(982) - 2.5, "dmos_std": np.arange(982) / 100, "orgs": orgs} | variables
    savemat(root / "dmos_realigned.mat", {name: value for name, value in realigned.items() if value is not None})
    savemat(root / "dmos.mat", {"dmos": np.arange(982) / 10, "orgs": orgs})
    for folder in FOLDERS:
        (root / folder).mkdir(exist_ok=True)
        (root / folder / "info.txt").write_bytes(information(folder).encode())


@pytest.fixture
def root(tmp_path):
    """A whole release, in other letter case here and there."""
    labels(tmp_path)
    for folder, picture in PICTURES:
        (tmp_path / folder / picture).touch()
    (tmp_path / "refimgs").mkdir()
    for name in set(REFERENCES):
        (tmp_path / "refimgs" / name).touch()
    (tmp_path / "jpeg").rename(tmp_path / "JPEG")
    (tmp_path / "wn" / "img1.bmp").rename(tmp_path / "wn" / "IMG1.BMP")
    (tmp_path / "dmos_realigned.mat").rename(tmp_path / "DMOS_realigned.mat")
    return tmp_path


def test_official_layout(root):
    result = LIVE().read(root)
    table = result.manifest.table
    assert result.missing == []
    assert result.manifest.scale == ScoreScale(None, None, False, "LIVE DMOS")
    kept = [place for place in range(982) if not IS_ORIGINAL[place]]
    assert table["score"].tolist() == [place - 2.5 for place in kept]
    assert table["score_std"].tolist() == [place / 100 for place in kept]
    assert table["distortion_parameter"].tolist() == [place / 8 for place in kept]
    assert table["group"].tolist() == [f"photo{place % 29}" for place in kept]
    assert table["reference"].tolist() == [str(root / "refimgs" / REFERENCES[place]) for place in kept]
    assert set(table.columns) == {
        *("image", "score", "score_std", "reference", "distortion", "distortion_parameter", "group", "database")
    }
    for place, image, distortion in (
        (0, "jp2k/img1.bmp", "jpeg2000"),
        (227, "JPEG/img1.bmp", "jpeg"),
        (460, "wn/IMG1.BMP", "white_noise"),
        (634, "gblur/img1.bmp", "gaussian_blur"),
        (808, "fastfading/img1.bmp", "fast_fading"),
        (980, "fastfading/img173.bmp", "fast_fading"),
    ):
        row = table[table["score"] == place - 2.5].iloc[0]
        assert (row["image"], row["distortion"]) == (str(root / image), distortion)


def test_original_scores_have_no_deviations(root):
    (root / "DMOS_realigned.mat").unlink()
    result = LIVE(scores="original").read(root)
    assert result.manifest.scale == ScoreScale(0, 100, False, "LIVE DMOS before realignment")
    assert "score_std" not in result.manifest.table
    assert result.manifest.table["score"].iloc[-1] == 98.0
    with pytest.raises(UnknownName, match=r"unknown value of live's option scores 'new'; known: realigned, original"):
        LIVE(scores="new")


def test_missing_pictures_and_references_are_listed(root):
    (root / "gblur" / "img4.bmp").unlink()
    (root / "refimgs" / "photo7.bmp").unlink()
    result = LIVE().read(root)
    assert result.missing == ["gblur/img4.bmp", "refimgs/photo7.bmp"]
    assert len(result.manifest) == np.count_nonzero(~IS_ORIGINAL) - 1


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"dmos_new": np.arange(981)}, r"dmos_realigned\.mat: dmos_new has 1x981 entries; LIVE release 2 has 982 pict"),
        ({"dmos_std": np.ones((2, 491))}, "dmos_std has 2x491 entries"),
        ({"dmos_std": None}, "looked for the variable 'dmos_std'; it has dmos_new, orgs"),
        ({"dmos_new": np.array(["good"] * 982, object)}, r"dmos_realigned\.mat: dmos_new holds good, not numbers"),
        (
            {"references": REFERENCES[::-1]},
            r"jp2k/info\.txt says that img1\.bmp shows 'photo0\.bmp', refnames_all\.mat",
        ),
    ],
)
def test_label_files_that_do_not_fit_are_refused(tmp_path, change, told):
    labels(tmp_path, **change)
    with pytest.raises(DatabaseLayoutError, match=told):
        LIVE().read(tmp_path)


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ("img3.bmp", "img300.bmp", r"jp2k/info\.txt does not list img3\.bmp"),
        ("photo2.bmp img3.bmp 0.25", "photo2.bmp img3.bmp", r"jp2k/info\.txt does not list img3\.bmp"),
        ("img3.bmp 0.25", "img3.bmp low", r"the parameter of img3\.bmp is not a number: 'low'"),
        ("photo4.bmp img5", "photo4.bmp img3", r"jp2k/info\.txt lists img3\.bmp twice, differently"),
        (
            "photo2.bmp img3.",
            "photo5.bmp img3.",
            r"img3\.bmp shows 'photo5\.bmp', refnames_all\.mat says 'photo2\.bmp'",
        ),
    ],
)
def test_information_files_that_do_not_fit_are_refused(tmp_path, old, new, told):
    labels(tmp_path)
    path = tmp_path / "jp2k" / "info.txt"
    text = path.read_text()
    assert text.count(old) == 1
    path.write_text(text.replace(old, new))
    with pytest.raises(DatabaseLayoutError, match=told):
        LIVE().read(tmp_path)


@pytest.mark.parametrize("name", ["dmos_realigned.mat", "refnames_all.mat"])
def test_damaged_files_are_refused(tmp_path, name):
    labels(tmp_path)
    whole = (tmp_path / name).read_bytes()
    for damaged in (b"", b"no MATLAB file", whole[:200], whole[: len(whole) // 2]):
        (tmp_path / name).write_bytes(damaged)
        with pytest.raises(DatabaseLayoutError, match=f"{name} is no readable MATLAB file"):
            LIVE().read(tmp_path)


def test_another_folder_is_refused(tmp_path):
    (tmp_path / "Images").mkdir()
    with pytest.raises(DatabaseLayoutError, match=r"is not live: looked for 'dmos_realigned\.mat'; it holds Images"):
        LIVE().read(tmp_path)


def test_real_labels(shared, tmp_path):
    folder = shared / "data" / "labels" / "LIVE"
    labels(tmp_path)
    for name in ("dmos.mat", "dmos_realigned.mat"):
        (tmp_path / name).unlink()
        os.symlink(folder / name, tmp_path / name)
    table = LIVE().labels(FolderIndex(tmp_path, "live"))
    assert len(table) == LIVE.pictures
    assert table["distortion"].value_counts(sort=False).to_dict() == {
        "jpeg2000": 169,
        "jpeg": 175,
        "white_noise": 145,
        "gaussian_blur": 145,
        "fast_fading": 145,
    }
    assert table["score"].agg(["min", "max"]).round(4).tolist() == [-2.64, 111.7747]
    assert table["score_std"].between(1, 5.4).all()
    second = table[table["image"] == "jp2k/img2.bmp"].iloc[0]  # img1 is an original
    assert table["image"].iloc[0] == "jp2k/img2.bmp"
    assert second["score"] == loadmat(folder / "dmos_realigned.mat")["dmos_new"][0, 1]
    assert second[["score", "score_std"]].astype(float).round(4).tolist() == [15.513, 1.6295]
    original = LIVE(scores="original").labels(FolderIndex(tmp_path, "live"))
    assert original["image"].tolist() == table["image"].tolist()
    assert original["score"].agg(["min", "max"]).round(3).tolist() == [17.902, 84.489]
