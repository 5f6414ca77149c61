"""DeepFL-IQA's bodies from the authors' file, from ImageNet and from one stage to the next."""

from __future__ import annotations

from pathlib import Path

import keras
import numpy as np
import pytest
from click.testing import CliRunner
from keras_files import with_random_weights, write_keras_2

import tfiqa
from tfiqa.cli.import_weights import import_weights
from tfiqa.errors import CheckpointError
from tfiqa.models.deepfl import quality_head
from tfiqa.weights import build
from tfiqa.weights.bodies import copy_layers
from tfiqa.weights.build import read_model

APPLICATIONS = {
    "mobilenet_v3_small": (keras.applications.MobileNetV3Small, {"include_preprocessing": False}),
    "efficientnet_v2_b0": (keras.applications.EfficientNetV2B0, {"include_preprocessing": False}),
}


@pytest.fixture(scope="module")
def picture() -> np.ndarray:
    return np.random.default_rng(0).uniform(0, 255, (1, 97, 130, 3)).astype(np.float32)


@pytest.fixture(scope="module")
def authors() -> keras.Model:
    """What stands for the authors' network: Keras' own, with [0, 1] as its input."""
    body = keras.applications.InceptionResNetV2(include_top=False, weights=None, input_shape=(None, None, 3))
    return with_random_weights(body)


def test_the_authors_file_through_the_command(authors: keras.Model, picture: np.ndarray, tmp_path: Path) -> None:
    path = write_keras_2(tmp_path / "quality-mlsp-mtl-mse-loss.hdf5", authors)
    output = tmp_path / "mtl.keras"
    done = CliRunner().invoke(import_weights, ["deepfl_mtl", str(path), "--output", str(output)])
    assert done.exit_code == 0, done.output
    path.unlink()
    model = read_model(output)
    output.unlink()
    mixed = [layer for layer in authors.layers if "mixed" in layer.name]
    *maps, last = keras.Model(authors.input, [*(layer.output for layer in mixed), authors.output])(picture / 255)
    mlsp = np.concatenate([np.asarray(each, np.float64).mean(axis=(1, 2)) for each in maps], axis=1)
    names = ["mlsp", "features"]
    ours = keras.Model(model.input, [model.get_layer(name).output for name in names])(picture, training=False)
    np.testing.assert_allclose(ours[0], mlsp, rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(ours[1], np.mean(last, axis=(1, 2)), rtol=1e-4, atol=1e-5)
    assert len(mixed) == 43
    assert mlsp.shape == (1, 16928)
    assert np.ptp(mlsp) > 0.1


def test_a_file_that_is_none_is_told_before_anything_is_built(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tfiqa.weights.importers.build_model", None)
    (tmp_path / "w.hdf5").write_bytes(b"PK\3\4")
    with pytest.raises(CheckpointError, match=r"w\.hdf5 is no HDF5 file"):
        tfiqa.import_weights("deepfl_mtl", tmp_path / "w.hdf5")


@pytest.mark.parametrize("body", APPLICATIONS)
def test_imagenet_weights_of_keras(
    body: str, picture: np.ndarray, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    application, settings = APPLICATIONS[body]
    published = with_random_weights(application(include_top=False, weights=None, **settings))
    path = write_keras_2(tmp_path / "notop.h5", published)
    monkeypatch.setattr(build, "imagenet_checkpoint", lambda name: {body: path}[name])
    mtl = tfiqa.build_model("deepfl_mtl", weights="imagenet", body=body, scaling="symmetric", measures=["vsi"])
    features = keras.Model(mtl.input, mtl.get_layer("features").output)(picture, training=False)
    want = np.asarray(published(picture / 127.5 - 1, training=False)).mean(axis=(1, 2))
    np.testing.assert_allclose(features, want, rtol=1e-3, atol=1e-4)
    assert np.ptp(want) > 0.01
    if body == "efficientnet_v2_b0":
        return  # slow to build, and the second stage is filled as of the other body
    deepfl = tfiqa.build_model("deepfl", weights="imagenet", body=body, scaling="symmetric")
    np.testing.assert_allclose(mlsp_of(deepfl, picture), mlsp_of(mtl, picture), rtol=1e-4, atol=1e-5)


def test_imagenet_weights_of_torchvision(picture: np.ndarray, monkeypatch: pytest.MonkeyPatch) -> None:
    reference = with_random_weights(tfiqa.build_model("resnet18"))
    torch_names = {"kernel": "weight", "gamma": "weight", "beta": "bias", "moving_mean": "running_mean"}
    state = {}
    for weight in reference.weights:
        layer, kind = weight.path.split("/")[-2:]
        value = np.asarray(weight)
        name = f"{layer.replace('_', '.')}.{torch_names.get(kind, 'running_var' if 'variance' in kind else kind)}"
        state[name] = np.moveaxis(value, (-2, -1), (1, 0)) if kind == "kernel" else value
    monkeypatch.setattr(build, "imagenet_checkpoint", lambda name: Path(f"{name}.pth"))
    monkeypatch.setattr("tfiqa.weights.torch_checkpoint.state_dict", lambda path: state)
    for name in ("deepfl_mtl", "deepfl"):
        model = tfiqa.build_model(name, weights="imagenet", body="resnet18")
        last = keras.Model(model.input, model.get_layer("layer4_1_relu").output)(picture, training=False)
        want = np.asarray(reference(picture, training=False)["pooled"])
        np.testing.assert_allclose(np.mean(last, axis=(1, 2)), want, rtol=1e-4, atol=1e-5)


def mlsp_of(model: keras.Model, picture: np.ndarray) -> np.ndarray:
    return np.asarray(keras.Model(model.input, model.get_layer("mlsp").output)(picture, training=False))


def test_what_does_not_fit_is_refused() -> None:
    model = tfiqa.build_model("deepfl", body="resnet18")
    features = keras.Input((7,))
    before = model.get_weights()
    with pytest.raises(CheckpointError, match="layer quality_fc1 of small does not fit that of deepfl"):
        copy_layers(keras.Model(features, quality_head(features), name="small"), model)
    for got, want in zip(model.get_weights(), before, strict=True):
        np.testing.assert_array_equal(got, want)
