"""Pictures to MLSP features."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from mlsp_jobs import save_model
from scenes import scene

import tfiqa
from tfiqa.errors import CheckpointError, InvalidInput
from tfiqa.features.mlsp.inference_model import inference_model
from tfiqa.features.mlsp.mean_first import MeanFirst
from tfiqa.features.mlsp.network import MlspNetwork
from tfiqa.models.backbones.mlsp_taps import MLSP_TAPS, mlsp_features
from tfiqa.pipelines import strips

# Folded kernels round otherwise: up to 1.1e-5 of the mean feature was seen, in EfficientNetV2.
FOLDED = 5e-5
PICTURES = np.stack([scene(number, 96, 130) for number in range(2)])


def with_statistics(model, seed=0):
    """Gives every normalisation statistics, gains and offsets that matter, as after training."""
    random = np.random.default_rng(seed)
    ranges = {"gamma": (0.8, 1.2), "beta": (-0.1, 0.1), "moving_mean": (-0.1, 0.1), "moving_variance": (0.7, 1.3)}
    for layer in model.layers:
        if isinstance(layer, keras.layers.BatchNormalization):
            for weight in layer.weights:
                weight.assign(random.uniform(*ranges[weight.name], weight.shape))
    return model


def built(body):
    keras.utils.set_random_seed(0)
    return with_statistics(tfiqa.build_model("deepfl_mtl", body=body, measures=("ssim",)))


@pytest.fixture(scope="module", params=["resnet18", "mobilenet_v3_small"])
def model(request):
    return built(request.param)


def up_to_mlsp(model):
    return keras.Model(model.inputs[0], model.get_layer("mlsp").output)


def by_keras(body, pictures=PICTURES):
    return np.asarray(body(pictures.astype(np.float32), training=False))


def normalizations(model):
    return sum(isinstance(layer, keras.layers.BatchNormalization) for layer in model.layers)


def test_features_are_those_of_the_layer_mlsp(model):
    extractor = MlspNetwork(model)
    features, expected = extractor(PICTURES), by_keras(up_to_mlsp(model))
    assert features.shape == (2, extractor.features)
    assert extractor.features == mlsp_features(model.info.options["body"])
    assert features.dtype == np.float32
    np.testing.assert_allclose(features, expected, rtol=0, atol=FOLDED * np.abs(expected).mean())


def test_large_pictures_give_the_same_in_strips(model, monkeypatch):
    whole = MlspNetwork(model)(PICTURES)
    monkeypatch.setattr(strips, "PLAIN_PIXELS", PICTURES[0, :, :, 0].size - 1)
    monkeypatch.setattr(strips, "STRIP_VALUES", 50_000)  # many strips
    in_strips = MlspNetwork(model)(PICTURES)
    # Another order of adding up: 8e-6 of the mean was seen.
    np.testing.assert_allclose(in_strips, whole, rtol=0, atol=FOLDED * np.abs(whole).mean())


def test_the_model_stays_as_it_is(model):
    before = [weight.copy() for weight in model.get_weights()]
    MlspNetwork(model, "bfloat16")
    for now, then in zip(model.get_weights(), before, strict=True):
        np.testing.assert_array_equal(now, then)
    assert {layer.compute_dtype for layer in model.layers} == {"float32"}


def test_no_convolution_leaves_its_normalisation_to_a_layer(model):
    body = up_to_mlsp(model)
    assert normalizations(body) > 0
    assert normalizations(inference_model(body, "float32")) == 0


@pytest.mark.parametrize("body", ["efficientnet_v2_b0", "inception_resnet_v2"])
def test_other_bodies(body):
    model = up_to_mlsp(built(body))
    expected = by_keras(model)
    features = by_keras(inference_model(model, "float32"))
    np.testing.assert_allclose(features, expected, rtol=0, atol=FOLDED * np.abs(expected).mean())


def test_all_maps_wait_for_their_means(model):
    """In the graph: what uses a tapped map further comes after its mean."""
    body = inference_model(up_to_mlsp(model), "float32")
    graph = tf.function(body).get_concrete_function(tf.TensorSpec((None, None, None, 3))).graph
    gates = [op for op in graph.get_operations() if op.type == "Identity" and "_mean_" in op.name and op.control_inputs]
    assert len(gates) == len(MLSP_TAPS[model.info.options["body"]])
    assert all(each.type == "Mean" for op in gates for each in op.control_inputs)


def test_bfloat16_changes_features_a_little(model):
    exact, rounded = MlspNetwork(model)(PICTURES), MlspNetwork(model, "bfloat16")(PICTURES)
    assert rounded.dtype == np.float32
    error = np.abs(rounded - exact) / np.abs(exact).mean()
    assert 1e-4 < np.median(error) < 1e-2  # bfloat16 has 8 bits
    assert (rounded.astype(tf.bfloat16.as_numpy_dtype) != rounded).mean() > 0.5  # the means have more


def test_the_precision_is_the_networks_not_the_models():
    keras.mixed_precision.set_dtype_policy("mixed_bfloat16")
    try:
        trained = built("resnet18")
    finally:
        keras.mixed_precision.set_dtype_policy("float32")
    plain = built("resnet18")
    np.testing.assert_array_equal(MlspNetwork(trained)(PICTURES), MlspNetwork(plain)(PICTURES))


def test_means_of_large_maps_are_exact():
    large = np.random.default_rng(0).uniform(0, 1, (1, 1500, 2000, 2)).astype(np.float32)
    kept, mean = MeanFirst()(large)
    np.testing.assert_array_equal(kept, large)
    np.testing.assert_allclose(mean, large.mean(axis=(1, 2), dtype=np.float64), rtol=1e-6)


def test_normalisations_that_cannot_be_folded_stay():
    """After an activation, or after a convolution that something else uses too."""
    layers = keras.layers
    image = keras.Input((None, None, 3), name="image")
    used_twice = layers.Conv2D(4, 1, name="used_twice")(image)
    rectified = layers.Conv2D(4, 1, activation="relu", name="rectified")(image)
    biased = layers.BatchNormalization(name="folded")(layers.Conv2D(4, 1, name="biased")(image))
    depthwise = layers.DepthwiseConv2D(3, depth_multiplier=2, use_bias=False, name="depthwise")(image)
    maps = [
        layers.BatchNormalization(name="of_used_twice")(used_twice),
        used_twice,
        layers.BatchNormalization(name="of_rectified")(rectified),
        biased,
        layers.BatchNormalization(scale=False, center=False, name="folded_too")(depthwise),
    ]
    means = [layers.GlobalAveragePooling2D(name=f"mlsp_{number}")(each) for number, each in enumerate(maps)]
    model = with_statistics(keras.Model(image, layers.Concatenate(name="mlsp")(means)))
    copied = inference_model(model, "float32")
    assert normalizations(copied) == 2
    small = PICTURES[:, :16, :16]  # of which Keras' means, taken in one step, are exact enough
    np.testing.assert_allclose(by_keras(copied, small), by_keras(model, small), rtol=1e-4)


def test_of_a_file(tmp_path):
    loaded = MlspNetwork.load(save_model(tmp_path / "m.keras"))
    assert loaded(PICTURES[:1]).shape == (1, loaded.features)


def test_a_file_that_is_no_model(tmp_path):
    with pytest.raises(CheckpointError, match="not found"):
        MlspNetwork.load(tmp_path / "m.keras")


def test_a_model_without_mlsp_features():
    with pytest.raises(InvalidInput, match="spaq_bl has no MLSP features"):
        MlspNetwork(tfiqa.build_model("spaq_bl", backbone="resnet18"))
