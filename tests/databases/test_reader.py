import pandas as pd
import pytest
from PIL import Image

from tfiqa.databases import READERS, prepare
from tfiqa.databases.manifest import read_manifest, write_manifest
from tfiqa.databases.reader import FolderIndex, FolderReader
from tfiqa.errors import DatabaseLayoutError, ManifestError, UnknownName
from tfiqa.score_scale import ScoreScale


class Fake(FolderReader):
    name = "fake"
    citation = home_page = licence = "none"
    pictures = 3
    scale = ScoreScale(1, 5, True, "fake MOS")
    has_references = True

    def labels(self, folder):
        folder.require("Labels/scores.txt")
        images = ["Images/a.jpg", "Images/b.jpg", "Images/c.jpg"]
        return pd.DataFrame({"image": images, "score": [1.0, 2.0, 3.0], "reference": ["Ref/r.png", None, "Ref/s.png"]})


@pytest.fixture
def root(tmp_path):
    for name in ("LABELS/Scores.TXT", "images/A.JPG", "images/b.jpg", "ref/R.png"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    return tmp_path


def test_files_are_found_whatever_their_letter_case_and_the_missing_listed(root):
    result = Fake().read(root)
    assert result.manifest.table["image"].tolist() == [str(root / "images/A.JPG"), str(root / "images/b.jpg")]
    assert result.manifest.table["reference"].tolist()[0] == str(root / "ref/R.png")
    assert result.manifest.table["database"].tolist() == ["fake", "fake"]
    assert result.manifest.scale == Fake.scale
    assert result.missing == ["Images/c.jpg", "Ref/s.png"]
    assert result.summary() == "2 pictures of the 3 in the full release, 2 missing (first: Images/c.jpg), 0 unreadable"


def test_the_exact_name_goes_before_one_of_other_letter_case(root):
    (root / "images/a.jpg").touch()
    (root / "Images").mkdir()
    (root / "Images/a.jpg").touch()
    assert FolderIndex(root, "fake").find("Images/a.jpg") == root / "Images/a.jpg"
    assert FolderIndex(root, "fake").find("images/B.jpg") == root / "images/b.jpg"
    assert FolderIndex(root, "fake").find("images") is None


def test_paths_may_lead_out_of_the_root_or_be_absolute(root):
    index = FolderIndex(root / "ref", "fake")
    assert index.find("../Images/B.JPG") == root / "images/b.jpg"
    assert index.find(str(root / "IMAGES" / "b.jpg")) == root / "images/b.jpg"


def test_another_folder_is_refused_with_what_was_sought_and_found(root, tmp_path):
    (tmp_path / "LABELS/Scores.TXT").rename(tmp_path / "LABELS/other.txt")
    with pytest.raises(
        DatabaseLayoutError, match=r"is not fake: looked for 'Labels/scores\.txt'; it holds LABELS, images, ref"
    ):
        Fake().read(root)
    with pytest.raises(DatabaseLayoutError, match="is no folder"):
        Fake().read(root / "nowhere")


def test_labels_without_any_picture_are_refused(root):
    for name in ("A.JPG", "b.jpg"):
        (root / "images" / name).unlink()
    with pytest.raises(DatabaseLayoutError, match=r"holds none of the 3 pictures .* looked for 'Images/a\.jpg'"):
        Fake().read(root)


@pytest.mark.parametrize(
    ("column", "values", "told"),
    [
        ("score", [1, 0.9, 7], r"score is off the scale \(fake MOS 1 to 5, .*\) for 2 of 3 .*first: 0\.9 of Images/b"),
        ("score_std", [0.0, 1, -0.1], r"score_std is negative for 1 of 3 pictures \(first: -0\.1 of Images/c\.jpg\)"),
    ],
)
def test_impossible_scores_are_refused(root, monkeypatch, column, values, told):
    labels = Fake.labels
    monkeypatch.setattr(Fake, "labels", lambda self, folder: labels(self, folder).assign(**{column: values}))
    with pytest.raises(ManifestError, match=told):
        Fake().read(root)


def test_names_that_no_file_can_have_are_not_found(root):
    for name in ("x" * 5000, "images/" + "x" * 5000, "images/b.jpg/c", "a\0b"):
        assert FolderIndex(root, "fake").find(name) is None


def test_a_closed_folder_is_told(root, monkeypatch):
    def closed(folder):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("tfiqa.databases.reader.os.listdir", closed)
    with pytest.raises(DatabaseLayoutError, match=r"cannot read the folder .*: Permission denied"):
        Fake().read(root)


def test_every_reader_declares_its_facts():
    assert set(READERS.names()) == set(
        "live csiq tid2013 kadid10k kadis700k bid cid2013 live_challenge koniq10k spaq flive scpqd2020 biq2021 csv".split()
    )
    for entry in READERS:
        reader = entry.value
        assert reader.name == entry.name
        assert reader.citation
        assert reader.licence
        assert reader.home_page.startswith(("https://", "http://")) or entry.name == "csv"
        assert isinstance(reader.scale, ScoreScale)
        assert isinstance(reader.has_references, bool)


def test_unknown_databases_are_answered_with_near_names(tmp_path):
    with pytest.raises(UnknownName, match="did you mean 'biq2021'"):
        prepare("biq2012", tmp_path)


def test_verified_pictures_that_do_not_decode_are_listed_and_left_out(tmp_path):
    Image.new("RGB", (8, 6)).save(tmp_path / "good.png")
    (tmp_path / "bad.png").write_bytes((tmp_path / "good.png").read_bytes()[:40])
    (tmp_path / "t.csv").write_text("image,score\nbad.png,1\ngood.png,2\ngone.png,3\n")
    steps = []
    unverified = prepare("csv", tmp_path / "t.csv")
    result = prepare(
        "csv", tmp_path / "t.csv", verify_pictures=True, progress=lambda done, total: steps.append((done, total))
    )
    assert (len(unverified.manifest), unverified.unreadable) == (2, [])
    assert result.manifest.table["image"].tolist() == [str(tmp_path / "good.png")]
    assert result.manifest.table["score"].tolist() == [2.0]
    assert len(result.unreadable) == 1
    assert result.unreadable[0].startswith(f"{tmp_path / 'bad.png'}: ")
    assert result.missing == ["gone.png"]
    assert steps == [(1, 2), (2, 2)]


def test_a_prepared_manifest_reads_back(root):
    result = Fake().read(root)
    write_manifest(result.manifest, root / "fake.csv")
    read = read_manifest(root / "fake.csv", required=("image", "score"), check_files=True)
    assert read.table["image"].tolist() == ["images/A.JPG", "images/b.jpg"]
    assert read.scale == Fake.scale
