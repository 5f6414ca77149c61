"""DeepFL-IQA's models: taps, features, heads, scaling, saving."""

import json
import os
import subprocess
import sys

import keras
import numpy as np
import pytest
import tensorflow as tf

import tfiqa
from tfiqa.errors import InvalidInput, UnknownName
from tfiqa.full_reference import ELEVEN
from tfiqa.models.backbones import bodies
from tfiqa.models.backbones.mlsp_taps import BODIES, MLSP_TAPS, MlspTap, mlsp_features
from tfiqa.models.deepfl import MEASURES
from tfiqa.models.model_info import ModelInfo, model_spec
from tfiqa.weights.build import read_model

SMALL = tuple(body for body in BODIES if body != "inception_resnet_v2")
# Parameters of the bodies without a top: keras.applications' documented models, torchvision's ResNet-18 less its classifier
# and plus its running statistics.
BODY_PARAMETERS = {
    "inception_resnet_v2": 54_336_736,
    "mobilenet_v3_small": 939_120,
    "efficientnet_v2_b0": 5_919_312,
    "resnet18": 11_186_112,
}
LAST_CHANNELS = {"inception_resnet_v2": 1536, "mobilenet_v3_small": 576, "efficientnet_v2_b0": 1280, "resnet18": 512}
FEATURES = {"inception_resnet_v2": 16928, "mobilenet_v3_small": 2456, "efficientnet_v2_b0": 13488, "resnet18": 1920}


@pytest.fixture(scope="module")
def models():
    """A `deepfl_mtl` of each body, with statistics that differ from channel to channel."""
    rng = np.random.default_rng(0)
    made = {body: tfiqa.build_model("deepfl_mtl", body=body) for body in BODIES}
    for model in made.values():
        for weight in model.weights:
            if weight.name in ("beta", "moving_mean"):
                weight.assign(rng.normal(0, 0.1, weight.shape))
    return made


@pytest.fixture(scope="module")
def picture():
    return np.random.default_rng(1).uniform(0, 255, (1, 101, 83, 3)).astype(np.float32)


def network(model, *names):
    """From the picture to the outputs of layers."""
    return keras.Model(model.input, [model.get_layer(name).output for name in names])


def layer_names(model, suffix):
    return [layer.name for layer in model.layers if layer.name.endswith(suffix) and not layer.name.startswith("mlsp")]


def test_the_43_layers_of_the_authors_code(models, shared):
    spec = json.loads((shared / "spec" / "mlsp_layers.json").read_text())
    assert [(tap.layer, tap.features) for tap in MLSP_TAPS["inception_resnet_v2"]] == [tuple(x) for x in spec["layers"]]
    mixed = [
        layer for layer in models["inception_resnet_v2"].layers if "mixed" in layer.name and "mlsp" not in layer.name
    ]
    assert [[layer.name, layer.output.shape[-1]] for layer in mixed] == spec["layers"]
    assert mlsp_features("inception_resnet_v2") == spec["total"] == 16928


@pytest.mark.parametrize("body", BODIES)
def test_mlsp_is_the_mean_of_each_tapped_map(body, models, picture):
    model, taps = models[body], MLSP_TAPS[body]
    layers = [model.get_layer(tap.layer) for tap in taps]
    maps = [layer.input if tap.before else layer.output for layer, tap in zip(layers, taps, strict=True)]
    *maps, mlsp = keras.Model(model.input, [*maps, model.get_layer("mlsp").output])(picture, training=False)
    want = np.concatenate([np.asarray(each, np.float64).mean(axis=(1, 2)) for each in maps], axis=1)
    np.testing.assert_allclose(mlsp, want, rtol=1e-4, atol=1e-6)
    assert mlsp.shape == (1, mlsp_features(body)) == (1, FEATURES[body])
    # Every tap is in its own place: no two have the same values, and none is constant.
    means = [np.asarray(each).mean(axis=(1, 2)).std() for each in maps]
    assert len(set(means)) == len(taps)
    assert min(means) > 0


