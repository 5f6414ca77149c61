"""Adam with a learning rate of its own for some variables."""

import keras
import numpy as np
import pytest

from tfiqa.errors import RecipeError
from tfiqa.training.head_rate import HeadRateAdam
from tfiqa.training.optimizers import make_optimizer
from tfiqa.training.recipe_sections import TrainingSection


def stepped(optimizer, values, gradients, steps):
    """What variables of these values become, by paths "body" and "head"."""
    variables = [keras.Variable(value, name=name) for name, value in zip(("body", "head"), values, strict=True)]
    optimizer.build(variables)
    for _ in range(steps):
        optimizer.apply([keras.ops.convert_to_tensor(each) for each in gradients], variables)
    return [np.asarray(variable) for variable in variables]


def test_each_moves_as_by_an_adam_of_its_own_rate():
    random = np.random.default_rng(0)
    values = random.normal(size=(2, 4)).astype(np.float32)
    gradients = random.normal(size=(2, 4)).astype(np.float32)
    settings = {"beta_2": 0.99, "weight_decay": 0.1}
    body, head = stepped(HeadRateAdam(["head"], 10, learning_rate=1e-2, **settings), values, gradients, 3)
    slow, _ = stepped(keras.optimizers.Adam(1e-2, **settings), values, gradients, 3)
    _, fast = stepped(keras.optimizers.Adam(1e-1, **settings), values, gradients, 3)
    np.testing.assert_allclose(body, slow, rtol=1e-6)
    np.testing.assert_allclose(head, fast, rtol=1e-6)


def test_without_decay():
    values, gradients = np.ones((2, 3), np.float32), np.zeros((2, 3), np.float32)
    for variable in stepped(HeadRateAdam(["head"], 10, learning_rate=1e-2), values, gradients, 2):
        np.testing.assert_array_equal(variable, 1)


def test_the_recipes_optimizer():
    model = keras.Sequential(
        [keras.Input((2,)), keras.layers.Dense(2, name="body"), keras.layers.Dense(1, name="head")]
    )
    settings = TrainingSection(
        optimizer="adamw", learning_rate=3e-4, head_learning_rate=3e-3, weight_decay=0.01, beta_2=0.99
    )
    optimizer = make_optimizer(settings, 0, model, ("head",))
    assert optimizer.head == {weight.path for weight in model.get_layer("head").weights}
    assert optimizer.factor == pytest.approx(10)
    assert (optimizer.weight_decay, optimizer.beta_2, float(optimizer.learning_rate)) == pytest.approx(
        (0.01, 0.99, 3e-4)
    )
    assert make_optimizer(TrainingSection(head_learning_rate=1e-3), 0, model, ()).weight_decay is None


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"head_learning_rate": 0}, r"training\.head_learning_rate is above 0"),
        ({"beta_2": 1}, r"training\.beta_2 is from 0 to below 1"),
        ({"head_learning_rate": 1e-3, "l2": 1e-4}, r"training\.l2 goes with one learning rate"),
    ],
)
def test_senseless_settings(settings, message):
    with pytest.raises(RecipeError, match=message):
        TrainingSection(**settings)
