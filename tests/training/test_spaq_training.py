"""SPAQ's models with more inputs or outputs: trained, evaluated, scored and exported from one manifest."""

import json

import numpy as np
import pandas as pd
import pytest
from small_networks import small_resnet18

import tfiqa
from tfiqa.databases.exif_rows import EXIF_COLUMNS, exif_rows
from tfiqa.databases.manifest import read_manifest
from tfiqa.errors import InvalidInput, ManifestError, RecipeError
from tfiqa.models.spaq import SCENE_COLUMNS, SCENES
from tfiqa.pipelines.labelled_pictures import LabelledPictures
from tfiqa.serving.evaluation import evaluate_scorer
from tfiqa.serving.package import export_model
from tfiqa.training.recipe_files import read_recipe
from tfiqa.training.targets import targets_of
from tfiqa.training.trainer import fit
from tfiqa.training.training_data import load_training_data
from tfiqa.weights.build import read_model

SETTINGS = (
    "model.weights=null",
    "model.options={backbone: resnet18}",
    "data.crop=64",
    "split={train: 0.5, validation: 0.25, test: 0.25, seed: 1}",
    "epochs=3",
    "frozen_epochs=1",
    "training.batch_size=4",
)


@pytest.fixture(scope="module", autouse=True)
def _small():
    with small_resnet18():
        yield


@pytest.fixture
def manifest(photo_folder, tmp_path):
    """The sixteen pictures with EXIF numbers of which one, the flash, tells the score, and with scenes."""
    table = pd.read_csv(photo_folder / "photos.csv")
    table["image"] = [str(photo_folder / name) for name in table["image"]]
    for column in EXIF_COLUMNS:
        table[column] = 3.0
    table["exif_flash"] = table["score"]
    table["exif_time_sin"] = np.nan
    for place, name in enumerate(SCENES):
        table[f"scene_{name}"] = [0.5 if row % 4 in (place, place - 1) else 0.0 for row in range(16)]
    table.to_csv(tmp_path / "m.csv", index=False)
    return tmp_path / "m.csv"


def predictions(run, split="test"):
    return pd.read_csv(run / f"predictions_{split}.csv")


def test_mt_e_learns_from_exif_and_scores_with_the_manifests(manifest, tmp_path):
    recipe = read_recipe("spaq_mt_e", [*SETTINGS, "training.learning_rate=0.01"])
    fit(recipe, [manifest], tmp_path / "run")
    model = read_model(tmp_path / "run" / "model.keras")
    assert np.abs(np.asarray(model.get_layer("exif_offset").kernel)).max() > 0.01
    table = predictions(tmp_path / "run")
    offset = table["quality"] - table["generic_quality"]
    assert offset.abs().max() > 0.1
    data = LabelledPictures.of(read_manifest(manifest))
    rows = data.manifest.table.set_index("image").loc[table["image"], list(EXIF_COLUMNS)].to_numpy()
    normalised = np.nan_to_num((rows - 3.3985) / 5.6570)
    kernel = np.asarray(model.get_layer("exif_offset").kernel)
    np.testing.assert_allclose(offset, (normalised @ kernel)[:, 0], atol=1e-3)

    export_model(model, tmp_path / "served")
    for source in ("run", "served"):
        scored = evaluate_scorer(tfiqa.Scorer.load(tmp_path / source), data).table
        got = scored.set_index("image").loc[table["image"], "quality"]
        np.testing.assert_allclose(got, table["quality"], atol=1e-3)
        without = list(tfiqa.Scorer.load(tmp_path / source).rows(table["image"]))
        assert all(row["quality"] == row["generic_quality"] for row in without)  # the files have no EXIF of their own


