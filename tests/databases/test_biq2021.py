import pytest

from tfiqa.databases import prepare
from tfiqa.errors import DatabaseLayoutError, ManifestError
from tfiqa.score_scale import ScoreScale

NAMES = ("ss01 (1).jpg", "ss01 (2).jpg", "SS03 (77).jpg")
TRAIN = "Image Name,MOS,,\nss01 (1).jpg,0.8471,,\nss03 (77).jpg,0.2874,,\n"
TEST = "Image Name,MOS\nss01 (2).jpg,0.5\n"


@pytest.fixture
def root(tmp_path):
    (tmp_path / "Images").mkdir()
    for name in NAMES:
        (tmp_path / "Images" / name).touch()
    return tmp_path


@pytest.mark.parametrize(
    "names", [("Train (Images and MOS).csv", "Test (Images and MOS).csv"), ("Train.csv", "Test.csv")]
)
def test_official_layout(root, names):
    for name, text in zip(names, (TRAIN, TEST), strict=True):
        (root / name).write_text(text)
    result = prepare("biq2021", root)
    table = result.manifest.table
    assert table["image"].tolist() == [str(root / "Images" / NAMES[place]) for place in (0, 2, 1)]
    assert table["score"].tolist() == [0.8471, 0.2874, 0.5]
    assert table["official_split"].tolist() == ["train", "train", "test"]
    assert "split" not in table
    assert "group" not in table
    assert result.manifest.scale == ScoreScale(0, 1, True, "BIQ2021 MOS")


def test_joined_labels_with_groups(root):
    rows = "ss01 (1).jpg,0.1,train,10554\nss01 (2).jpg,0.2,test,10554\ngone.jpg,0.3,test,7\n"
    (root / "labels.csv").write_text("name,MOS,official_split,near_duplicate_group\n" + rows)
    result = prepare("biq2021", root)
    assert result.manifest.table["group"].tolist() == ["10554", "10554"]
    assert result.manifest.table["official_split"].tolist() == ["train", "test"]
    assert result.missing == ["Images/gone.jpg"]


def test_half_a_release_and_other_labels_are_refused(root):
    (root / "Train.csv").write_text(TRAIN)
    with pytest.raises(DatabaseLayoutError, match=r"looked for 'Test \(Images and MOS\)\.csv' or 'Test\.csv'"):
        prepare("biq2021", root)
    (root / "labels.csv").write_text("a,b\n1,2\n")
    with pytest.raises(DatabaseLayoutError, match=r"labels\.csv is no label file of BIQ2021.*it has a, b"):
        prepare("biq2021", root)
    (root / "labels.csv").write_text("name,Image Name,MOS\nss01 (1).jpg,1,0.5\n")
    with pytest.raises(DatabaseLayoutError, match="it has name, Image Name, MOS"):
        prepare("biq2021", root)


def test_bad_scores_are_told(root):
    (root / "labels.csv").write_text("name,MOS\nss01 (1).jpg,x\n")
    with pytest.raises(ManifestError, match="score is not a number in row 2"):
        prepare("biq2021", root)


def test_real_labels(shared):
    result = prepare("biq2021", shared / "data" / "biq2021")
    table = result.manifest.table
    assert len(table) == 1000
    assert result.missing == []
    assert table["score"].between(0, 1).all()
    first = table[table["image"].str.endswith("/ss01 (1008).jpg")].iloc[0]
    assert (first["score"], first["official_split"], first["group"]) == (0.4905, "train", "10554")
    assert table["group"].value_counts().gt(1).sum() == 31
    assert table.groupby("group")["official_split"].nunique().gt(1).sum() == 10
