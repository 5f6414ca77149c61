import pandas as pd
import pytest

from tfiqa.databases.manifest import UNKNOWN_SCALE, Manifest
from tfiqa.databases.split_keys import apply_split_keys, write_split_keys
from tfiqa.databases.splits import split_manifest
from tfiqa.errors import ManifestError

FRACTIONS = {"train": 0.6, "validation": 0.2, "test": 0.2}


def manifest(folder, count=10):
    images = [str(folder / f"part {place % 2}" / f"{place}.jpg") for place in range(count)]
    return Manifest(pd.DataFrame({"image": images, "score": 1.0}), None, UNKNOWN_SCALE)


def test_a_split_comes_back_for_another_copy_in_another_order(tmp_path):
    marked = split_manifest(manifest(tmp_path / "here"), FRACTIONS, 3)
    write_split_keys(marked, tmp_path / "keys.csv")
    elsewhere = manifest(tmp_path / "there")
    shuffled = Manifest(elsewhere.table.sample(frac=1, random_state=0).reset_index(drop=True), None, UNKNOWN_SCALE)
    again, spare = apply_split_keys(shuffled, tmp_path / "keys.csv")
    expected = dict(zip(elsewhere.table["image"], marked.table["split"], strict=True))
    assert again.table["split"].tolist() == [expected[image] for image in again.table["image"]]
    assert spare == 0


def test_pictures_left_out_are_counted(tmp_path):
    write_split_keys(split_manifest(manifest(tmp_path), FRACTIONS, 3), tmp_path / "keys.csv")
    assert apply_split_keys(manifest(tmp_path, 8), tmp_path / "keys.csv")[1] == 2


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("image,part\na,train\n", "is no key file: column 'split' is missing"),
        ("image,split\npart 0/0.jpg,train\n", r"lacks 9 of the 10 pictures .*first: part 1/1\.jpg"),
        ("image,split\npart 0/0.jpg,dev\n", "split is none of train, validation, test in row 2"),
        ("image,split\npart 0/0.jpg,train\npart 0/0.jpg,test\n", "the same picture as in an earlier row"),
    ],
)
def test_other_tables_are_refused(text, message, tmp_path):
    (tmp_path / "keys.csv").write_text(text)
    with pytest.raises(ManifestError, match=message):
        apply_split_keys(manifest(tmp_path), tmp_path / "keys.csv")


def test_keys_that_tear_a_group_apart_are_refused(tmp_path):
    write_split_keys(split_manifest(manifest(tmp_path), FRACTIONS, 3), tmp_path / "keys.csv")
    grouped = manifest(tmp_path)
    grouped.table["group"] = "all one"
    with pytest.raises(ManifestError, match="1 group straddles the splits"):
        apply_split_keys(grouped, tmp_path / "keys.csv")


def test_a_manifest_without_split_has_no_keys(tmp_path):
    with pytest.raises(ManifestError, match="no column 'split'"):
        write_split_keys(manifest(tmp_path), tmp_path / "keys.csv")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("name", ["1.jpg", "other.jpg"])
def test_a_part_of_the_database_finds_its_keys(tmp_path, name):
    (tmp_path / "keys.csv").write_text("image,split\n1.jpg,train\npart/1.jpg,test\npart/other.jpg,test\n")
    part = Manifest(pd.DataFrame({"image": [str(tmp_path / "db" / "part" / name)]}), None, UNKNOWN_SCALE)
    marked, spare = apply_split_keys(part, tmp_path / "keys.csv")
    assert marked.table["split"].tolist() == ["test"]
    assert spare == 2


def test_absolute_and_relative_paths_have_the_same_keys(tmp_path):
    images = ["1.jpg", str(tmp_path / "2.jpg"), "part/3.jpg"]
    table = pd.DataFrame({"image": images, "split": ["train", "test", "train"]})
    write_split_keys(Manifest(table, tmp_path / "m.csv", UNKNOWN_SCALE), tmp_path / "keys.csv")
    absolute = [str(tmp_path / image) for image in images]
    moved = Manifest(pd.DataFrame({"image": absolute}), tmp_path / "elsewhere" / "n.csv", UNKNOWN_SCALE)
    assert apply_split_keys(moved, tmp_path / "keys.csv")[0].table["split"].tolist() == ["train", "test", "train"]
