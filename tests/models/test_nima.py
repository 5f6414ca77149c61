"""NIMA: sizes against the papers' tables, moments of its distribution, and what its options make."""

import keras
import numpy as np
import pytest

import tfiqa
from tfiqa.errors import InvalidInput, UnknownName
from tfiqa.models.baselines.nima import BINS, BODIES
from tfiqa.models.layers import DistributionMoments
from tfiqa.models.model_info import model_spec
from tfiqa.weights.build import read_model


@pytest.fixture(scope="module")
def scored():
    """A model of each body with one score."""
    return {body: tfiqa.build_model("nima", body=body, output="score") for body in BODIES}


@pytest.fixture(scope="module")
def model():
    """The paper's, with votes that are not all as frequent."""
    model = tfiqa.build_model("nima")
    model.get_layer("fc").bias.assign(np.random.default_rng(0).normal(0, 1, 10))
    return model


def pictures(count=2):
    return np.random.default_rng(0).integers(0, 256, (count, 64, 64, 3)).astype(np.float32)


def trainable(layers):
    return sum(int(np.prod(weight.shape)) for layer in layers for weight in layer.trainable_weights)


# Convolutions, scales and offsets of batch normalisation, last layer. Table 8 of PaQ-2-PiQ counts the first and the other two of
# ResNet-18 as 11.17M, 10.11K and 11.18M; of MobileNetV2 it has 2.22M, 10.11K and 2.23M, where 2.22M is the first and the second
# and 10.11K ResNet's.
@pytest.mark.parametrize(
    ("body", "convolutions", "scales", "last"),
    [
        ("resnet18", 11_166_912, 9_600, 513),
        ("mobilenet_v2", 2_189_760, 34_112, 1_281),
        ("mobilenet", 3_185_088, 21_888, 1_025),
    ],
)
def test_parameters_of_table_8(body, convolutions, scales, last, scored):
    normalised = [layer for layer in scored[body].layers if isinstance(layer, keras.layers.BatchNormalization)]
    head = [scored[body].get_layer("fc")]
    rest = [layer for layer in scored[body].layers if layer not in (*normalised, *head)]
    assert (trainable(rest), trainable(normalised), trainable(head)) == (convolutions, scales, last)
    known = {"resnet18": "11.18", "mobilenet_v2": "2.23"}
    if body in known:
        assert f"{trainable(scored[body].layers) / 1e6:.2f}" == known[body]


def test_parameters_of_the_keras_form(model):
    assert model.count_params() == 3_239_114  # 3,228,864 of the body, with its statistics, and 10,250


def test_mean_and_deviation_of_the_votes(model):
    outputs = {name: np.asarray(values) for name, values in model(pictures(), training=False).items()}
    shares, votes = outputs["distribution"].astype(np.float64), np.arange(1, 11)
    np.testing.assert_allclose(shares.sum(axis=1), 1, rtol=1e-6)
    assert np.ptp(shares) > 0.01
    mean = shares @ votes
    np.testing.assert_allclose(outputs["quality"][:, 0], mean, rtol=1e-5)
    np.testing.assert_allclose(outputs["uncertainty"][:, 0] ** 2, shares @ votes**2 - mean**2, rtol=1e-4)


def test_moments_of_another_scale_and_of_certain_votes():
    import tensorflow as tf

    shares = tf.Variable([[0.5, 0, 0, 0, 0.5], [0, 0, 1, 0, 0]])
    with tf.GradientTape() as tape:
        mean, deviation = DistributionMoments(0, 100)(shares)
    np.testing.assert_allclose(mean, [[50], [50]])
    np.testing.assert_allclose(deviation, [[50], [0]], atol=1e-5)
    assert np.isfinite(tape.gradient(deviation, shares)).all()


def test_outputs_and_columns_by_option(model, scored):
    assert model.info.columns == {"quality": ("quality",), "uncertainty": ("uncertainty",), "distribution": BINS}
    assert (model.info.protocol.resize, model.info.protocol.patch_size) == ("stretch:224", None)
    spec = model_spec("nima")
    single = spec.with_options(spec.options(output="score"))
    assert (single.targets, single.columns) == ({"quality": ("score",)}, {"quality": ("quality",)})
    assert all(set(each.output) == {"quality"} for each in scored.values())


def test_each_body_is_fed_what_its_imagenet_weights_need(scored):
    assert [each.info.options["scaling"] for each in scored.values()] == ["symmetric", "symmetric", "imagenet"]
    assert model_spec("nima").options(scaling="unit").scaling == "unit"


def test_layers_are_named_alike_in_every_process(model, scored):
    assert [layer.name for layer in scored["mobilenet"].layers[:-1]] == [layer.name for layer in model.layers[:-2]]


def test_statistics_follow_in_time(scored):
    for model in scored.values():
        normalised = [each for each in model.layers if isinstance(each, keras.layers.BatchNormalization)]
        assert {each.momentum for each in normalised} == {0.9}


def test_dropout_before_the_last_layer(model):
    assert model.get_layer("fc").input is model.get_layer("dropout").output
    assert model.get_layer("dropout").rate == 0.75


def test_saving(model, tmp_path):
    model.save(tmp_path / "m.keras")
    again = read_model(tmp_path / "m.keras")
    assert again.info == model.info
    for name, values in model(pictures(), training=False).items():
        np.testing.assert_allclose(again(pictures(), training=False)[name], values, rtol=1e-5)


@pytest.mark.parametrize(
    ("options", "error", "text"),
    [
        ({"body": "mobilenetv2"}, UnknownName, "did you mean 'mobilenet_v2'"),
        ({"output": "scores"}, UnknownName, "did you mean 'score'"),
        ({"scaling": "units"}, UnknownName, "did you mean 'unit'"),
        ({"low": 5.0, "high": 5.0}, InvalidInput, "low is below high"),
    ],
)
def test_wrong_options(options, error, text):
    with pytest.raises(error, match=text):
        tfiqa.build_model("nima", **options)


def test_imagenet_weights_that_are_not_to_be_had(monkeypatch, tmp_path):
    from tfiqa.errors import MissingWeights

    monkeypatch.setenv("TFIQA_CACHE", str(tmp_path))
    monkeypatch.setenv("TFIQA_OFFLINE", "1")
    with pytest.raises(MissingWeights, match=r"mobilenet_v2_weights.*_1.0_224_no_top.h5"):
        tfiqa.build_model("nima", body="mobilenet_v2", weights="imagenet")
