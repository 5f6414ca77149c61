"""Losses against their equations."""

import keras
import numpy as np
import pytest

from tfiqa.errors import InvalidInput, UnknownName
from tfiqa.losses.multitask import check_loss, compiled_losses, task_weights
from tfiqa.losses.regression import L1


@pytest.fixture
def scores():
    rng = np.random.default_rng(0)
    return rng.uniform(0, 100, (4, 5)).astype(np.float32), rng.uniform(0, 100, (4, 5)).astype(np.float32)


def test_l1_averages_over_columns_and_pictures(scores):
    assert float(L1()(*scores)) == pytest.approx(np.abs(scores[0] - scores[1]).mean(), rel=1e-6)
    per_picture = np.asarray(L1(reduction=None)(*scores))
    np.testing.assert_allclose(per_picture, np.abs(scores[0] - scores[1]).mean(axis=1), rtol=1e-6)


def test_sum_reduction_is_equation_1(scores):
    quality = [s[:, :1] for s in scores]
    assert float(L1(reduction="sum")(*quality)) == pytest.approx(np.abs(quality[0] - quality[1]).sum(), rel=1e-6)


def test_l1_weighs_pictures_and_reads_back(scores):
    weights = np.array([1, 0, 0, 0], np.float32)
    want = np.abs(scores[0] - scores[1]).mean(axis=1)[0] / 4
    assert float(L1()(*scores, sample_weight=weights)) == pytest.approx(want, rel=1e-6)
    again = keras.saving.deserialize_keras_object(keras.saving.serialize_keras_object(L1(reduction="sum")))
    assert isinstance(again, L1)
    assert again.reduction == "sum"


def test_weighted_sum_is_equation_4_as_keras_compiles_it():
    rng = np.random.default_rng(1)
    image = keras.Input((3,))
    outputs = {"quality": keras.layers.Dense(1)(image), "attributes": keras.layers.Dense(5)(image)}
    model = keras.Model(image, outputs)
    losses, weights = compiled_losses(model, "l1", ("quality", "attributes"), {"quality": 0.7, "attributes": 0.3})
    model.compile(loss=losses, loss_weights=weights)
    x, q, r = (rng.normal(size=(6, n)).astype(np.float32) for n in (3, 1, 5))
    got = model.evaluate(x, {"quality": q, "attributes": r}, verbose=0, return_dict=True)["loss"]
    out = model.predict(x, verbose=0)
    m = len(x)
    want = 0.7 * np.abs(q - out["quality"]).sum() + 0.3 / 5 * np.abs(r - out["attributes"]).sum()
    assert got == pytest.approx(want / m, rel=1e-5)


def test_task_weights():
    assert task_weights(("quality",), {}) == {"quality": 1.0}
    assert task_weights(("quality", "attributes"), {"quality": 0, "attributes": 1}) == {"quality": 0, "attributes": 1}
    with pytest.raises(InvalidInput, match="missing: attributes"):
        task_weights(("quality", "attributes"), {"quality": 1})
    with pytest.raises(InvalidInput, match="sum to 1"):
        task_weights(("quality", "attributes"), {"quality": 1, "attributes": 1})
    with pytest.raises(InvalidInput, match="sum to 1"):
        task_weights(("quality", "attributes"), {"quality": 1.5, "attributes": -0.5})
    with pytest.raises(InvalidInput, match="did you mean 'attributes'"):
        task_weights(("quality", "attributes"), {"quality": 0.5, "atributes": 0.5})
    with pytest.raises(UnknownName, match="unknown loss 'l2'"):
        check_loss("l2", ("quality",), {})


def test_losses_that_do_not_suit_the_outputs():
    check_loss("uncertainty", ("quality", "scene_logits"), {})
    with pytest.raises(InvalidInput, match="l1 is not for classes"):
        check_loss("l1", ("quality", "scene_logits"), {"quality": 0.5, "scene_logits": 0.5})
    with pytest.raises(InvalidInput, match="is for quality and scene_logits"):
        check_loss("uncertainty", ("quality", "attributes"), {})
    with pytest.raises(InvalidInput, match=r"loss\.weights must be empty"):
        check_loss("uncertainty", ("quality", "scene_logits"), {"quality": 0.5})


def test_mse_of_several_tasks_is_deepfls_equation_3_as_keras_compiles_it():
    rng = np.random.default_rng(2)
    image = keras.Input((3,))
    model = keras.Model(image, {name: keras.layers.Dense(1)(image) for name in ("ssim", "vsi", "gmsd")})
    losses, weights = compiled_losses(model, "mse", ("ssim", "vsi", "gmsd"), {})
    model.compile(loss=losses, loss_weights=weights)
    x = rng.normal(size=(6, 3)).astype(np.float32)
    targets = {name: rng.normal(size=(6, 1)).astype(np.float32) for name in ("ssim", "vsi", "gmsd")}
    got = model.evaluate(x, targets, verbose=0, return_dict=True)["loss"]
    predicted = model.predict(x, verbose=0)
    want = np.mean([np.mean((targets[name] - predicted[name]) ** 2) for name in targets])
    assert got == pytest.approx(want, rel=1e-5)


def test_mse_takes_weights_or_none():
    check_loss("mse", ("ssim", "vsi"), {})
    check_loss("mse", ("ssim", "vsi"), {"ssim": 0.25, "vsi": 0.75})
    with pytest.raises(InvalidInput, match="missing: vsi"):
        check_loss("mse", ("ssim", "vsi"), {"ssim": 1.0})
    with pytest.raises(InvalidInput, match="not for classes"):
        check_loss("mse", ("quality", "scene_logits"), {})
