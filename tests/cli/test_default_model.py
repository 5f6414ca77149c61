"""The commands without a model named, as a user types them."""

import csv
import shutil

import numpy as np
import pytest
from PIL import Image
from shipped_stand_in import stand_in

from tfiqa.cli.serve import _default_models
from tfiqa.serving.shipped_model import SHIPPED


@pytest.fixture
def base(tmp_path, monkeypatch):
    """The model's base folder; the current folder is an empty one."""
    monkeypatch.chdir(tmp_path)
    return stand_in(monkeypatch)


@pytest.fixture
def photos(base, tmp_path):
    (tmp_path / "photos").mkdir()
    for name, grey in (("dark", 10), ("light", 90)):
        Image.new("RGB", (100, 80), (grey, grey, grey)).save(tmp_path / "photos" / f"{name}.png")
    return tmp_path / "photos"


def test_score(run, base, photos):
    status, out, err = run("score", "photos")
    assert status == 0
    assert list(csv.DictReader(out.splitlines())) == [
        {"path": "photos/dark.png", "quality": "10.0", "rating": "bad", "error": ""},
        {"path": "photos/light.png", "quality": "90.0", "rating": "excellent", "error": ""},
    ]
    assert err.splitlines()[0] == f"{base / '1'}: brightness 0 to 100, higher is better"


def test_map(run, photos):
    status, out, err = run("map", photos / "dark.png", "--output", "map.png", "--local", "map.npy", "--grid", "2x3")
    assert (status, out) == (0, "")
    assert "map.png: quality 10; worst block 10" in err
    assert Image.open("map.png").width > 80
    np.testing.assert_allclose(np.load("map.npy"), np.full((2, 3), 10))


def test_help_names_it(run):
    for command in ("score", "map"):
        assert SHIPPED in run(command, "--help")[1]
    assert "comes with tfiqa" in " ".join(run("serve", "--help")[1].split())


def test_serve_takes_it_where_there_is_no_folder_of_models(base, capsys):
    (model,) = _default_models()
    assert (model.name, model.base_path) == (SHIPPED, base)
    assert capsys.readouterr().err == f"the model is the one that comes with tfiqa: {base}\n"


def test_serve_says_so_where_the_folder_holds_none(base, tmp_path, capsys):
    (tmp_path / "saved_models").mkdir()
    (model,) = _default_models()
    assert model.base_path == base
    first, second = capsys.readouterr().err.splitlines()
    assert first.startswith("saved_models holds no model")
    assert second.startswith("the model is the one that comes with tfiqa")


def test_serve_takes_the_models_of_the_current_folder_before_it(base, tmp_path, capsys):
    shutil.copytree(base, tmp_path / "saved_models" / "mine")
    (model,) = _default_models()
    assert (model.name, model.base_path) == ("mine", tmp_path / "saved_models" / "mine")
    assert capsys.readouterr().err == "the models are those in saved_models\n"


def test_where_it_is_missing_commands_say_so_in_one_line(run, photos, tmp_path, monkeypatch):
    stand_in(monkeypatch, tmp_path)
    for command in (("score", photos), ("map", photos, "--output", "maps"), ("serve",)):
        status, out, err = run(*command)
        assert (status, out, err.count("\n")) == (1, "", 1)
        assert err.startswith(f"error: this installation of tfiqa lacks its own model, {SHIPPED}")