@pytest.mark.parametrize("body", SMALL)
def test_small_bodies_are_tapped_once_a_block(body, models):
    blocks = {
        "mobilenet_v3_small": layer_names(models[body], "_project"),
        "efficientnet_v2_b0": ["block1a_project_activation", *layer_names(models[body], "_project_conv")[1:]],
        "resnet18": [name.replace("_add", "_relu") for name in layer_names(models[body], "_add")],
    }
    assert [tap.layer for tap in MLSP_TAPS[body]] == blocks[body]


@pytest.mark.parametrize("body", BODIES)
def test_parameters(body, models):
    channels = LAST_CHANNELS[body]
    head = channels * 512 + 512 + 512 * 256 + 256 + 256 + 1
    assert models[body].count_params() == BODY_PARAMETERS[body] + 11 * head
    assert models[body].get_layer("features").output.shape == (None, channels)


def test_layer_names_are_the_same_whatever_was_built_before(models):
    again = tfiqa.build_model("deepfl_mtl", body="mobilenet_v3_small", measures=["vsi"])
    names = [layer.name for layer in again.layers]
    assert set(names) < {layer.name for layer in models["mobilenet_v3_small"].layers}
    weights = [w.path for w in models["inception_resnet_v2"].weights]
    assert {"conv2d_1/kernel", "batch_normalization_203/beta", "conv_7b/kernel"} <= set(weights)
    assert len(set(weights)) == len(weights)


@pytest.mark.parametrize("body", BODIES)
def test_any_size(body, models):
    smallest = 75 if body == "inception_resnet_v2" else 32
    for height, width in ((smallest, smallest), (smallest + 1, 2 * smallest + 7)):
        image = np.random.default_rng(2).uniform(0, 255, (2, height, width, 3)).astype(np.float32)
        out = models[body](image, training=False)
        assert set(out) == set(ELEVEN)
        assert all(score.shape == (2, 1) and np.isfinite(score).all() for score in out.values())


@pytest.mark.parametrize(
    ("body", "scaling", "layer"),
    [
        ("resnet18", "unit", "unit_range"),
        ("mobilenet_v3_small", "symmetric", "symmetric_range"),
        ("efficientnet_v2_b0", "imagenet", "imagenet"),
    ],
)
def test_the_body_is_given_the_scaling_asked_for_and_no_other(body, scaling, layer):
    model = tfiqa.build_model("deepfl_mtl", body=body, scaling=scaling, measures=["ssim"])
    white, black = np.full((1, 40, 40, 3), 255, np.float32), np.zeros((1, 40, 40, 3), np.float32)
    ends = [np.asarray(network(model, layer)(image))[0, 0, 0] for image in (black, white)]
    mean, deviation = np.array([0.485, 0.456, 0.406]), np.array([0.229, 0.224, 0.225])
    want = {
        "unit": ([0, 0, 0], [1, 1, 1]),
        "symmetric": ([-1, -1, -1], [1, 1, 1]),
        "imagenet": (-mean / deviation, (1 - mean) / deviation),
    }[scaling]
    np.testing.assert_allclose(ends, want, atol=1e-5)
    weightless = [
        each.name for each in model.layers if isinstance(each, keras.layers.Rescaling | keras.layers.Normalization)
    ]
    assert weightless == (["unit_range", "imagenet"] if scaling == "imagenet" else [layer])
    first = next(each for each in model.layers if isinstance(each, keras.layers.Conv2D))
    padded = model.get_layer("conv1_pad").input if body == "resnet18" else first.input
    assert padded is model.get_layer(layer).output


