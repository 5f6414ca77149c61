"""What a manifest asks for, and what it is refused for."""

import shutil

import pytest
from weak_label_jobs import FEW, distorted, pristine, save_scenes, write_table

from tfiqa.databases.manifest import read_manifest
from tfiqa.distortions.levels import LEVELS, NAMES
from tfiqa.errors import InvalidInput, ManifestError
from tfiqa.features.weak_labels.reading import read_task
from tfiqa.features.weak_labels.references import Carried
from tfiqa.features.weak_labels.settings import Settings


def task(path, **settings):
    return read_task(read_manifest(path), Settings(FEW, **settings))


def test_pristine_pictures(tmp_path):
    read = task(pristine(tmp_path, 3, group=["a", "", "b"], split=["train", "test", "train"]))
    assert read.summary == "3 pristine pictures, one type each, at 5 levels"
    assert len(read) == 15
    assert [reference.key for reference in read.references] == ["s0.png", "s1.png", "s2.png"]
    assert [reference.versions.stem for reference in read.references] == ["s0", "s1", "s2"]
    carried = [reference.versions.carried for reference in read.references]
    assert carried == [Carried("a", "train", None), Carried("s1.png", "test", None), Carried("b", "train", None)]
    assert read.settings.draw == "one"


@pytest.mark.parametrize(("draw", "count"), [("one", 5), ("five", 25), ("all", 125)])
def test_draws(tmp_path, draw, count):
    assert len(task(pristine(tmp_path, 2), draw=draw)) == 2 * count


def test_types_of_the_manifest(tmp_path):
    read = task(pristine(tmp_path, 2, distortion=["jpeg", "jitter"]), draw="manifest")
    assert [reference.versions.distortion for reference in read.references] == ["jpeg", "jitter"]
    assert [len(reference) for reference in read.references] == [5, 5]
    assert task(tmp_path / "pristine.csv").references[0].versions.distortion is None


def test_keys_are_unique_though_names_are_not(tmp_path):
    for folder in ("a", "b"):
        save_scenes(tmp_path / folder, 1)
    shutil.copy(tmp_path / "a/s0.png", tmp_path / "a/s0.jpg")
    shutil.copy(tmp_path / "a/s0.png", tmp_path / "a/s0.png.png")
    path = write_table(tmp_path, "m.csv", image=["a/s0.png", "b/s0.png", "a/s0.jpg", "a/s0.png.png"])
    stems = [reference.versions.stem for reference in task(path).references]
    assert stems == ["a/s0.png", "b/s0", "a/s0.jpg", "a/s0.png.png"]


def test_distorted_pictures_come_by_reference(tmp_path):
    path = distorted(tmp_path, split=["train"] * 5 + ["test"] * 5)
    lines = path.read_text().splitlines()
    path.write_text("\n".join([lines[0], *lines[1::2], *lines[2::2]]) + "\n")
    read = task(path)
    assert read.summary == "10 distorted pictures: 10 read from their files; measured against their references"
    assert [reference.key for reference in read.references] == ["../ref/s0.png", "../ref/s1.png"]
    (first, second) = (reference.versions for reference in read.references)
    assert [version.image for version in first] == [f"d0_{level}.bmp" for level in (1, 3, 5, 2, 4)]
    assert {version.carried for version in second} == {Carried("../ref/s1.png", "test", None)}
    assert all(version.path and version.scores is None for version in first)


def test_versions_of_one_type_come_together(tmp_path):
    types = ["jitter", "jpeg", "strange"] * 2
    names = [f"{number}.png" for number in range(6)]
    path = write_table(
        tmp_path, "m.csv", image=names, reference=["r.png"] * 6, distortion=types, level=[1, 1, 1, 2, 2, 2]
    )
    (reference,) = task(path).references
    assert [version.image for version in reference.versions] == [f"{number}.png" for number in (2, 5, 1, 4, 0, 3)]


