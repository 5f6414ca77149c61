"""SPAQ's models: structure, saving, and parity with the authors' code where the vectors are at hand."""

import lzma

import keras
import numpy as np
import pytest
from PIL import Image

import tfiqa
from tfiqa.errors import CheckpointError, UnknownName
from tfiqa.models.model_info import ModelInfo
from tfiqa.weights.build import read_model

ATTRIBUTES = ("brightness", "colorfulness", "contrast", "noisiness", "sharpness")


@pytest.fixture(scope="module")
def picture():
    return np.random.default_rng(0).uniform(0, 255, (2, 65, 97, 3)).astype(np.float32)


def test_outputs_and_information(picture):
    model = tfiqa.build_model("spaq_mt_a", backbone="resnet18")
    out = model(picture, training=False)
    assert {name: tuple(v.shape) for name, v in out.items()} == {"quality": (2, 1), "attributes": (2, 5)}
    assert model.info.columns["attributes"] == ATTRIBUTES
    assert (model.info.scale.low, model.info.scale.high, model.info.scale.higher_is_better) == (0, 100, True)
    assert (model.info.protocol.resize, model.info.protocol.patch_size, model.info.protocol.patch_stride) == (
        "shorter_side:512",
        224,
        112,
    )
    assert ModelInfo.from_dict(model.info.to_dict()) == model.info


def test_the_papers_model_is_a_resnet50_with_linear_heads():
    model = tfiqa.build_model("spaq_mt_a")
    assert model.get_layer("fc").kernel.shape == (2048, 6)
    assert model.get_layer("layer2_0_conv2").strides == (2, 2)
    assert model.get_layer("layer2_0_conv1").strides == (1, 1)


@pytest.mark.parametrize("name", ["spaq_bl", "spaq_mt_a"])
def test_saving_keeps_outputs_and_information(name, picture, tmp_path):
    model = tfiqa.build_model(name, backbone="resnet18")
    model.save(tmp_path / "m.keras")
    again = read_model(tmp_path / "m.keras")
    assert again.info == model.info
    for output, values in model(picture, training=False).items():
        np.testing.assert_array_equal(np.asarray(values), np.asarray(again(picture, training=False)[output]))


def test_weights_from_files(picture, tmp_path):
    model = tfiqa.build_model("spaq_bl", backbone="resnet18")
    model.save(tmp_path / "m.keras")
    model.save_weights(tmp_path / "m.weights.h5")
    want = np.asarray(model(picture, training=False)["quality"])
    for file in ("m.keras", "m.weights.h5"):
        again = tfiqa.build_model("spaq_bl", weights=tmp_path / file, backbone="resnet18")
        np.testing.assert_array_equal(np.asarray(again(picture, training=False)["quality"]), want)
    with pytest.raises(CheckpointError, match="other options"):
        tfiqa.build_model("spaq_bl", weights=tmp_path / "m.keras", backbone="resnet34")
    with pytest.raises(CheckpointError, match="holds spaq_bl, not spaq_mt_a"):
        tfiqa.build_model("spaq_mt_a", weights=tmp_path / "m.keras", backbone="resnet18")
    with pytest.raises(CheckpointError, match="does not fit spaq_mt_a"):
        tfiqa.build_model("spaq_mt_a", weights=tmp_path / "m.weights.h5", backbone="resnet18")


def test_a_foreign_or_broken_keras_file_is_one_error(tmp_path):
    keras.Sequential([keras.Input((3,)), keras.layers.Dense(1)]).save(tmp_path / "other.keras")
    with pytest.raises(CheckpointError, match="not one that tfiqa built"):
        read_model(tmp_path / "other.keras")
    (tmp_path / "broken.keras").write_bytes(b"PK\3\4 not really")
    with pytest.raises(CheckpointError, match="cannot be read as a Keras model"):
        read_model(tmp_path / "broken.keras")


def test_unknown_backbone_is_answered_with_near_names():
    with pytest.raises(UnknownName, match="resnet50"):
        tfiqa.build_model("spaq_bl", backbone="resnet-50")


def test_scores_stay_float32_when_training_in_bfloat16(picture):
    keras.mixed_precision.set_dtype_policy("mixed_bfloat16")
    try:
        model = tfiqa.build_model("spaq_bl", backbone="resnet18")
    finally:
        keras.mixed_precision.set_dtype_policy("float32")
    assert model.get_layer("layer1_0_conv1").compute_dtype == "bfloat16"
    assert model.get_layer("unit_range").compute_dtype == "float32"
    assert keras.backend.standardize_dtype(model(picture, training=False)["quality"].dtype) == "float32"


@pytest.mark.parametrize(
    ("name", "folder", "file"), [("spaq_bl", "spaq_bl", "BL_release.pt"), ("spaq_mt_a", "spaq_mta", "MT-A_release.pt")]
)
def test_parity_with_the_authors_code(name, folder, file, shared, tmp_path):
    vectors = shared / "parity" / "open"
    (tmp_path / file).write_bytes(lzma.decompress((vectors / folder / f"{file}.xz").read_bytes()))
    want = np.load(vectors / folder / "expected.npz")
    picture = np.asarray(Image.open(vectors / "spaq_resized.png").convert("RGB"), np.float32)
    odd = np.load(vectors / "spaq_odd_uint8.npy").astype(np.float32)
    patches = np.stack([picture[y : y + 224, x : x + 224] for y, x in want["patch_yx"]])
    tfiqa.import_weights(name, tmp_path / file).save(tmp_path / "m.keras")
    model = read_model(tmp_path / "m.keras")
    for images, key in ((patches, "patch_outputs"), (odd, "odd_outputs")):
        out = model(images, training=False)
        got = np.concatenate([np.asarray(values) for values in out.values()], axis=1)
        np.testing.assert_allclose(got, want[key], atol=2e-4, rtol=1e-5)
    score = tfiqa.Scorer.load(tmp_path / "m.keras").score(vectors / "spaq_640x720.png")
    assert score["quality"] == pytest.approx(float(want["image_quality"]), abs=3e-4, rel=1e-5)
