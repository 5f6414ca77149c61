import shutil

import numpy as np
import pandas as pd
import pytest
from scipy.io import savemat

from tfiqa.databases import prepare
from tfiqa.databases.live_challenge import LIVEChallenge
from tfiqa.databases.reader import FolderIndex
from tfiqa.errors import DatabaseLayoutError, ManifestError
from tfiqa.score_scale import ScoreScale

NAMES = ["t1.bmp", "3.bmp", "1000.JPG"]


def release(root, names=NAMES, scores=(60.5, 20.25, 90), stds=(1, 15.5, 20)):
    """The three files as MATLAB writes them: a column of cells that hold texts, and rows of numbers."""
    cells = np.empty((len(names), 1), object)
    cells[:, 0] = names
    (root / "Data").mkdir(exist_ok=True)
    for variable, value in (
        ("AllImages_release", cells),
        ("AllMOS_release", np.array([scores], float)),
        ("AllStdDev_release", np.array([stds], float)),
    ):
        savemat(root / "Data" / f"{variable}.mat", {variable: value})


@pytest.fixture
def root(tmp_path):
    (tmp_path / "images" / "trainingImages").mkdir(parents=True)
    for name in ("trainingImages/t1.bmp", "3.BMP", "1000.jpg"):
        (tmp_path / "images" / name).touch()
    return tmp_path


def test_official_layout(root):
    release(root)
    result = prepare("live_challenge", root)
    assert result.manifest.scale == ScoreScale(0, 100, True, "LIVE Challenge MOS")
    assert result.missing == []
    table = result.manifest.table
    assert table["image"].tolist() == [str(root / "images" / name) for name in ("3.BMP", "1000.jpg")]
    assert table["score"].tolist() == [20.25, 90]
    assert table["score_std"].tolist() == [15.5, 20]
    assert LIVEChallenge.official_count(table) == 1162


def test_all_pictures(root):
    release(root)
    table = prepare("live_challenge", root, {"pictures": "all"}).manifest.table
    assert table["image"].tolist()[0] == str(root / "images" / "trainingImages" / "t1.bmp")
    assert table["score"].tolist() == [60.5, 20.25, 90]
    assert LIVEChallenge.official_count(table) == 1169


def test_cells_within_cells(root):
    nested = [np.array([[name]], object) for name in NAMES]
    release(root, names=nested)
    assert len(prepare("live_challenge", root).manifest) == 2


@pytest.mark.parametrize("variable", ["AllImages_release", "AllMOS_release", "AllStdDev_release"])
@pytest.mark.parametrize("damage", ["cut", "text"])
def test_every_file_is_needed_whole(root, variable, damage):
    release(root)
    path = root / "Data" / f"{variable}.mat"
    path.write_bytes(path.read_bytes()[:150] if damage == "cut" else b"no MATLAB file" * 20)
    with pytest.raises(DatabaseLayoutError, match=rf"{variable}\.mat is no readable MATLAB file: [^\n]*$"):
        prepare("live_challenge", root)
    path.unlink()
    with pytest.raises(DatabaseLayoutError, match=f"is not live_challenge: looked for 'Data/{variable}.mat'"):
        prepare("live_challenge", root)


def test_inconsistent_files_are_refused(root):
    release(root, stds=(1, 2))
    with pytest.raises(ManifestError, match=r"differ in length.*'AllMOS_release\.mat': 3, 'AllStdDev_release\.mat': 2"):
        prepare("live_challenge", root)
    release(root, names=["t1.bmp", 3.0, "1000.JPG"])
    with pytest.raises(ManifestError, match="a picture's name is no text"):
        prepare("live_challenge", root)
    release(root)
    savemat(root / "Data" / "AllMOS_release.mat", {"mos": [1.0]})
    with pytest.raises(DatabaseLayoutError, match="looked for the variable 'AllMOS_release'; it has mos"):
        prepare("live_challenge", root)


def test_real_labels_and_pictures(shared, tmp_path):
    joined = shared / "data" / "labels" / "LIVE_Challenge" / "AllImages_MOS_Std_joined.csv"
    samples = shared / "data" / "samples" / "livec_samples"
    if not joined.is_file():
        pytest.skip(f"LIVE Challenge's labels not at hand: {joined}")
    labels = pd.read_csv(joined)
    release(tmp_path, labels["image"].tolist(), labels["mos"], labels["std"].fillna(0))
    table = LIVEChallenge().labels(FolderIndex(tmp_path, "live_challenge"))
    assert len(table) == LIVEChallenge.pictures
    assert table.iloc[0].tolist() == ["Images/100.bmp", labels["mos"][7], labels["std"][7]]
    assert table["score"].astype(float).between(3.4, 92.5).all()
    shutil.copytree(samples / "Images", tmp_path / "Images")
    result = prepare("live_challenge", tmp_path, verify_pictures=True)
    assert len(result.missing) == 1162 - 5
    scores = {path.rsplit("/", 1)[-1]: score for path, score in result.manifest.table[["image", "score"]].to_numpy()}
    expected = pd.read_csv(samples / "livec_samples.csv")
    assert scores == {path.removeprefix("Images/"): mos for path, mos in expected[["file", "mos"]].to_numpy()}
