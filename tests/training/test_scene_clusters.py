"""`data.scenes: cluster`: a run that finds the types of scenes that its model learns."""

import json

import numpy as np
import pandas as pd
import pytest
from PIL import Image
from scenes import scene
from small_networks import eagerly

from tfiqa.databases.manifest import read_manifest
from tfiqa.errors import InvalidInput, ManifestError, RecipeError
from tfiqa.features.scenes.clusters import SceneTypes
from tfiqa.features.scenes.labels import numbered_scenes
from tfiqa.features.scenes.pictures import describe_pictures
from tfiqa.models.model_info import ModelInfo, info_of, model_spec
from tfiqa.training.recipe_files import read_recipe
from tfiqa.training.trainer import fit
from tfiqa.training.training_data import load_training_data
from tfiqa.weights.model_file import read_model_info

COLUMNS = ["scene_0", "scene_1", "scene_2", "scene_3"]
PICTURES = 16


@pytest.fixture(scope="module")
def manifest(tmp_path_factory):
    """Pictures of four brightnesses with a score each; of each brightness two train, one validates, one tests."""
    folder = tmp_path_factory.mktemp("shades")
    for place in range(PICTURES):
        Image.fromarray(scene(place // 4, 64, 72) // 8 + 60 * (place % 4)).save(folder / f"{place}.png")
    table = pd.DataFrame({"image": [f"{place}.png" for place in range(PICTURES)], "score": np.arange(PICTURES)})
    table["split"] = np.repeat(["train", "train", "validation", "test"], 4)
    table.to_csv(folder / "m.csv", index=False)
    return folder / "m.csv"


def recipe(*overrides):
    return read_recipe("dcnns", ["data.scenes=cluster", "training.epochs=1", "training.batch_size=4", *overrides])


def test_types_are_found_in_the_training_pictures_alone(manifest):
    seen = []
    data = load_training_data(recipe(), [manifest], progress=lambda *counts: seen.append(counts))
    assert data.manifest.table[COLUMNS].to_numpy().argmax(axis=1).tolist() == [0, 1, 2, 3] * 4
    assert (data.manifest.table[COLUMNS].sum(axis=1) == 1).all()
    assert not data.scenes_replaced
    assert seen.count((PICTURES, PICTURES)) == 2  # checked, then described
    described, _ = describe_pictures([manifest.parent / f"{place}.png" for place in range(8)])
    expected = described.astype(np.float64).reshape(2, 4, 37).mean(axis=0)
    np.testing.assert_allclose(data.scenes.centroids, expected, atol=1e-12)
    targets = data.targets(data.rows("test").manifest, recipe().spec.targets)
    np.testing.assert_array_equal(targets["scene_logits"], np.eye(4))


def test_the_fingerprint_covers_the_types(manifest, monkeypatch):
    def fingerprint(*overrides):
        return load_training_data(recipe(*overrides), [manifest]).fingerprint

    before = fingerprint()
    assert fingerprint("training.seed=5") == before  # the same clusters
    assert fingerprint("model.options.scenes=false", "loss.name=l1") != before
    monkeypatch.setattr(SceneTypes, "assign", lambda types, points: np.arange(len(points)) % 3)
    assert fingerprint() != before


def test_the_manifests_own_scenes_give_way(manifest, tmp_path):
    table = pd.read_csv(manifest)
    table["image"] = [str(manifest.parent / name) for name in table["image"]]
    table.assign(scene_0=1.0, scene_1=np.nan, scene_9=2).to_csv(tmp_path / "m.csv", index=False)
    data = load_training_data(recipe(), [tmp_path / "m.csv"])
    assert data.scenes_replaced
    assert numbered_scenes(data.manifest.table) == COLUMNS
    assert data.manifest.table["scene_0"].sum() == 4


def test_a_manifest_must_have_the_columns_otherwise(manifest):
    with pytest.raises(ManifestError, match="scene_0"):
        load_training_data(recipe("data.scenes=columns"), [manifest])
    table = pd.read_csv(manifest)
    table[COLUMNS] = np.eye(4, dtype=int)[np.arange(PICTURES) // 4]
    table.to_csv(manifest.parent / "own.csv", index=False)
    data = load_training_data(recipe("data.scenes=columns"), [manifest.parent / "own.csv"])
    assert data.scenes is None
    assert data.manifest.table["scene_3"].tolist() == [0] * 12 + [1] * 4


def test_which_recipes_cluster():
    assert recipe().clustered_columns == tuple(COLUMNS)
    assert recipe().columns() == ("image", "score")
    assert recipe("data.scenes=columns").clustered_columns == ()
    assert recipe("data.scenes=columns").columns() == ("image", "score", *COLUMNS)
    assert recipe("model.options.scenes=false", "loss.name=l1").clustered_columns == ()
    with pytest.raises(RecipeError, match="spaq_mt_s has named scenes, which no clustering can tell"):
        read_recipe("spaq_mt_s", ["data.scenes=cluster"])
    with pytest.raises(RecipeError, match=r"unknown data\.scenes 'clusters'"):
        recipe("data.scenes=clusters")


def test_too_few_pictures_to_train_on(manifest, tmp_path):
    table = pd.read_csv(manifest).iloc[[0, 1, 2, 8, 9]]
    table["image"] = [str(manifest.parent / name) for name in table["image"]]
    table.to_csv(tmp_path / "m.csv", index=False)
    with pytest.raises(InvalidInput, match=r"4 types of scenes take at least as many .* Received: 3"):
        load_training_data(recipe(), [tmp_path / "m.csv"])


def test_information_of_models_from_before_there_were_types():
    info = info_of("dcnns", model_spec("dcnns").options())
    values = info.to_dict()
    assert values.pop("scenes") is None
    assert ModelInfo.from_dict(json.loads(json.dumps(values))) == info


def test_a_run_keeps_its_types(manifest, tmp_path):
    said, seen = [], []
    with eagerly():
        fit(recipe(), [manifest], tmp_path / "run", say=said.append, progress=lambda *counts: seen.append(counts))
    assert seen == [(place + 1, count) for count in (PICTURES, PICTURES, 8) for place in range(count)]
    assert "types of scenes by clustering the pictures to train on: scene_0 2, scene_1 2, scene_2 2, scene_3 2" in said
    types = SceneTypes.load(tmp_path / "run" / "scenes.json")
    assert read_manifest(tmp_path / "run" / "manifest.csv").table[COLUMNS].to_numpy().sum() == PICTURES
    info = read_model_info(tmp_path / "run" / "model.keras")
    np.testing.assert_array_equal(np.array(info.scenes), types.centroids)
    assert ModelInfo.from_dict(json.loads(json.dumps(info.to_dict()))) == info
    metrics = json.loads((tmp_path / "run" / "metrics.json").read_text())
    assert 0 <= metrics["reports"]["test"]["scene_accuracy"] <= 1
