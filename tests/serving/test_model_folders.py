"""Finding models and versions on disk."""

import pytest

from tfiqa.errors import InvalidInput
from tfiqa.serving.server.model_folders import (
    all_versions,
    find_models,
    latest_versions,
    specific_versions,
    version_folders,
)


@pytest.fixture
def models(tmp_path):
    for version in ("a/1", "a/00000012", "b/3", "notes/2021"):
        (tmp_path / version).mkdir(parents=True)
    for version in ("a/1", "a/00000012", "b/3"):
        (tmp_path / version / "saved_model.pb").touch()
    for junk in ("a/latest", "a/-1", "a/99999999999999999999", "a/٣"):
        (tmp_path / junk).mkdir()
    (tmp_path / "a/7").touch()
    return tmp_path


def test_a_folder_of_models(models):
    assert [(source.name, source.base_path) for source in find_models(models)] == [
        ("a", models / "a"),
        ("b", models / "b"),
    ]


def test_one_model(models, monkeypatch):
    assert [source.name for source in find_models(models / "a")] == ["a"]
    monkeypatch.chdir(models / "a")
    assert [(source.name, source.base_path) for source in find_models(".")] == [("a", models / "a")]


def test_a_link_is_served_under_its_own_name(models):
    (models / "current").symlink_to(models / "a")
    assert [source.name for source in find_models(models / "current")] == ["current"]


@pytest.mark.parametrize(
    ("folder", "text"),
    [
        ("a/1", r"a/1 is the folder of one version; give its parent .*/a instead"),
        ("notes", "holds no model"),
        ("nothing", "is not a folder"),
        ("long" * 100, "is not a folder"),
    ],
)
def test_mistaken_folders(models, folder, text):
    with pytest.raises(InvalidInput, match=text):
        find_models(models / folder)


def test_a_saved_model_outside_a_version_folder(tmp_path):
    (tmp_path / "saved_model.pb").touch()
    with pytest.raises(InvalidInput, match="move it to a folder such as NAME/1"):
        find_models(tmp_path)


def test_versions_are_folders_named_by_a_number(models):
    assert version_folders(models / "a") == {1: models / "a/1", 12: models / "a/00000012"}


def test_two_names_for_one_version(models, caplog):
    (models / "b/003").mkdir()
    assert version_folders(models / "b") == {3: models / "b/003"}
    assert "are the same version" in caplog.text


def test_policies():
    assert latest_versions()([1, 12, 3]) == latest_versions(0)([1, 12, 3]) == {12}
    assert latest_versions(2)([1, 12, 3]) == {3, 12}
    assert latest_versions()([]) == set()
    assert all_versions()([1, 3]) == {1, 3}
    assert specific_versions([1, 9])([1, 3]) == {1}
