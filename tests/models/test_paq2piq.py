"""PaQ-2-PiQ: structure, its heads in float64, and parity with the authors' code where the vectors are at hand."""

import lzma
from itertools import pairwise

import keras
import numpy as np
import pytest
from PIL import Image

import tfiqa
from tfiqa.errors import InvalidInput, UnknownName
from tfiqa.models.layers import ConcatPooling, PictureBoxes
from tfiqa.models.model_info import ModelInfo, model_spec
from tfiqa.models.paq2piq import FIXED_BOXES
from tfiqa.weights.build import read_model

NAMES = ("paq2piq_baseline", "paq2piq_roipool", "paq2piq_feedback")
HEADS = {
    "paq2piq_baseline": {"head": (2, 0.25)},
    "paq2piq_roipool": {"head": (2, 0.25)},
    "paq2piq_feedback": {"patch_head": (2, 0.25), "image_head": (0, 0.5)},
}


def numbers(outputs):
    return {name: np.asarray(values) for name, values in outputs.items()}


def body(model):
    """From the image to the features."""
    image = next(tensor for tensor in model.inputs if tensor.name == "image")
    return keras.Model(image, model.get_layer("features").output)


def picture(height, width, count=1, seed=0):
    return np.random.default_rng(seed).integers(0, 256, (count, height, width, 3)).astype(np.float32)


@pytest.fixture(scope="module")
def models():
    """All three, with statistics, scales and offsets that are no 0 and 1."""
    rng = np.random.default_rng(0)
    built = {name: tfiqa.build_model(name) for name in NAMES}
    for model in built.values():
        for weight in model.weights:
            if weight.name in ("beta", "moving_mean"):
                weight.assign(rng.normal(0, 0.1, weight.shape))
            elif weight.name in ("gamma", "moving_variance"):
                weight.assign(rng.uniform(0.5, 1.5, weight.shape))
    return built


@pytest.fixture(params=NAMES)
def model(request, models):
    return models[request.param]


def trainable(layers):
    return sum(int(np.prod(weight.shape)) for layer in layers for weight in layer.trainable_weights)


def test_parameters_are_those_of_table_8(model):
    """The paper counts the scales and offsets of the body's batch normalisations with the head."""
    scales = [each for each in model.layers if each.name.startswith(("bn", "layer")) and hasattr(each, "gamma")]
    body = [each for each in model.layers if each.name.startswith(("conv1", "layer")) and each not in scales]
    head = [model.get_layer(name) for name in model_spec(model.name).head]
    assert trainable(body) == 11_166_912  # 11.17M
    assert trainable(scales) == 9_600
    assert trainable([*head, *scales]) == (1_068_426 if model.name == "paq2piq_feedback" else 537_985)  # 1.07M, 537.99K
    assert trainable(model.layers) == trainable([*body, *scales, *head])


def test_order_and_constants_of_the_heads(model):
    for name, (first, dropout) in HEADS[model.name].items():
        kinds = ["BatchNormalization", "Dropout", "Dense", "ReLU", "BatchNormalization", "Dropout", "Dense"]
        found = [model.get_layer(f"{name}_{first + place}") for place in range(len(kinds))]
        assert [type(each).__name__ for each in found] == kinds
        assert [(each.epsilon, each.momentum) for each in (found[0], found[4])] == [(1e-5, 0.9)] * 2
        assert [each.rate for each in (found[1], found[5])] == [dropout, 0.5]
        widths = [each.units for each in (found[2], found[6])]
        assert widths == [512, 1]
        assert found[0].gamma.shape == (1028 if name == "image_head" else 1024,)
        for one, other in pairwise(found):
            assert keras.tree.flatten(other.input)[0] is one.output  # the second tells which boxes are known


def head_in_float64(model, name, first, x):
    def normalised(values, place):
        gamma, beta, mean, variance = (
            each.astype(np.float64) for each in model.get_layer(f"{name}_{place}").get_weights()
        )
        return (values - mean) / np.sqrt(variance + 1e-5) * gamma + beta

    def dense(values, place):
        kernel, bias = (each.astype(np.float64) for each in model.get_layer(f"{name}_{place}").get_weights())
        return values @ kernel + bias

    hidden = np.maximum(dense(normalised(x, first), first + 2), 0)
    return dense(normalised(hidden, first + 4), first + 6)[..., 0]


