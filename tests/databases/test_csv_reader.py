import pytest

from tfiqa.databases import prepare
from tfiqa.errors import DatabaseLayoutError, ManifestError
from tfiqa.score_scale import ScoreScale


@pytest.fixture
def folder(tmp_path):
    for name in ("00001", "b c.jpg"):
        (tmp_path / name).touch()
    return tmp_path


def prepared(folder, text, name="t.csv"):
    (folder / name).write_text(text, encoding="utf-8-sig")
    return prepare("csv", folder)


@pytest.mark.parametrize(
    "header", ["image,score", "Image Name,MOS", "filename,mos", "PATH,Score", "name,MOS", "file_name,score"]
)
def test_common_names_are_understood(folder, header):
    manifest = prepared(folder, f"{header}\n00001,3\nB C.jpg,4.5\n").manifest
    assert manifest.table["image"].tolist() == [str(folder / "00001"), str(folder / "b c.jpg")]
    assert manifest.table["score"].tolist() == [3.0, 4.5]
    assert manifest.scale == ScoreScale(None, None, True, "score")


def test_dmos_means_lower_is_better_unless_the_table_says_otherwise(folder):
    assert prepared(folder, "image,DMOS\n00001,3\n").manifest.scale == ScoreScale(None, None, False, "DMOS")
    text = "image,dmos,scale_direction,scale_unit\n00001,3,higher,KADID-10k DMOS\n"
    assert prepared(folder, text).manifest.scale == ScoreScale(None, None, True, "KADID-10k DMOS")


def test_other_columns_are_kept(folder):
    table = prepared(folder, "mos;path;camera;group\n3;00001;X100;7\n").manifest.table
    assert table[["camera", "group"]].to_dict("records") == [{"camera": "X100", "group": "7"}]


def test_the_exact_name_wins_and_doubt_is_refused(folder):
    assert prepared(folder, "name,image,mos,score\nx,00001,1,2\n").manifest.table["score"].tolist() == [2.0]
    with pytest.raises(ManifestError, match="columns 'mos' and 'dmos' could each be 'score'"):
        prepared(folder, "image,mos,dmos\n00001,1,2\n")


def test_a_folder_must_hold_one_table(folder):
    with pytest.raises(DatabaseLayoutError, match=r"exactly one .* Found: none"):
        prepare("csv", folder)
    prepared(folder, "image,score\n00001,1\n")
    (folder / "u.csv").touch()
    with pytest.raises(DatabaseLayoutError, match=r"Found: t\.csv, u\.csv"):
        prepare("csv", folder)
    assert len(prepare("csv", folder / "t.csv").manifest) == 1


def test_faults_of_the_table_are_told(folder):
    with pytest.raises(ManifestError, match=r"score is not a number in row 3 \(first: 'good'\)"):
        prepared(folder, "name,MOS\n00001,1\nb c.jpg,good\n")
    with pytest.raises(ManifestError, match="column 'score' is missing"):
        prepared(folder, "name,rank\n00001,1\n")
