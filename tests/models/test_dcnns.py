import keras
import numpy as np
import pytest
from scipy.ndimage import uniform_filter

import tfiqa
from tfiqa.errors import InvalidInput, UnknownName
from tfiqa.models.model_info import model_spec
from tfiqa.weights.build import read_model


@pytest.fixture(scope="module")
def model():
    keras.utils.set_random_seed(4)
    return tfiqa.build_model("dcnns")


def picture(height, width, seed=0):
    random = np.random.default_rng(seed)
    return random.integers(0, 256, (height, width, 3)).astype(np.uint8)


def relu(x):
    return np.maximum(x, 0)


def forward(model, normalised):
    """Quality and scene logits of one normalised patch (64, 64), in float64, from the weights alone."""
    weights = {layer.name: [w.astype(np.float64) for w in layer.get_weights()] for layer in model.layers}
    x = normalised[:, :, None]
    for name in ("conv1_1", "conv1_2", "pool1", "conv2_1", "conv2_2", "pool2", "conv3_1", "conv3_2"):
        if name.startswith("pool"):
            x = x.reshape(x.shape[0] // 2, 2, x.shape[1] // 2, 2, -1).max((1, 3))
            continue
        kernel, bias = weights[name]
        padded = np.pad(x, ((1, 1), (1, 1), (0, 0)))
        windows = np.lib.stride_tricks.sliding_window_view(padded, (3, 3), axis=(0, 1))  # (H, W, C, 3, 3)
        x = relu(np.einsum("hwcij,ijco->hwo", windows, kernel, optimize=True) + bias)
    features = x.mean((0, 1))
    outputs = []
    for head in ("quality", "scene"):
        x = features
        for number in (1, 2):
            kernel, bias = weights[f"{head}_fc{number}"]
            x = relu(x @ kernel + bias)
        kernel, bias = weights[f"{head}_fc3"]
        outputs.append(x @ kernel + bias)
    return outputs


def test_has_the_papers_parameters(model):
    assert model.count_params() == 485_349
    assert tfiqa.build_model("dcnns", scenes=False).count_params() == 485_349 - (33_024 + 65_792 + 1_028)
    together = tfiqa.build_model("dcnns", aspects=("texture", "color", "noise", "exposure"))
    assert together.count_params() == 485_349 + 3 * (33_024 + 65_792 + 257)


def test_equals_the_arithmetic_in_float64_on_a_whole_picture(model):
    pixels = picture(300, 230)
    grey = pixels @ np.array([0.299, 0.587, 0.114])
    mean = uniform_filter(grey, 7, mode="reflect")
    deviation = np.sqrt(np.maximum(uniform_filter(grey**2, 7, mode="reflect") - mean**2, 0))
    normalised = (grey - mean) / (deviation + 1)
    # 300 pixels hold starts 0 and 160, 230 pixels 0 and 160.
    places = [(0, 0), (0, 160), (160, 0), (160, 160)]
    expected = [forward(model, normalised[y : y + 64, x : x + 64]) for y, x in places]
    patches = model.info.protocol.prepare(pixels)
    assert patches.shape == (4, 70, 70, 3)
    outputs = model(patches.astype(np.float32), training=False)
    np.testing.assert_allclose(np.ravel(outputs["quality"]), [float(q[0]) for q, _ in expected], atol=1e-5)
    np.testing.assert_allclose(outputs["scene_logits"], [s for _, s in expected], atol=1e-5)


def test_takes_bare_patches_too(model):
    outputs = model(picture(64, 64)[None].astype(np.float32))
    assert outputs["quality"].shape == (1, 1)
    assert outputs["scene_logits"].shape == (1, 4)


@pytest.mark.parametrize(("options", "side"), [({}, 70), ({"window": 3}, 66), ({"window": 0}, 64)])
def test_patches_bring_what_the_window_needs(options, side):
    built = tfiqa.build_model("dcnns", **options)
    assert built.info.protocol.prepare(picture(700, 64)).shape == (4, side, side, 3)  # starts 0, 160, 320, 480
    with pytest.raises(InvalidInput, match="take sides from 64"):
        built.info.protocol.prepare(picture(63, 500))


def test_quality_is_the_mean_of_the_aspects():
    built = tfiqa.build_model("dcnns", aspects=("texture", "noise"), scenes=False)
    outputs = built(picture(64, 64)[None].astype(np.float32))
    assert set(outputs) == {"texture", "noise", "quality"}
    np.testing.assert_allclose(outputs["quality"], (outputs["texture"] + outputs["noise"]) / 2, rtol=1e-6)
    spec = model_spec("dcnns").with_options(model_spec("dcnns").options(aspects=("texture", "noise"), scenes=False))
    assert dict(spec.targets) == {"texture": ("rank_texture",), "noise": ("rank_noise",)}
    assert list(spec.columns) == ["quality", "texture", "noise"]
    alone = tfiqa.build_model("dcnns", aspects=("color",))
    outputs = alone(picture(64, 64)[None].astype(np.float32))
    np.testing.assert_array_equal(outputs["quality"], outputs["color"])


def test_outputs_are_not_rounded_in_half_precision():
    keras.mixed_precision.set_dtype_policy("mixed_bfloat16")
    try:
        built = tfiqa.build_model("dcnns", aspects=("texture", "noise"))
    finally:
        keras.mixed_precision.set_dtype_policy("float32")
    assert {name: output.dtype for name, output in built.output.items()} == dict.fromkeys(built.output, "float32")
    assert built.get_layer("conv1_1").compute_dtype == "bfloat16"


def test_saving_keeps_the_protocol(model, tmp_path):
    model.save(tmp_path / "m.keras")
    again = read_model(tmp_path / "m.keras")
    assert again.info == model.info
    pixels = again.info.protocol.prepare(picture(70, 230)).astype(np.float32)
    np.testing.assert_array_equal(again(pixels)["quality"], model(pixels)["quality"])


def test_bad_options_are_named():
    with pytest.raises(InvalidInput, match=r"window is one of 0, 3, 7. Received: 5"):
        tfiqa.build_model("dcnns", window=5)
    with pytest.raises(UnknownName, match="texture"):
        tfiqa.build_model("dcnns", aspects=("textur",))
    with pytest.raises(InvalidInput, match="once"):
        tfiqa.build_model("dcnns", aspects=("noise", "noise"))
