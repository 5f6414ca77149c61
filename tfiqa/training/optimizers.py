"""Optimisers, and which weights they may move."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tfiqa.training.recipe_sections import TrainingSection

if TYPE_CHECKING:
    import keras

    from tfiqa.models.quality_model import QualityModel


def make_optimizer(
    settings: TrainingSection, epoch: int, model: QualityModel, head: tuple[str, ...]
) -> keras.optimizers.Optimizer:
    """A fresh optimiser with the learning rate of `epoch`.

    Args:
        settings: the recipe's.
        epoch: counted from 0.
        model: what it is for.
        head: names of the layers that have the head's learning rate, where that is another.
    """
    import keras

    decay = settings.weight_decay if settings.optimizer == "adamw" else None
    common = {
        "learning_rate": settings.learning_rate_of(epoch),
        "beta_2": settings.beta_2,
        "epsilon": settings.epsilon,
    }
    if settings.head_learning_rate is not None:
        from tfiqa.training.head_rate import HeadRateAdam

        layers = [layer for layer in model.layers if layer.name in head]
        paths = [weight.path for layer in layers for weight in layer.weights]
        factor = settings.head_learning_rate / settings.learning_rate
        return HeadRateAdam(paths, factor, weight_decay=decay, **common)
    if decay is not None:
        return keras.optimizers.AdamW(weight_decay=decay, **common)
    if settings.l2:
        from tfiqa.training.adam_l2 import AdamL2

        return AdamL2(settings.l2, **common)
    return keras.optimizers.Adam(**common)


def freeze_all_but(model: QualityModel, head: tuple[str, ...], batch_norm: str) -> None:
    """Leaves only the layers named in `head` trainable.

    Args:
        model: any functional model.
        head: layer names.
        batch_norm: "inference" makes frozen batch normalisation use its running statistics and leave them alone; "update" lets
            it use the batch's and follow them, with scale and offset frozen.
    """
    import keras

    for layer in model.layers:
        if layer.name in head:
            layer.trainable = True
        elif batch_norm == "update" and isinstance(layer, keras.layers.BatchNormalization):
            layer.trainable = True
            _set_affine(layer, trainable=False)
        else:
            layer.trainable = False


def unfreeze(model: QualityModel) -> None:
    """Makes every weight that training may move trainable again."""
    import keras

    for layer in model.layers:
        layer.trainable = True
        if isinstance(layer, keras.layers.BatchNormalization):
            _set_affine(layer, trainable=True)


def _set_affine(layer: keras.layers.BatchNormalization, *, trainable: bool) -> None:
    """Scale and offset, where there are any: InceptionResNetV2 has no scales."""
    for weight in (layer.gamma, layer.beta):
        if weight is not None:
            weight.trainable = trainable
