"""The whole way: pictures, their features in folders, a run of heads, and its model on the pictures again."""

import json
from pathlib import Path

import keras
import numpy as np
import pandas as pd
import pytest
from head_features import HereRunner, narrow_heads
from PIL import Image
from scenes import scene

import tfiqa
from tfiqa.databases.manifest import read_manifest
from tfiqa.errors import InvalidInput
from tfiqa.features import load_mlsp
from tfiqa.features.mlsp.job import MlspJob
from tfiqa.features.mlsp.settings import MlspSettings
from tfiqa.pipelines.labelled_pictures import read_labelled_pictures
from tfiqa.serving.evaluation import evaluate_scorer
from tfiqa.serving.scorer import Scorer
from tfiqa.training.heads.data import read_features
from tfiqa.training.heads.network import head_model
from tfiqa.training.heads.run import fit_heads
from tfiqa.training.recipe_files import read_recipe

PICTURES = 20


@pytest.fixture(scope="module", autouse=True)
def _narrow():
    with narrow_heads():
        yield


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A manifest `m.csv`, a body, and the features of the pictures in `features`."""
    folder = tmp_path_factory.mktemp("whole")
    names = [f"p{number:02}.png" for number in range(PICTURES)]
    for number, name in enumerate(names):
        Image.fromarray(scene(number, 64, 72)).save(folder / name)
    table = pd.DataFrame({"image": names, "score": np.linspace(1, 5, PICTURES), "database": "kadid10k"})
    table.to_csv(folder / "m.csv", index=False)
    keras.utils.set_random_seed(0)
    tfiqa.build_model("deepfl_mtl", body="resnet18", measures=["ssim"]).save(folder / "body.keras")
    extract(folder, folder / "features")
    return folder


def extract(folder, output, model="body.keras", **settings):
    job = MlspJob(read_labelled_pictures(folder / "m.csv"), output, folder / model, MlspSettings(**settings))
    job.run(HereRunner())


@pytest.fixture(scope="module")
def run(folder, _narrow):
    recipe = read_recipe(
        "deepfl_head", ["repeats=2", "search.splits=1", "learning_rates=[1e-2]", "epochs=2", "batch_size=6"]
    )
    fit_heads(recipe, [folder / "features"], folder / "run", HereRunner())
    return folder / "run"


def test_the_model_scores_pictures_as_the_head_scores_their_features(folder, run):
    model = Scorer.load(run)
    assert model.info.model == "deepfl"
    assert model.info.scale == read_manifest(folder / "m.csv").scale
    features = load_mlsp(folder / "features")
    whole = keras.models.load_model(run / "model.keras", compile=False)
    head = head_model(features.features.shape[-1], True)
    for layer in head.layers[1:]:
        layer.set_weights(whole.get_layer(layer.name).get_weights())
    stored = head.predict(features.features[:, 0].astype(np.float32), verbose=0)[:, 0]
    paths = read_manifest(folder / "m.csv").picture_paths()
    scored = [model.score(path)["quality"] for path in paths]
    assert scored == pytest.approx(stored, rel=2e-3)  # float16 keeps 11 bits
    assert np.std(scored) > 20 * np.abs(scored - stored).max()

    predictions = pd.read_csv(run / "predictions_test.csv")
    by_name = {path.name: score for path, score in zip(paths, scored, strict=True)}
    assert [by_name[Path(name).name] for name in predictions["image"]] == pytest.approx(
        predictions["quality"], rel=2e-3
    )


def test_the_body_is_that_of_the_features(folder, run):
    whole = keras.models.load_model(run / "model.keras", compile=False)
    body = keras.models.load_model(folder / "body.keras", compile=False)
    for layer in ("conv1", "layer4_1_conv2"):
        assert np.array_equal(whole.get_layer(layer).get_weights()[0], body.get_layer(layer).get_weights()[0])


def test_evaluation_knows_the_training_pictures(folder, run):
    evaluation = evaluate_scorer(Scorer.load(run), read_labelled_pictures(folder / "m.csv"))
    assert evaluation.trained_on == json.loads((run / "data.json").read_text())["pictures"]["train"] == 12


def test_a_deepfl_gives_its_body_and_not_its_head(folder, run, tmp_path):
    features = tmp_path / "features"
    extract(folder, features, "run/model.keras")
    recipe = read_recipe("deepfl_head", ["repeats=1", "learning_rates=[1e-2]", "epochs=1", "batch_normalization=false"])
    fit_heads(recipe, [features], tmp_path / "run", HereRunner())
    model = keras.models.load_model(tmp_path / "run/model.keras", compile=False)
    assert "quality_bn1" not in {layer.name for layer in model.layers}


def test_features_that_do_not_go_together(folder, run, tmp_path):
    extract(folder, tmp_path / "other", "run/model.keras")
    with pytest.raises(InvalidInput, match="features of different models"):
        read_features([folder / "features", tmp_path / "other"])
    with pytest.raises(InvalidInput, match="given twice"):
        read_features([folder / "features", folder / "features" / ".." / "features"])
