"""DB-CNN against a computation of its own in float64, and its sizes, saving and serving."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

import tfiqa
from tfiqa.errors import InvalidInput
from tfiqa.weights.build import read_model

# torchvision's numbers of VGG-16's convolutions, and those that a pooling follows.
VGG16 = (0, 2, 5, 7, 10, 12, 14, 17, 19, 21, 24, 26, 28)
POOLED = (2, 7, 14, 21)
SCNN_STRIDES = (1, 2, 1, 2, 1, 2, 1, 1, 2)


@pytest.fixture(scope="module", params=[False, True], ids=["plain", "batch_norm"])
def model(request):
    """Weights are random, offsets and statistics too; one map of VGG-16 is zero everywhere, and matters."""
    rng = np.random.default_rng(0)
    model = tfiqa.build_model("dbcnn", batch_norm=request.param)
    for weight in model.weights:
        if weight.name in ("bias", "beta", "moving_mean"):
            weight.assign(rng.normal(0, 0.1, weight.shape))
        elif weight.name in ("gamma", "moving_variance"):
            weight.assign(rng.uniform(0.5, 1.5, weight.shape))
    bias = model.get_layer("features1_28").bias
    bias.assign(np.concatenate([[-1e6], bias[1:]]))
    kernel, _ = model.get_layer("fc").get_weights()
    kernel[:128] *= 1000
    model.get_layer("fc").kernel.assign(kernel)
    return model


def picture(height, width, seed=0):
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3)).astype(np.float32)


def weights(model, name):
    return [each.astype(np.float64) for each in model.get_layer(name).get_weights()]


def convolved(x, model, name, stride=1):
    kernel, bias = weights(model, name)
    windows = np.lib.stride_tricks.sliding_window_view(np.pad(x, ((1, 1), (1, 1), (0, 0))), (3, 3), axis=(0, 1))
    return np.tensordot(windows[::stride, ::stride], kernel, ([3, 4, 2], [0, 1, 2])) + bias


def normalised(x, model, name):
    gamma, beta, mean, variance = weights(model, name)
    return (x - mean) / np.sqrt(variance + 1e-5) * gamma + beta


def resized(x, height, width):
    for axis, new in ((0, height), (1, width)):
        old = x.shape[axis]
        at = np.linspace(0, old - 1, new)
        x = np.apply_along_axis(lambda line, at=at, old=old: np.interp(at, np.arange(old), line), axis, x)
    return x


def expected(model, image):
    """What the authors' PyTorch code computes of one picture, in float64."""
    x = (image.astype(np.float64) / 255 - [0.485, 0.456, 0.406]) / [0.229, 0.224, 0.225]
    rows, columns = (max(16 - side, 0) for side in x.shape[:2])
    objects, distortions = np.pad(x, ((0, rows), (0, columns), (0, 0))), x
    for number in VGG16:
        objects = np.maximum(convolved(objects, model, f"features1_{number}"), 0)
        if number in POOLED:
            height, width = (side // 2 for side in objects.shape[:2])
            quarters = objects[: 2 * height, : 2 * width].reshape(height, 2, width, 2, -1)
            objects = quarters.max(axis=(1, 3))
    batch_norm = model.info.options["batch_norm"]
    for i, stride in enumerate(SCNN_STRIDES):
        distortions = convolved(distortions, model, f"features2_{i * (3 if batch_norm else 2)}", stride)
        if batch_norm:
            distortions = normalised(distortions, model, f"features2_{3 * i + 1}")
        distortions = np.maximum(distortions, 0)
    distortions = resized(distortions, *objects.shape[:2])
    products = np.einsum("hwc,hwd->cd", objects, distortions) / objects[..., 0].size
    features = np.sqrt(products + 1e-8).ravel()
    kernel, bias = weights(model, "fc")
    return features / np.linalg.norm(features) @ kernel + bias


@pytest.mark.parametrize(("height", "width"), [(32, 48), (35, 50), (5, 34)])
def test_parity_with_a_computation_in_float64(height, width, model):
    image = picture(height, width)
    got = np.asarray(model(image[None], training=False)["quality"])
    np.testing.assert_allclose(got[0], expected(model, image), rtol=2e-4)


def test_parameters(model):
    count = dict.fromkeys(("features1", "features2", "fc"), 0)
    for layer in model.layers:
        if layer.trainable_weights:
            count[layer.name.split("_")[0]] += sum(int(np.prod(weight.shape)) for weight in layer.trainable_weights)
    extra = 1472 if model.info.options["batch_norm"] else 0  # scales and offsets; as many statistics
    assert count == {"features1": 14_714_688, "features2": 529_648 + extra, "fc": 65_537}
    assert sum(count.values()) == 15_309_873 + extra
    assert model.count_params() == 15_309_873 + 2 * extra


def test_maps_of_both_streams(model):
    streams = [model.get_layer(name).output for name in ("features1_29", "distortions")]
    resize = model.get_layer("distortions").input[0]
    objects, resized_map, distortions = keras.Model(model.input, [*streams, resize])(picture(45, 100)[None])
    assert (objects.shape, distortions.shape, resized_map.shape) == ((1, 2, 6, 512), (1, 3, 7, 128), (1, 2, 6, 128))
    assert min(np.min(objects), np.min(distortions)) == 0  # after their last ReLU


def test_strided_convolutions_pad_symmetrically(model):
    """A mirrored picture gives the mirrored map only when padding is symmetric; "same" is not, on even sizes."""
    second = 3 if model.info.options["batch_norm"] else 2
    seen = keras.Model(model.input, model.get_layer(f"features2_{second}_pad").output)(picture(32, 40)[None])
    assert seen.shape == (1, 34, 42, 48)
    edges = [seen[:, 0], seen[:, -1], seen[:, :, 0], seen[:, :, -1]]
    assert not any(np.any(edge) for edge in edges)


def test_a_batch_equals_single_pictures(model):
    images = np.stack([picture(40, 33, seed) for seed in range(3)])
    alone = [np.asarray(model(image[None], training=False)["quality"])[0] for image in images]
    np.testing.assert_allclose(model(images, training=False)["quality"], alone, rtol=1e-4)


def test_layers_of_one_shape_start_differently():
    model = tfiqa.build_model("dbcnn")
    for one, other in (("features1_26", "features1_28"), ("features2_14", "features2_16")):
        first, second = (np.asarray(model.get_layer(name).kernel) for name in (one, other))
        assert (first != second).any()
        assert first.std() == pytest.approx(np.sqrt(2 / (9 * first.shape[-1])), rel=0.02)


def test_what_it_says_of_itself(model):
    assert model.info.columns == {"quality": ("quality",)}
    assert (model.info.scale.low, model.info.scale.high) == (None, None)
    assert (model.info.protocol.resize, model.info.protocol.patch_size) == ("native", None)
    with pytest.raises(InvalidInput, match="did you mean 'batch_norm'"):
        tfiqa.build_model("dbcnn", batchnorm=True)


@pytest.fixture(scope="module")
def saved(model, tmp_path_factory):
    path = tmp_path_factory.mktemp("saved") / "m.keras"
    model.save(path)
    return path


def write_png(path, height, width):
    Image.fromarray(picture(height, width).astype(np.uint8)).save(path)
    return path


def test_saving_and_scoring_at_native_size(model, saved, tmp_path):
    assert read_model(saved).info == model.info
    scorer = tfiqa.Scorer.load(saved)
    for height, width in ((33, 70), (15, 20)):
        want = float(model(picture(height, width)[None], training=False)["quality"][0, 0])
        got = scorer.score(write_png(tmp_path / "p.png", height, width))["quality"]
        assert got == pytest.approx(want, rel=1e-4)


def test_one_saved_graph_takes_every_size(tmp_path):
    model = tfiqa.build_model("dbcnn")
    archive = keras.export.ExportArchive()
    archive.track(model)
    archive.add_endpoint(
        "image", lambda image: model(image, training=False), [tf.TensorSpec((None, None, None, 3), name="image")]
    )
    archive.write_out(str(tmp_path / "dbcnn"), verbose=False)
    loaded = tf.saved_model.load(str(tmp_path / "dbcnn"))
    for height, width in ((37, 50), (16, 90), (8, 8)):
        image = picture(height, width)[None]
        want = model(image, training=False)["quality"]
        np.testing.assert_allclose(loaded.image(tf.constant(image))["quality"], want, rtol=1e-4)


def test_quality_stays_float32_in_bfloat16():
    keras.mixed_precision.set_dtype_policy("mixed_bfloat16")
    try:
        mixed = tfiqa.build_model("dbcnn")
    finally:
        keras.mixed_precision.set_dtype_policy("float32")
    assert mixed.get_layer("features1_0").compute_dtype == "bfloat16"
    assert mixed.get_layer("distortions").compute_dtype == "float32"
    quality = mixed(picture(40, 40)[None], training=False)["quality"]
    assert keras.backend.standardize_dtype(quality.dtype) == "float32"
