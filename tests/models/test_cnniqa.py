"""CNNIQA against a computation of its own in float64, its size, patches and saving."""

import keras
import numpy as np
import pytest
from PIL import Image
from scipy.ndimage import uniform_filter

import tfiqa
from tfiqa.errors import UnknownName
from tfiqa.models.layers import PillowGrey
from tfiqa.weights.build import read_model


@pytest.fixture(scope="module", params=["patch", "picture"])
def model(request):
    keras.utils.set_random_seed(0)
    return tfiqa.build_model("cnniqa", normalization=request.param)


def picture(height, width, seed=0):
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3)).astype(np.uint8)


def normalised(grey, window):
    """SciPy's "reflect" repeats the edge."""
    mean = uniform_filter(grey, window, mode="reflect")
    deviation = np.sqrt(np.maximum(uniform_filter(grey**2, window, mode="reflect") - mean**2, 0))
    return (grey - mean) / (deviation + 1)


def expected(model, image):
    """The quality of one picture in float64, patches cut from the whole normalised picture for the paper's normalisation."""
    grey = np.asarray(Image.fromarray(image).convert("L"), np.float64)
    height, width = grey.shape
    if model.info.options["normalization"] == "picture":
        whole = normalised(grey, 7)[3:-3, 3:-3]
        patches = [whole[r : r + 32, c : c + 32] for r in starts(height - 6) for c in starts(width - 6)]
    else:
        patches = [normalised(grey[r : r + 32, c : c + 32] / 255, 3) for r in starts(height) for c in starts(width)]
    return np.mean([network(model, patch) for patch in patches])


def starts(length):
    return [*range(0, length - 32, 32), length - 32]


def network(model, patch):
    weights = {
        name: [w.astype(np.float64) for w in model.get_layer(name).get_weights()]
        for name in ("conv1", "fc1", "fc2", "fc3")
    }
    windows = np.lib.stride_tricks.sliding_window_view(patch, (7, 7))
    maps = np.tensordot(windows, weights["conv1"][0][:, :, 0], ([2, 3], [0, 1])) + weights["conv1"][1]
    x = np.concatenate([maps.max(axis=(0, 1)), maps.min(axis=(0, 1))])
    for name in ("fc1", "fc2"):
        x = np.maximum(x @ weights[name][0] + weights[name][1], 0)
    return (x @ weights["fc3"][0] + weights["fc3"][1])[0]


@pytest.mark.parametrize(("height", "width"), [(64, 96), (71, 45)])
def test_pictures_in_float64(height, width, model, tmp_path):
    image = picture(height, width)
    Image.fromarray(image).save(tmp_path / "p.png")
    model.save(tmp_path / "m.keras")
    got = tfiqa.Scorer.load(tmp_path / "m.keras").score(tmp_path / "p.png")["quality"]
    assert got == pytest.approx(expected(model, image), rel=1e-4)


def test_parameters_are_those_of_table_8(model):
    counts = {layer.name: layer.count_params() for layer in model.layers if layer.weights}
    assert counts == {"conv1": 2_500, "fc1": 80_800, "fc2": 640_800, "fc3": 801}
    assert model.count_params() == 724_901  # 724.90K


def test_no_patch_is_lost(model):
    patches = model.info.protocol.prepare(
        picture(384 + 6 * (model.info.protocol.patch_size - 32) // 6, 512 + model.info.protocol.patch_size - 32)
    )
    assert len(patches) == 12 * 16


def test_dropout_follows_the_first_hidden_layer(model):
    assert model.get_layer("dropout1").rate == 0.5
    assert model.get_layer("dropout1").input is model.get_layer("relu1").output


def test_grey_is_pillows():
    colours = np.random.default_rng(1).integers(0, 256, (1, 300, 300, 3)).astype(np.uint8)
    colours[0, 0, :3] = [[0, 0, 0], [255, 255, 255], [255, 0, 0]]
    want = np.asarray(Image.fromarray(colours[0]).convert("L"))
    np.testing.assert_array_equal(np.asarray(PillowGrey()(colours.astype(np.float32)))[0, :, :, 0], want)


def test_gradients_pass_the_rounding_of_grey():
    import tensorflow as tf

    image = tf.Variable(picture(8, 8)[None].astype(np.float32))
    with tf.GradientTape() as tape:
        values = PillowGrey()(image)
    np.testing.assert_allclose(tape.gradient(values, image)[0, 0, 0], [0.299, 0.587, 0.114], atol=1e-5)


@pytest.mark.parametrize("size", [(1, 1), (3, 40), (6, 5)])
def test_small_pictures_have_a_score(size, model):
    assert np.isfinite(model(picture(*size)[None].astype(np.float32))["quality"]).all()


def test_saving_and_options(model, tmp_path):
    model.save(tmp_path / "m.keras")
    again = read_model(tmp_path / "m.keras")
    assert again.info == model.info
    patches = picture(38, 38)[None].astype(np.float32)
    np.testing.assert_array_equal(again(patches)["quality"], model(patches)["quality"])
    with pytest.raises(UnknownName, match="did you mean 'patch'"):
        tfiqa.build_model("cnniqa", normalization="patches")