def test_scaling_and_measures_travel_with_the_model(picture, tmp_path):
    options = {"body": "resnet18", "measures": ("vsi", "ssim")}
    models = [tfiqa.build_model("deepfl_mtl", **options, scaling=scaling) for scaling in ("unit", "symmetric")]
    models[1].set_weights(models[0].get_weights())
    scores = []
    for model in models:
        model.save(tmp_path / "m.keras")
        again = read_model(tmp_path / "m.keras")
        assert again.info == model.info == ModelInfo.from_dict(json.loads(json.dumps(model.info.to_dict())))
        out = again(picture, training=False)
        assert set(out) == {"vsi", "ssim"}
        for name, score in model(picture, training=False).items():
            np.testing.assert_array_equal(out[name], score)
        np.testing.assert_array_equal(*(network(each, "mlsp")(picture) for each in (model, again)))
        scores.append(float(out["vsi"][0, 0]))
    assert abs(scores[0] - scores[1]) > 1e-4
    assert again.info.options["scaling"] == "symmetric"
    assert again.info.columns == {"vsi": ("vsi",), "ssim": ("ssim",)}


def test_bodies_of_keras_are_read_again(models, picture, tmp_path):
    """InceptionResNetV2, slow to read, is read again in `test_deepfl_checkpoint`."""
    model = models["mobilenet_v3_small"]
    model.save(tmp_path / "m.keras")
    again = read_model(tmp_path / "m.keras")
    out = again(picture, training=False)
    for name, score in model(picture, training=False).items():
        np.testing.assert_array_equal(out[name], score)


def test_information(models):
    info = models["resnet18"].info
    assert MEASURES == ELEVEN
    assert (info.scale.low, info.scale.high, info.scale.higher_is_better) == (0, 1, True)
    assert (info.protocol.resize, info.protocol.patch_size) == ("native", None)
    assert tuple(info.columns) == ELEVEN
    spec = model_spec("deepfl_mtl")
    options = spec.parse_options("deepfl_mtl", {"measures": ["vsi"]})
    assert spec.with_options(options).targets == {"vsi": ("vsi",)}
    assert tuple(spec.targets) == ELEVEN
    scale = model_spec("deepfl").scale
    assert (scale.low, scale.high, scale.higher_is_better) == (1, 5, True)


def test_heads_of_the_first_stage(models):
    model = models["resnet18"]
    plan = [("fc1", 512, "relu"), ("fc2", 256, "relu"), ("fc3", 1, "linear")]
    for name in ELEVEN:
        fcs = [model.get_layer(f"{name}_{part}") for part, _, _ in plan]
        assert [(fc.units, fc.activation.__name__) for fc in fcs] == [part[1:] for part in plan]
        assert [model.get_layer(f"{name}_dropout{i}").rate for i in (1, 2)] == [0.25, 0.5]
        assert fcs[1].input is model.get_layer(f"{name}_dropout1").output
        assert fcs[2].input is model.get_layer(f"{name}_dropout2").output
    assert set(model_spec("deepfl_mtl").head) == {layer.name for layer in model.layers if "_fc" in layer.name}


def test_fully_connected_layers_start_as_he_et_al():
    model = tfiqa.build_model("deepfl", body="resnet18")
    for i, inputs in enumerate((1920, 2048, 1024), start=1):
        layer = model.get_layer(f"quality_fc{i}")
        kernel = np.asarray(layer.kernel)
        assert kernel.shape[0] == inputs
        assert kernel.std() == pytest.approx(np.sqrt(2 / inputs), rel=0.02)
        assert abs(kernel.mean()) < 0.02 * kernel.std() + 4 * kernel.std() / np.sqrt(kernel.size)
        assert not np.asarray(layer.bias).any()


