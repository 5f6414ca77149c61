"""UNIQUE: structure, any size, and parity with the authors' code where the vectors are at hand."""

import lzma

import keras
import numpy as np
import pytest
from PIL import Image

import tfiqa
from tfiqa.errors import InvalidInput, UnknownName
from tfiqa.models.model_info import ModelInfo
from tfiqa.weights.build import read_model


@pytest.fixture(scope="module")
def model():
    return tfiqa.build_model("unique", backbone="resnet18")


def test_what_it_says_of_itself(model):
    assert model.info.columns == {"quality": ("quality",), "uncertainty": ("uncertainty",)}
    assert (model.info.scale.low, model.info.scale.high, model.info.scale.higher_is_better) == (None, None, True)
    assert (model.info.protocol.resize, model.info.protocol.patch_size) == ("shorter_side:768", None)
    assert ModelInfo.from_dict(model.info.to_dict()) == model.info


def test_the_papers_model_is_a_resnet34_with_second_order_features():
    model = tfiqa.build_model("unique")
    assert model.info.options == {"backbone": "resnet34", "uncertainty": True}
    assert model.get_layer("fc").kernel.shape == (512 * 512, 2)
    body = 21_797_672 - 513_000 + 2 * 8_512  # torchvision's, less its classifier, with the running statistics
    assert model.count_params() == body + 2 * 512 * 512 + 2


@pytest.mark.parametrize(("height", "width"), [(1, 1), (32, 32), (33, 97), (130, 64)])
def test_any_size(height, width, model):
    picture = np.random.default_rng(0).uniform(0, 255, (2, height, width, 3)).astype(np.float32)
    out = {name: np.asarray(values) for name, values in model(picture, training=False).items()}
    assert {name: values.shape for name, values in out.items()} == {"quality": (2, 1), "uncertainty": (2, 1)}
    assert all(np.isfinite(values).all() for values in out.values())
    assert (out["uncertainty"] > 0).all()


def test_heads_are_linear_and_softplus_of_one_layer(model):
    picture = np.random.default_rng(0).uniform(0, 255, (1, 64, 80, 3)).astype(np.float32)
    features = np.asarray(keras.Model(model.input, model.get_layer("features").output)(picture), np.float64)
    kernel, bias = model.get_layer("fc").get_weights()
    quality, raw = (features @ kernel + bias)[0]
    out = model(picture, training=False)
    np.testing.assert_allclose(out["quality"], [[quality]], atol=1e-6)
    np.testing.assert_allclose(out["uncertainty"], [[np.log1p(np.exp(raw))]], rtol=1e-5)


def test_without_uncertainty():
    model = tfiqa.build_model("unique", backbone="resnet18", uncertainty=False)
    assert list(model.output) == ["quality"]
    assert model.info.columns == {"quality": ("quality",)}
    assert model.get_layer("fc").kernel.shape == (512 * 512, 1)


def test_wrong_options_are_refused():
    with pytest.raises(UnknownName, match="resnet34"):
        tfiqa.build_model("unique", backbone="resnet35")
    with pytest.raises(InvalidInput, match="did you mean 'uncertainty'"):
        tfiqa.build_model("unique", uncertainity=False)


def test_outputs_stay_float32_in_bfloat16(model):
    keras.mixed_precision.set_dtype_policy("mixed_bfloat16")
    try:
        mixed = tfiqa.build_model("unique", backbone="resnet18")
    finally:
        keras.mixed_precision.set_dtype_policy("float32")
    assert mixed.get_layer("layer1_0_conv1").compute_dtype == "bfloat16"
    assert mixed.get_layer("features").compute_dtype == "float32"
    out = mixed(np.zeros((1, 40, 40, 3), np.float32), training=False)
    assert {keras.backend.standardize_dtype(values.dtype) for values in out.values()} == {"float32"}


def test_parity_with_the_authors_code(shared, tmp_path):
    folder = shared / "parity" / "open"
    (tmp_path / "model.pt").write_bytes(lzma.decompress((folder / "unique" / "model.pt.xz").read_bytes()))
    tfiqa.import_weights("unique", tmp_path / "model.pt").save(tmp_path / "m.keras")
    model = read_model(tmp_path / "m.keras")
    want = np.load(folder / "unique" / "expected.npz")
    path = folder / "uniq_small_400x300.png"
    picture = np.asarray(Image.open(path).convert("RGB"), np.float32)[None]
    maps, features = keras.Model(model.input, [model.get_layer("features").input, model.get_layer("features").output])(
        picture, training=False
    )
    np.testing.assert_allclose(np.mean(maps, axis=(0, 1, 2)), want["uniq_small_gap_layer4"], rtol=1e-5, atol=1e-5)
    pooled = np.reshape(features, (512, 512))
    np.testing.assert_allclose(pooled[:8, :8], want["uniq_small_bilinear_8x8"], rtol=1e-4, atol=1e-8)
    np.testing.assert_allclose(pooled.sum(axis=1), want["uniq_small_bilinear_rowsum"], rtol=1e-5)
    out = model(picture, training=False)
    score = tfiqa.Scorer.load(tmp_path / "m.keras").score(path)  # a small picture keeps its size
    for name, key in (("quality", "uniq_small_mean"), ("uncertainty", "uniq_small_std")):
        for suffix in ("", "_f64"):
            np.testing.assert_allclose(np.ravel(out[name]), want[key + suffix], atol=1e-5, rtol=1e-5)
        assert score[name] == pytest.approx(want[key][0], abs=1e-5, rel=1e-5)
