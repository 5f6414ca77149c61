"""Bodies: those of DeepFL-IQA's models whole, for weights to be put in, and any from one model to another."""

from __future__ import annotations

from collections.abc import Collection
from typing import TYPE_CHECKING

from tfiqa.errors import CheckpointError
from tfiqa.models.model_info import ModelInfo, model_spec

if TYPE_CHECKING:
    import keras

    from tfiqa.models.quality_model import QualityModel


def whole_body(model: QualityModel) -> keras.Model:
    """The body up to its last feature map: the model's own; of a `deepfl`, which leaves the end out, a fresh one."""
    import keras

    from tfiqa.models.backbones.bodies import build_body

    options = model.info.options
    if model.name == "deepfl":
        return build_body(options["body"], options["scaling"])
    return keras.Model(model.inputs, model.get_layer("features").input, name=options["body"])


def copy_layers(source: keras.Model, target: keras.Model, but: Collection[str] = ()) -> tuple[str, ...]:
    """Copies the weights of all layers of `target` that `source` has under the same name, `but` those of these names.

    Returns:
        The names of the other layers with weights, which stay as they were.

    Raises CheckpointError, before anything is copied, when the weights of a layer have other shapes.
    """
    known = {layer.name: layer for layer in source.layers if layer.name not in but}
    shared = [layer for layer in target.layers if layer.weights and layer.name in known]
    for layer in shared:
        if _shapes(layer) != _shapes(known[layer.name]):
            raise CheckpointError(f"layer {layer.name} of {source.name} does not fit that of {target.name}")
    for layer in shared:
        layer.set_weights(known[layer.name].get_weights())
    return tuple(layer.name for layer in target.layers if layer.weights and layer.name not in known)


def check_bodies(source: ModelInfo, target: ModelInfo) -> None:
    """Raises CheckpointError unless two of DeepFL-IQA's models have the same body and feed it alike."""
    for option in ("body", "scaling"):
        theirs, ours = source.options[option], target.options[option]
        if theirs != ours:
            raise CheckpointError(
                f"{source.model} has {option} {theirs!r}, {target.model} {ours!r}: their bodies differ"
            )


def copy_body(source: QualityModel, target: QualityModel) -> None:
    """Copies the body's weights from one of DeepFL-IQA's models to another. The head of `target` stays as it is.

    Raises CheckpointError, before anything is copied, when their bodies, or what these are fed, differ, or when `source` lacks
    the body's end, which a `deepfl` leaves out.
    """
    check_bodies(source.info, target.info)
    lacking = _lacking(source, target)
    if lacking:
        raise CheckpointError(
            f"{source.name} holds no whole body for {target.name} (it lacks {lacking[0]}); take the deepfl_mtl it came from"
        )
    copy_layers(source, target)


def have_same_backbone(source: ModelInfo, target: ModelInfo) -> bool:
    """Whether two models are built on the same ResNet."""
    return "backbone" in source.options and source.options["backbone"] == target.options.get("backbone")


def copy_backbone(source: QualityModel, target: QualityModel) -> None:
    """Copies the weights of the ResNet from one model to another. The head of `target` stays as it is; what the two feed the
    network may differ, as SPAQ's and PaQ-2-PiQ's do.

    Raises CheckpointError, before anything is copied, when `source` lacks a part, such as the second branch of "spaq_mt_s".
    """
    lacking = _lacking(source, target)
    if lacking:
        raise CheckpointError(f"{source.name} holds no whole backbone for {target.name} (it lacks {lacking[0]})")
    copy_layers(source, target, but=model_spec(target.name).head)


def _lacking(source: QualityModel, target: QualityModel) -> list[str]:
    """The layers of the target's body that the source does not have."""
    known = {layer.name for layer in source.layers} | set(model_spec(target.name).head)
    return [layer.name for layer in target.layers if layer.weights and layer.name not in known]


def _shapes(layer: keras.Layer) -> list[tuple[int, ...]]:
    return [tuple(weight.shape) for weight in layer.weights]
