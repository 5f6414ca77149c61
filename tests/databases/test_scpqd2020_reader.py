import pytest

from tfiqa.databases import prepare
from tfiqa.databases.scpqd2020 import ASPECTS, SCENES, SCPQD2020
from tfiqa.errors import DatabaseLayoutError, ManifestError
from tfiqa.score_scale import ScoreScale

# In the release the first header is a blank.
ROWS = " ,Color,Exposure,Noise,Texture\nA_{0}.jpg,1,2.5,3,1\nB_{0}.jpg,2,2.5,1,2\nC_{0}.jpg,3,1.0,2,3\n"


RANKS = "score_and_sort/Training/sort"


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    """The release with three phones for fifteen; tests put back what they change."""
    root = tmp_path_factory.mktemp("scpqd2020")
    (root / RANKS).mkdir(parents=True)
    for scene in SCENES:
        (root / RANKS / f"{scene}.csv").write_text(ROWS.format(scene))
        folder = root / "training" / scene
        folder.mkdir(parents=True)
        for phone in "ABC":
            (folder / f"{phone}_{scene}.JPG").touch()
    return root


def test_official_layout(root):
    result = prepare("scpqd2020", root)
    assert result.missing == []
    assert result.manifest.scale == ScoreScale(1, 15, False, "SCPQD2020 texture rank")
    table = result.manifest.table
    assert len(table) == 3 * 100
    first = table.iloc[1]
    assert first["image"] == str(root / "training" / "001" / "B_001.JPG")
    assert [first[f"rank_{aspect}"] for aspect in ASPECTS] == [2, 2, 1, 2.5]
    assert first["score"] == 2
    assert (first["scene"], first["group"], first["phone"]) == ("001", "001", "B")
    assert table["group"].nunique() == 100
    assert SCPQD2020.official_count(table) == 1500


@pytest.mark.parametrize(("aspect", "score"), [("texture", 3), ("color", 3), ("noise", 2), ("exposure", 1)])
def test_aspects(root, aspect, score):
    manifest = prepare("scpqd2020", root, {"aspect": aspect}).manifest
    assert manifest.scale == ScoreScale(1, 15, False, f"SCPQD2020 {aspect} rank")
    assert manifest.table["score"].iloc[2] == score


@pytest.mark.parametrize(
    ("old", "new", "error", "told"),
    [
        (
            "Texture",
            "Sharpness",
            DatabaseLayoutError,
            r"042\.csv is no label file of SCPQD2020.*it has unnamed_1, Color",
        ),
        ("2.5,1,2", "2.5,1,16", ManifestError, r"texture of B_042\.jpg is no rank from 1 to 15. Received: '16'"),
        ("2.5,1,2", "2.5,,2", ManifestError, r"noise of B_042\.jpg is no rank from 1 to 15. Received: ''"),
        ("A_042.jpg", "A_041.jpg", ManifestError, r"named like 'A_042\.jpg'\. Received: 'A_041\.jpg'"),
        ("A_042.jpg", "photo.jpg", ManifestError, r"named like 'A_042\.jpg'\. Received: 'photo\.jpg'"),
        ("A_042.jpg", "B_042.jpg", ManifestError, "the same picture as in an earlier row"),
    ],
)
def test_inconsistent_ranks_are_refused(root, old, new, error, told):
    path = root / RANKS / "042.csv"
    path.write_text(ROWS.format("042").replace(old, new))
    with pytest.raises(error, match=told):
        prepare("scpqd2020", root)
    path.write_text(ROWS.format("042"))


def test_another_folder_and_a_missing_scene_are_refused(root, tmp_path):
    with pytest.raises(
        DatabaseLayoutError, match=r"is not scpqd2020: looked for 'score_and_sort/Training/sort/001\.csv'"
    ):
        prepare("scpqd2020", tmp_path)
    (root / RANKS / "100.csv").unlink()
    with pytest.raises(DatabaseLayoutError, match=r"looked for 'score_and_sort/Training/sort/100\.csv'"):
        prepare("scpqd2020", root)
    (root / RANKS / "100.csv").write_text(ROWS.format("100"))
