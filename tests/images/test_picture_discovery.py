from __future__ import annotations

import os
from pathlib import Path

import pytest

from tfiqa.errors import InvalidInput
from tfiqa.images.discovery import find_pictures, is_picture_name


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    names = [
        "b.jpg",
        "a.PNG",
        "c.Jpeg",
        "notes.txt",
        ".hidden.jpg",
        "deep/er/d.webp",
        "deep/e.TIFF",
        "deep/x.jpg.bak",
        ".cache/thumb.jpg",
        "deep/f.mpo",
        "odd [1].gif",
    ]
    for name in names:
        file = tmp_path / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.touch()
    return tmp_path


def relative(files: list[Path], folder: Path) -> list[str]:
    return [str(file.relative_to(folder)) for file in files]


def test_folders_are_searched_to_the_bottom(folder):
    assert relative(find_pictures([folder]), folder) == [
        "a.PNG",
        "b.jpg",
        "c.Jpeg",
        "deep/e.TIFF",
        "deep/er/d.webp",
        "deep/f.mpo",
        "odd [1].gif",
    ]


def test_files_are_taken_as_given(folder):
    assert find_pictures([folder / "notes.txt", str(folder / ".hidden.jpg")]) == [
        folder / "notes.txt",
        folder / ".hidden.jpg",
    ]


def test_a_missing_file_is_left_for_its_reader_to_report(folder):
    assert find_pictures([folder / "none.jpg"]) == [folder / "none.jpg"]
    os.symlink(folder / "nowhere", folder / "broken[2].jpg")
    assert find_pictures([folder / "broken[2].jpg"]) == [folder / "broken[2].jpg"]


def test_patterns(folder):
    assert relative(find_pictures([f"{folder}/*.jpg"]), folder) == ["b.jpg"]
    assert relative(find_pictures([f"{folder}/*"]), folder) == ["a.PNG", "b.jpg", "c.Jpeg", "odd [1].gif"]
    assert relative(find_pictures([f"{folder}/**/[de].*"]), folder) == ["deep/e.TIFF", "deep/er/d.webp"]


def test_a_name_with_pattern_characters_that_exists_is_no_pattern(folder):
    assert relative(find_pictures([folder / "odd [1].gif"]), folder) == ["odd [1].gif"]


def test_order_of_arguments_and_no_repetition(folder):
    files = find_pictures([folder / "c.Jpeg", f"{folder}/deep/../b.jpg", folder, f"{folder}/*.jpg"])
    assert [file.name for file in files] == ["c.Jpeg", "b.jpg", "a.PNG", "e.TIFF", "d.webp", "f.mpo", "odd [1].gif"]


@pytest.mark.parametrize("name", ["empty", "empty/*.jpg", "*.heic", "deep/er/*.bak"])
def test_a_folder_or_pattern_without_pictures_is_an_error(name, folder):
    (folder / "empty").mkdir()
    (folder / "empty/readme.md").touch()
    with pytest.raises(InvalidInput, match="has no pictures") as caught:
        find_pictures([folder / name])
    assert "\n" not in str(caught.value)
    assert name in str(caught.value)


def test_an_empty_path_is_an_error():
    with pytest.raises(InvalidInput, match="empty path"):
        find_pictures([""])


def test_nothing_gives_nothing():
    assert find_pictures([]) == []


def test_linked_folders_are_followed_once(folder):
    os.symlink(folder, folder / "deep/loop")
    os.symlink(folder / "deep", folder / "again")
    names = [file.name for file in find_pictures([folder])]
    assert sorted(names) == sorted(set(names))
    assert len(names) == 7


def test_names_that_are_no_utf8_survive(tmp_path):
    name = b"caf\xe9.jpg"
    Path(os.fsdecode(os.path.join(os.fsencode(tmp_path), name))).touch()
    (file,) = find_pictures([tmp_path])
    assert os.fsencode(file).endswith(name)
    assert file.exists()
    assert find_pictures([f"{tmp_path}/*.jpg"]) == [file]


def test_relative_paths_stay_relative(folder, monkeypatch):
    monkeypatch.chdir(folder)
    assert find_pictures(["deep/er"]) == [Path("deep/er/d.webp")]
    assert find_pictures(["*.jpg"]) == [Path("b.jpg")]


def test_suffixes():
    assert all(is_picture_name(f"x.{suffix}") for suffix in ("JPE", "tif", "Bmp", "gif", "webp", "mpo"))
    assert not any(is_picture_name(name) for name in ("jpg", ".jpg", "x.jpg~", "x.txt", "x"))
