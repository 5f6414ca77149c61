import keras
import numpy as np
import pytest

from tfiqa.errors import InvalidInput
from tfiqa.losses.multitask import check_loss, compiled_losses

ASPECTS = ("texture", "noise", "scene_logits")


def test_it_is_the_papers_sum_as_keras_compiles_it():
    """Section 3.3: the absolute error, and alpha times the cross-entropy, both averaged over the patches."""
    inputs = keras.Input((5,))
    outputs = {"quality": inputs[:, :1], "scene_logits": inputs[:, 1:]}
    model = keras.Model(inputs, outputs)
    losses, weights = compiled_losses(model, "l1_scenes", tuple(outputs), {"scene_logits": 0.5})
    model.compile(loss=losses, loss_weights=weights)
    values = np.array([[3.0, 1, 0, 0, 2], [-1.0, 0, 0, 0, 0]], np.float32)
    scenes = np.array([[0, 0, 0, 1], [0, 1, 0, 0]], np.float32)
    told = model.evaluate(values, {"quality": np.array([[1.0], [1.0]]), "scene_logits": scenes}, verbose=0)
    entropy = (-(2 - np.log(np.exp([1, 0, 0, 2]).sum())) + np.log(4)) / 2
    np.testing.assert_allclose(told[0], 2 + 0.5 * entropy, rtol=1e-6)


def test_several_aspects_count_as_much_as_one():
    model = keras.Model(inputs := keras.Input((6,)), dict.fromkeys(ASPECTS, inputs[:, :1]))
    assert compiled_losses(model, "l1_scenes", ASPECTS, {})[1] == {"texture": 0.5, "noise": 0.5, "scene_logits": 1.0}


def test_what_does_not_suit_it():
    check_loss("l1_scenes", ("quality", "scene_logits"), {})
    check_loss("l1_scenes", ASPECTS, {"scene_logits": 0.0})
    with pytest.raises(InvalidInput, match="take l1"):
        check_loss("l1_scenes", ("quality",), {})
    with pytest.raises(InvalidInput, match="take l1"):
        check_loss("l1_scenes", ("scene_logits",), {})
    for weights in ({"quality": 1.0}, {"scene_logits": -1.0}, {"scene_logits": float("nan")}):
        with pytest.raises(InvalidInput, match="one weight, scene_logits, of at least 0"):
            check_loss("l1_scenes", ("quality", "scene_logits"), weights)
