"""LiteRT files: that they score as the model does, in float32 and in int8, and what they refuse."""

import io
import zipfile

import keras
import numpy as np
import pytest
from PIL import Image

import tfiqa
from tfiqa.errors import CheckpointError, InvalidInput, UnsupportedPicture
from tfiqa.pipelines.scoring import PicturePredictor
from tfiqa.serving.litert import LiteRTPredictor, read_litert_card
from tfiqa.serving.litert_export import CARD, export_litert, representative_patches
from tfiqa.serving.scorer import Scorer, find_model


def picture(height, width, seed):
    rng = np.random.default_rng(seed)
    coarse = rng.integers(0, 256, (height // 8 + 1, width // 8 + 1, 3), np.uint8)
    enlarged = np.asarray(Image.fromarray(coarse).resize((width, height), Image.Resampling.BICUBIC))
    return np.clip(enlarged + rng.normal(0, 3 * seed, enlarged.shape), 0, 255).astype(np.uint8)


def encoded(pixels):
    stream = io.BytesIO()
    Image.fromarray(pixels).save(stream, "PNG")
    return stream.getvalue()


@pytest.fixture(scope="module")
def model():
    """With weights of He's spread and no biases, so that scores tell pictures apart, as a trained model's do."""
    keras.utils.set_random_seed(5)
    model = tfiqa.build_model("dcnns")
    for layer in model.layers:
        if layer.weights:
            kernel, bias = layer.get_weights()
            layer.set_weights([6**0.5 * kernel, 0 * bias])
    return model


@pytest.fixture(scope="module")
def predictor(model):
    return PicturePredictor(model)


@pytest.fixture(scope="module")
def pictures(tmp_path_factory):
    folder = tmp_path_factory.mktemp("pictures")
    for seed in range(8):
        Image.fromarray(picture(230, 390, seed)).save(folder / f"{seed}.png")
    return sorted(folder.iterdir())


@pytest.fixture(scope="module")
def as_float(model, tmp_path_factory):
    return export_litert(model, tmp_path_factory.mktemp("float") / "m.tflite")


@pytest.fixture(scope="module")
def as_int8(model, pictures, tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("tfiqa.serving.litert_export.CALIBRATION_PATCHES", 24)
        return export_litert(model, tmp_path_factory.mktemp("int8") / "m.tflite", pictures[::2])


@pytest.mark.parametrize("size", [(64, 64), (230, 390), (64 + 160 * 8, 64 + 160 * 4)])
def test_float_scores_as_the_model_does(predictor, as_float, size):
    data = encoded(picture(*size, seed=3))  # 1, 6 and 45 patches, of which 45 take two passes
    want = predictor.predict(data)
    found = LiteRTPredictor(as_float).predict(data)
    assert set(found) == set(want)
    for name, values in want.items():
        np.testing.assert_allclose(found[name], values, rtol=1e-4, atol=1e-4)


def test_int8_is_a_third_of_the_size_and_near(predictor, as_float, as_int8, pictures):
    assert as_int8.stat().st_size < as_float.stat().st_size / 3
    want, found = (
        [outputs["quality"][0] for outputs in each.predict_all(pictures)]
        for each in (predictor, LiteRTPredictor(as_int8))
    )
    assert 0 < np.abs(np.subtract(found, want)).max() < np.std(want)
    assert np.corrcoef(found, want)[0, 1] > 0.98


def test_in_int8_normalisation_stays_in_float(as_int8):
    import tensorflow as tf

    with pytest.warns(UserWarning, match="deprecated"):
        interpreter = tf.lite.Interpreter(str(as_int8))
    kinds = {}
    for value in interpreter.get_tensor_details():
        for layer in ("grey", "local_contrast", "conv1_1", "conv3_2", "quality_fc1", "quality_fc2"):
            if f"/{layer}" in value["name"] and len(value["shape"]) in (2, 4):
                kinds.setdefault(layer, set()).add(value["dtype"].__name__)
    assert kinds.pop("grey") == kinds.pop("local_contrast") == {"float32"}
    assert set(kinds) == {"conv1_1", "conv3_2", "quality_fc1", "quality_fc2"}
    assert all(kind == {"int8"} for kind in kinds.values())


def test_the_scorer_takes_it(model, predictor, as_float, pictures, tmp_path):
    lite, own = Scorer.load(as_float), Scorer(predictor, model.info, as_float)
    assert (lite.info, lite.columns) == (own.info, own.columns)
    small = tmp_path / "small.png"
    small.write_bytes(encoded(picture(63, 200, 1)))
    *found, found_small = lite.rows([*pictures, small])
    *want, want_small = own.rows([*pictures, small])
    assert found_small == want_small
    assert [list(row) for row in found] == [list(row) for row in want]
    assert [row["scene"] for row in found] == [row["scene"] for row in want]
    np.testing.assert_allclose(
        [row["quality"] for row in found], [row["quality"] for row in want], rtol=1e-4, atol=1e-4
    )
    with pytest.raises(UnsupportedPicture, match="patches of 64 pixels"):
        lite.score(small)


def test_the_file_tells_what_it_is(model, as_float, tmp_path):
    assert find_model(as_float) == as_float
    assert read_litert_card(as_float) == model.info
    with zipfile.ZipFile(as_float) as archive:
        assert archive.namelist() == [CARD]
    for data in (b"", as_float.read_bytes()[:100_000]):
        (tmp_path / "other.tflite").write_bytes(data)
        with pytest.raises(CheckpointError, match="no LiteRT file that `tfiqa export` wrote"):
            Scorer.load(tmp_path / "other.tflite")
    with zipfile.ZipFile(tmp_path / "empty.tflite", "w") as archive:
        archive.writestr(CARD, zipfile.ZipFile(as_float).read(CARD))
    with pytest.raises(CheckpointError, match=r"empty\.tflite cannot be loaded"):
        Scorer.load(tmp_path / "empty.tflite")


def test_what_cannot_be_exported(model, tmp_path):
    for name in ("resnet18", "paq2piq_baseline"):
        with pytest.raises(InvalidInput, match=f"models that score patches, such as dcnns and cnniqa; {name} does not"):
            export_litert(tfiqa.build_model(name), tmp_path / "m.tflite")
    with pytest.raises(InvalidInput, match=r"ends in \.tflite"):
        export_litert(model, tmp_path / "m.lite")
    with pytest.raises(InvalidInput, match="more inputs"):
        export_litert(tfiqa.build_model("spaq_mt_e", backbone="resnet18"), tmp_path / "m.tflite")
    assert list(tmp_path.iterdir()) == []


def test_representative_patches_come_from_all_pictures(pictures, tmp_path, monkeypatch):
    info = tfiqa.build_model("dcnns").info
    monkeypatch.setattr("tfiqa.serving.litert_export.CALIBRATION_PATCHES", 24)
    patches = representative_patches(info, pictures)
    assert patches.shape == (24, 70, 70, 3)  # 3 of the 6 of each of 8 pictures
    own = info.protocol.prepare(np.asarray(Image.open(pictures[5])))
    np.testing.assert_array_equal(patches[15:18], own[[0, 2, 5]])
    monkeypatch.setattr("tfiqa.serving.litert_export.CALIBRATION_PATCHES", 4)
    assert len(representative_patches(info, pictures)) == 4