@pytest.mark.parametrize("batch_normalization", [True, False])
def test_the_regression_head(batch_normalization, picture):
    model = tfiqa.build_model("deepfl", body="mobilenet_v3_small", batch_normalization=batch_normalization)
    out = model(picture, training=False)
    assert {name: score.shape for name, score in out.items()} == {"quality": (1, 1)}
    norms = ["batch_normalization"] if batch_normalization else []
    want = []
    for i in (1, 2, 3):
        want += [f"quality_fc{i}", *[f"quality_bn{i}" for _ in norms], f"quality_dropout{i}"]
    assert [layer.name for layer in model.layers if layer.name.startswith("quality_")] == [*want, "quality_fc4"]
    assert [model.get_layer(f"quality_fc{i}").units for i in (1, 2, 3, 4)] == [2048, 1024, 256, 1]
    assert [model.get_layer(f"quality_dropout{i}").rate for i in (1, 2, 3)] == [0.25, 0.25, 0.5]
    dense = 2456 * 2048 + 2048 + 2048 * 1024 + 1024 + 1024 * 256 + 256 + 256 + 1
    head = [layer for layer in model.layers if layer.name.startswith("quality_")]
    statistics = 4 * (2048 + 1024 + 256) if batch_normalization else 0
    assert sum(layer.count_params() for layer in head) == dense + statistics
    assert model.get_layer("quality_fc1").input is model.get_layer("mlsp").output
    if batch_normalization:
        layer = model.get_layer("quality_bn1")
        assert (layer.epsilon, layer.momentum) == (1e-3, 0.99)


def test_no_score_depends_on_mlsp(models, picture):
    """So that a compiled training step leaves it out."""
    model = models["mobilenet_v3_small"]
    mlsp, features, passed = (model.get_layer(name).output for name in ("mlsp", "features", "features_with_mlsp"))
    whole = keras.Model(model.input, [mlsp, features, passed, model.output["ssim"]])
    with tf.GradientTape(persistent=True) as tape:
        mlsp, features, passed, score = whole(picture, training=True)
    np.testing.assert_array_equal(features, passed)
    assert tape.gradient(score, mlsp) is None
    assert np.abs(tape.gradient(score, features)).max() > 0


def test_mixed_precision_leaves_means_and_scores_in_float32(picture):
    keras.mixed_precision.set_dtype_policy("mixed_bfloat16")
    try:
        model = tfiqa.build_model("deepfl_mtl", body="mobilenet_v3_small", measures=["ssim"])
    finally:
        keras.mixed_precision.set_dtype_policy("float32")
    assert model.get_layer("conv").compute_dtype == "bfloat16"
    assert model.get_layer("unit_range").compute_dtype == "float32"
    mlsp, score = network(model, "mlsp", "ssim_fc3")(picture)
    assert {keras.backend.standardize_dtype(each.dtype) for each in (mlsp, score)} == {"float32"}


def test_wrong_options_are_told():
    with pytest.raises(UnknownName, match="did you mean 'inception_resnet_v2'"):
        tfiqa.build_model("deepfl", body="inception_resnet")
    with pytest.raises(UnknownName, match="did you mean 'symmetric'"):
        tfiqa.build_model("deepfl", scaling="symetric")
    with pytest.raises(UnknownName, match="did you mean 'fsimc'"):
        tfiqa.build_model("deepfl_mtl", measures=["fsim_c"])
    for measures in ((), "vsi", ["vsi", "vsi"]):
        with pytest.raises(InvalidInput, match="measures is a list of different names"):
            tfiqa.build_model("deepfl_mtl", measures=measures)


def test_a_keras_that_builds_another_body_is_told(monkeypatch):
    for taps in ((MlspTap("layer1_0_relu", 65),), (MlspTap("layer2_0_relu", 128), MlspTap("layer1_0_relu", 64))):
        monkeypatch.setattr(bodies, "MLSP_TAPS", {"resnet18": taps})
        with pytest.raises(InvalidInput, match="builds resnet18 otherwise"):
            tfiqa.build_model("deepfl", body="resnet18")


def test_it_is_built_on_jax():
    pytest.importorskip("jax", reason="JAX is not installed")
    code = (
        "import numpy as np, tfiqa; m = tfiqa.build_model('deepfl', body='mobilenet_v3_small');"
        "print(m(np.zeros((1, 64, 64, 3), np.float32))['quality'].shape)"
    )
    environment = os.environ | {"KERAS_BACKEND": "jax"}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False, env=environment)
    assert done.stdout.strip() == "(1, 1)", done.stderr