def concatenated(x):
    return np.concatenate([x.max(axis=(-3, -2)), x.mean(axis=(-3, -2))], axis=-1, dtype=np.float64)


def test_scores_are_the_heads_of_pooled_features(model):
    image = picture(100, 170, 2)
    boxes = np.random.default_rng(1).uniform(0, 100, (2, 5, 4)).astype(np.float32)
    maps = np.asarray(body(model)(image))
    assert maps.shape == (2, 4, 6, 512)
    if model.name == "paq2piq_baseline":
        got = numbers(model(image, training=False))
        np.testing.assert_allclose(
            got["quality"][:, 0], head_in_float64(model, "head", 2, concatenated(maps)), rtol=1e-4
        )
        return
    got = numbers(model({"image": image, "boxes": boxes}, training=False))
    pooling = model.get_layer("roi_pool")
    whole = np.tile(np.array([0, 0, 170, 100], np.float32), (2, 1, 1))
    bins = np.asarray(pooling(maps, np.concatenate([whole, boxes], axis=1)))
    features = concatenated(bins)
    scores = head_in_float64(model, "patch_head" if model.name == "paq2piq_feedback" else "head", 2, features)
    np.testing.assert_allclose(got["box_quality"], scores[:, 1:], rtol=1e-4, atol=1e-5)
    quality = scores[:, 0]
    if model.name == "paq2piq_feedback":
        quality = head_in_float64(model, "image_head", 0, np.concatenate([features[:, 0], scores[:, :4]], axis=1))
    np.testing.assert_allclose(got["quality"][:, 0], quality, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("name", NAMES[1:])
def test_what_may_be_left_out(name, models):
    model, image = models[name], picture(70, 90, 2)
    relative = np.array(FIXED_BOXES if name == "paq2piq_feedback" else np.zeros((0, 4)), np.float32)
    boxes = np.tile(relative * np.array([90, 70, 90, 70], np.float32), (2, 1, 1))
    whole = np.tile(np.array([0, 0, 90, 70], np.float32), (2, 1))
    want = numbers(model({"image": image, "boxes": boxes, "picture_box": whole}, training=False))
    assert want["quality"].shape == (2, 1)
    assert want["box_quality"].shape == (2, len(relative))
    for given in (image, {"image": image}, {"image": image, "boxes": boxes}, {"image": image, "picture_box": whole}):
        got = numbers(model(given, training=False))
        for key, values in want.items():
            np.testing.assert_allclose(got[key], values, rtol=1e-5, atol=1e-6)
    with pytest.raises(InvalidInput, match="did you mean 'boxes'"):
        model({"image": image, "box": boxes})
    with pytest.raises(ValueError, match="'image' is not optional"):
        model({"boxes": boxes})


def test_the_pictures_box_leaves_padding_out(models):
    """White cells around a picture change the body's features at its border, but no cell of them is pooled."""
    model = models["paq2piq_roipool"]
    maps = np.random.default_rng(0).normal(size=(1, 6, 6, 512)).astype(np.float32)
    bins = model.get_layer("roi_pool")(maps, np.array([[[32, 64, 127, 159]]], np.float32))
    np.testing.assert_array_equal(np.max(bins, axis=(2, 3))[0, 0], maps[0, 2:6, 1:5].max(axis=(0, 1)))


def test_further_boxes_have_no_part_in_the_feedback(models):
    model, image = models["paq2piq_feedback"], picture(64, 96)
    boxes = np.random.default_rng(2).uniform(0, 96, (1, 10, 4)).astype(np.float32)
    three, all_ten = (numbers(model({"image": image, "boxes": some}, training=False)) for some in (boxes[:, :3], boxes))
    np.testing.assert_allclose(all_ten["quality"], three["quality"], rtol=1e-5)
    np.testing.assert_allclose(all_ten["box_quality"][:, :3], three["box_quality"], rtol=1e-5, atol=1e-6)
    with pytest.raises(ValueError, match="total size"):
        model({"image": image, "boxes": boxes[:, :2]})


@pytest.mark.parametrize(("height", "width"), [(1, 1), (16, 16), (33, 97)])
def test_any_size_with_thousands_of_boxes_anywhere(height, width, model):
    inputs = {"image": picture(height, width)}
    if model.name != "paq2piq_baseline":
        inputs["boxes"] = np.random.default_rng(0).normal(0, 200, (1, 3000, 4)).astype(np.float32)
    got = numbers(model(inputs if len(inputs) > 1 else inputs["image"], training=False))
    assert got["quality"].shape == (1, 1)
    assert all(np.isfinite(values).all() for values in got.values())


def test_pooling_layers():
    x = np.random.default_rng(0).normal(size=(2, 3, 4, 5, 6)).astype(np.float32)
    np.testing.assert_allclose(ConcatPooling()(x), concatenated(x), rtol=1e-5, atol=1e-6)
    layer = PictureBoxes(((0, 0.5, 1, 1),))
    assert PictureBoxes.from_config(layer.get_config()).relative == layer.relative
    boxes = layer(np.zeros((1, 20, 40, 3), np.float32), None, np.array([[10, 4, 30, 14]], np.float32))
    np.testing.assert_array_equal(boxes, [[[10, 4, 30, 14], [10, 9, 30, 14]]])
    np.testing.assert_array_equal(layer(np.zeros((1, 20, 40, 3))), [[[0, 0, 40, 20], [0, 10, 40, 20]]])


def test_what_it_says_of_itself(model):
    assert model.info.columns == {"quality": ("quality",)}
    assert (model.info.scale.low, model.info.scale.high, model.info.scale.higher_is_better) == (0, 100, True)
    assert (model.info.protocol.resize, model.info.protocol.patch_size) == ("native", None)
    assert model.info.options == {"backbone": "resnet18"}
    assert ModelInfo.from_dict(model.info.to_dict()) == model.info
    with pytest.raises(UnknownName, match="resnet18"):
        tfiqa.build_model(model.name, backbone="resnet19")


def test_scores_stay_float32_in_bfloat16():
    keras.mixed_precision.set_dtype_policy("mixed_bfloat16")
    try:
        model = tfiqa.build_model("paq2piq_feedback")
    finally:
        keras.mixed_precision.set_dtype_policy("float32")
    assert model.get_layer("layer1_0_conv1").compute_dtype == "bfloat16"
    out = model(picture(40, 40), training=False)
    assert {keras.backend.standardize_dtype(values.dtype) for values in out.values()} == {"float32"}
    seen = keras.Model(model.inputs, model.get_layer("all_boxes").output)
    boxes = np.array([[[257, 1, 1001, 3]]], np.float32)  # bfloat16 has none of 257 and 1001
    inputs = {"image": picture(40, 40), "boxes": boxes, "picture_box": boxes[:, 0]}
    np.testing.assert_array_equal(seen([inputs[tensor.name] for tensor in model.inputs])[:, 1:], boxes)


def test_boxes_train():
    """The gradient of the scores of boxes reaches the body."""
    model = tfiqa.build_model("paq2piq_roipool")
    kernel = np.asarray(model.get_layer("conv1").kernel)
    weights = {"quality": 0.0, "box_quality": 1.0}
    model.compile("sgd", loss=dict.fromkeys(weights, "mse"), loss_weights=weights, run_eagerly=True)
    boxes = np.array([[[0, 0, 30, 30], [20, 20, 64, 64]]] * 4, np.float32)
    model.train_on_batch(
        {"image": picture(64, 64, 4), "boxes": boxes}, {"quality": np.ones((4, 1)), "box_quality": np.ones((4, 2))}
    )
    assert (np.asarray(model.get_layer("conv1").kernel) != kernel).any()


def weights_file(shared, name, file, folder):
    packed = shared / "parity" / "open" / name / f"{file}.xz"
    (folder / file).write_bytes(lzma.decompress(packed.read_bytes()))
    return folder / file


def imported(shared, name, file, folder):
    """The model of the authors' file, through a `.keras` file."""
    tfiqa.import_weights(name, weights_file(shared, name, file, folder)).save(folder / "m.keras")
    return read_model(folder / "m.keras"), np.load(shared / "parity" / "open" / name / "expected.npz")


def close(got, want):
    np.testing.assert_allclose(np.ravel(got), np.ravel(want), atol=1e-3, rtol=1e-5)


@pytest.fixture
def parity_picture(shared):
    path = shared / "parity" / "open" / "paq_640x480.png"
    return path, np.asarray(Image.open(path).convert("RGB"), np.float32)[None]


def test_parity_of_the_baseline(shared, parity_picture, tmp_path):
    model, want = imported(shared, "paq2piq_baseline", "P2P-BM.pth", tmp_path)
    path, image = parity_picture
    taps = {f"layer{stage}": model.get_layer(f"layer{stage}_1_relu").output for stage in (1, 2, 3, 4)}
    for name, maps in keras.Model(model.input, {"maxpool": model.get_layer("maxpool").output, **taps})(image).items():
        np.testing.assert_allclose(np.mean(maps, axis=(0, 1, 2)), want[f"paq_gap_{name}"], rtol=1e-4, atol=1e-5)
    close(model(image, training=False)["quality"], want["paq_score_f64"])
    close(tfiqa.Scorer.load(tmp_path / "m.keras").score(path)["quality"], want["paq_score"])


def test_parity_of_the_roipool_model(shared, parity_picture, tmp_path):
    model, want = imported(shared, "paq2piq_roipool", "RoIPoolModel.pth", tmp_path)
    path, image = parity_picture
    bins = model.get_layer("roi_pool")(np.moveaxis(want["paq_feature_map"], 1, -1), want["paq_boxes"])
    np.testing.assert_array_equal(np.moveaxis(bins[0], -1, 1), want["paq_roi_pooled"])
    seen = np.asarray(body(model)(image))
    np.testing.assert_allclose(np.moveaxis(seen, -1, 1), want["paq_feature_map"], rtol=1e-4, atol=1e-4)
    grid = want["paq_qmap20_rois"][None, 1:]
    out = model({"image": image, "boxes": grid}, training=False)
    close(out["quality"], want["paq_qmap20_global"])
    close(out["box_quality"], want["paq_qmap20_local"])
    rows, columns = (np.linspace(0, size, count + 1, dtype=np.float32) for size, count in ((480, 3), (640, 5)))
    blocks = [[left, top, right, bottom] for top, bottom in pairwise(rows) for left, right in pairwise(columns)]
    close(
        model({"image": image, "boxes": np.array([blocks])}, training=False)["box_quality"], want["paq_qmap3x5_local"]
    )
    out = model(
        {"image": image, "boxes": want["paq_boxes"][:, 1:], "picture_box": want["paq_boxes"][:, 0]}, training=False
    )
    close(np.concatenate([out["quality"], out["box_quality"]], axis=1), want["paq_box_scores_f64"])
    two = np.concatenate([image, image[:, ::-1]])
    batch = model({"image": two, "boxes": np.tile(grid, (2, 1, 1))}, training=False)
    close(batch["box_quality"][0], want["paq_qmap20_local"])
    close(tfiqa.Scorer.load(tmp_path / "m.keras").score(path)["quality"], want["paq_qmap20_global"])


def test_parity_of_the_feedback_model(shared, parity_picture, tmp_path):
    model, want = imported(shared, "paq2piq_feedback", "P2P-FM.pth", tmp_path)
    path, image = parity_picture
    out = model({"image": image, "boxes": want["paq_boxes"][:, 1:]}, training=False)
    close(np.concatenate([out["quality"], out["box_quality"]], axis=1), want["paq_scores"])
    close(tfiqa.Scorer.load(tmp_path / "m.keras").score(path)["quality"], want["paq_fixed_rois_image_score"])