def test_missing_distorted_pictures_are_made(tmp_path):
    path = distorted(tmp_path)
    (tmp_path / "dist/d0_3.bmp").unlink()
    read = task(path)
    assert read.summary.startswith("10 distorted pictures: 9 read from their files, 1 made anew of their references;")
    made = read.references[0].versions[2]
    assert (made.path, made.image) == (None, "d0_3.png")
    (tmp_path / "ref/s0.png").unlink()
    assert task(path).references[0].versions[2].path == str(tmp_path / "dist/d0_3.bmp")


def test_scores_of_the_manifest_are_taken_when_all_are_there(tmp_path):
    scores = [number / 10 for number in range(10)]
    read = task(distorted(tmp_path, gmsd=scores, mdsi=scores[::-1]))
    assert read.summary.endswith("10 read from their files; the manifest's scores are taken, nothing is measured")
    assert read.references[0].versions[1].scores == (0.1, 0.8)
    table = read_manifest(tmp_path / "distorted.csv").table
    table.drop(columns="mdsi").to_csv(tmp_path / "part.csv", index=False)
    assert task(tmp_path / "part.csv").references[0].versions[1].scores is None


def refusal(path, **settings):
    with pytest.raises(InvalidInput) as caught:
        task(path, **settings)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_a_manifest_that_is_neither(tmp_path):
    assert "neither pristine pictures, since it has a column 'level'" in refusal(pristine(tmp_path, 1, level=[3]))


def test_distorted_pictures_need_all_columns(tmp_path):
    table = read_manifest(distorted(tmp_path)).table
    table.drop(columns="level").to_csv(tmp_path / "m.csv", index=False)
    assert "column 'level' is missing" in refusal(tmp_path / "m.csv")
    table.assign(distortion=["", *table["distortion"][1:]]).to_csv(tmp_path / "m.csv", index=False)
    assert "distortion is missing in row 2" in refusal(tmp_path / "m.csv")
    table.assign(level=[1.5, *table["level"][1:]]).to_csv(tmp_path / "m.csv", index=False)
    assert "level is no whole number in row 2 (first: '1.5')" in refusal(tmp_path / "m.csv")
    for level in ("inf", "1e+300"):
        table.assign(level=[level, *table["level"][1:]]).to_csv(tmp_path / "m.csv", index=False)
        assert f"level is no whole number in row 2 (first: '{level}')" in refusal(tmp_path / "m.csv")


def test_what_is_made_must_be_one_of_the_distortions(tmp_path):
    path = distorted(tmp_path)
    path.write_text(path.read_text().replace("gaussian_blur,3", "gauss,7"))
    assert len(task(path)) == 10  # measured as they are
    (tmp_path / "dist/d0_3.bmp").unlink()
    text = refusal(path)
    assert "distortion is none of `tfiqa list distortions` in row 4 (first: 'gauss')" in text
    assert "level is none of 1 to 5 in row 4 (first: '7')" in text
    assert len(NAMES) * len(LEVELS) == 125
    assert "in row 3 (first: 'blurr')" in refusal(pristine(tmp_path, 2, distortion=["jpeg", "blurr"]), draw="manifest")
    with pytest.raises(ManifestError, match="column 'distortion' is missing"):
        task(pristine(tmp_path, 2), draw="manifest")


def test_levels_of_two_digits_are_levels(tmp_path):
    path = distorted(tmp_path)
    table = read_manifest(path).table
    table.assign(level=[f"0{level}" for level in table["level"]]).to_csv(path, index=False)
    (tmp_path / "dist/d0_3.bmp").unlink()
    assert [version.level for version in task(path).references[0].versions] == [1, 2, 3, 4, 5]


def test_draw_and_size_are_for_pristine_pictures(tmp_path):
    path = distorted(tmp_path)
    assert "take no draw" in refusal(path, draw="one")
    assert "take no size" in refusal(path, size=(64, 64))


def test_two_pictures_of_one_key(tmp_path):
    path = distorted(tmp_path)
    path.write_text(path.read_text().replace("d0_2.bmp", "d0_1.png"))
    (tmp_path / "dist/d0_1.bmp").unlink()
    assert "two pictures would be called d0_1.png" in refusal(path)