def test_mt_s_learns_quality_scenes_and_uncertainties(manifest, tmp_path):
    fit(read_recipe("spaq_mt_s", SETTINGS), [manifest], tmp_path / "run")
    model = read_model(tmp_path / "run" / "model.keras")
    assert np.abs(np.asarray(model.get_layer("task_uncertainty").log_sigma)).min() > 0
    table = predictions(tmp_path / "run")
    assert set(table["scene"]) <= set(SCENES)
    assert {"scene_animal", "votes_others"} <= set(table)
    report = json.loads((tmp_path / "run" / "metrics.json").read_text())["reports"]["test"]
    truth = read_manifest(manifest).table.set_index("image").loc[table["image"]]
    right = [truth.loc[row.image, f"scene_{row.scene}"] > 0 for row in table.itertuples()]
    assert report["scene_accuracy"] == np.mean(right)
    data = LabelledPictures.of(read_manifest(manifest))
    evaluated = evaluate_scorer(tfiqa.Scorer.load(tmp_path / "run"), data).to_dict()
    assert 0 <= evaluated["scene_accuracy"] <= 1


def test_a_manifest_with_some_exif_columns_only(manifest, tmp_path):
    table = pd.read_csv(manifest).drop(columns="exif_flash")
    table.to_csv(manifest, index=False)
    with pytest.raises(ManifestError, match="has exif_focal_length but no exif_flash"):
        fit(read_recipe("spaq_mt_e", SETTINGS), [manifest], tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_manifests_with_and_without_exif_columns_are_not_joined(manifest, tmp_path):
    table = pd.read_csv(manifest)
    table[:8].to_csv(manifest, index=False)
    table[8:].drop(columns=list(EXIF_COLUMNS)).to_csv(tmp_path / "other.csv", index=False)
    with pytest.raises(ManifestError, match=r"m\.csv has EXIF columns, .*other\.csv has none"):
        fit(read_recipe("spaq_mt_e", SETTINGS), [manifest, tmp_path / "other.csv"], tmp_path / "run")


def test_scene_labels_become_shares(manifest):
    table = pd.read_csv(manifest)
    table[list(SCENE_COLUMNS)] = 0.0
    table[[SCENE_COLUMNS[0], SCENE_COLUMNS[2]]] = 1.0
    table.to_csv(manifest, index=False)
    data = load_training_data(read_recipe("spaq_mt_s", SETTINGS), [manifest])
    shares = targets_of(data.manifest, {"scene_logits": SCENE_COLUMNS})["scene_logits"]
    np.testing.assert_array_equal(shares, np.tile([0.5, 0, 0.5, 0, 0, 0, 0, 0, 0], (len(table), 1)))


@pytest.mark.parametrize("value", [0.0, -1.0])
def test_pictures_without_a_scene_label(manifest, value):
    table = pd.read_csv(manifest)
    table.loc[3, list(SCENE_COLUMNS)] = [value, *[0.0] * 8]
    table.to_csv(manifest, index=False)
    with pytest.raises(ManifestError, match=r"1 of \d+ pictures have no label or a negative one .*row 5\)"):
        load_training_data(read_recipe("spaq_mt_s", SETTINGS), [manifest])


def test_without_columns_each_picture_has_its_own_exif(shared, tmp_path):
    folder = shared / "data" / "exif"
    names = ["Oppo R7 Plus.jpg", "no_exif.jpg"]
    table = pd.DataFrame({"image": [str(folder / name) for name in names]})
    table.to_csv(tmp_path / "m.csv", index=False)
    rows = exif_rows(read_manifest(tmp_path / "m.csv"))
    np.testing.assert_allclose(rows[0, :3], [3.46, 2.27, 10.321])
    assert np.isnan(rows[1]).all()


def test_recipes_refuse_what_does_not_fit():
    with pytest.raises(RecipeError, match="l1 is not for classes"):
        read_recipe("spaq_mt_s", [*SETTINGS, "loss.name=l1"])
    with pytest.raises((RecipeError, InvalidInput), match="split of a resnet50 is one of"):
        read_recipe("spaq_mt_s", ["model.options={split: 7}"])
