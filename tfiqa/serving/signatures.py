"""The signatures of an exported model, and the SavedModel that holds them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import tensorflow as tf

from tfiqa.explain.quality_map import with_boxes
from tfiqa.images.exif_encoding import EXIF_VECTOR
from tfiqa.models.outputs import picture_outputs
from tfiqa.pipelines.box_scoring import takes_boxes
from tfiqa.pipelines.scoring import model_inputs, takes_exif
from tfiqa.pipelines.strips import by_size
from tfiqa.serving.box_graph import score_boxes_graph
from tfiqa.serving.each_picture_graph import smallest_side_of
from tfiqa.serving.map_graph import map_pictures_graph
from tfiqa.serving.picture_graph import score_pictures_graph

if TYPE_CHECKING:
    from tfiqa.models.model_info import ModelInfo
    from tfiqa.models.quality_model import QualityModel

Signatures = Mapping[str, Any]  # concrete functions by name


def trace_signatures(model: QualityModel) -> Signatures:
    """The signatures of a model that scores pictures, as `package.export_model` lists them, ready to be saved."""
    encoded = tf.TensorSpec((None,), tf.string, name="image_bytes")
    exif = [tf.TensorSpec((None, len(EXIF_VECTOR)), tf.float32, name="exif")] if takes_exif(model) else []
    signatures = {"serving_default": _traced(partial(score_pictures_graph, model), encoded, *exif)}
    if takes_boxes(model):
        boxes = tf.TensorSpec((None, None, 4), tf.float32, name="boxes")
        signatures["boxes"] = _traced(partial(score_boxes_graph, model), encoded, boxes)
    if (boxed := with_boxes(model)) is not None:
        signatures["map"] = _traced(partial(map_pictures_graph, boxed), encoded)
    image = tf.TensorSpec((None, None, None, 3), tf.float32, name="image")
    signatures["image"] = _traced(partial(_raw_outputs, model), image, *exif)
    signatures["card"] = _traced(partial(_card, model.info), tf.TensorSpec((None,), tf.string, name="request"))
    return signatures


def input_specs(signature: Any) -> dict[str, tf.TensorSpec]:
    """The inputs of a signature by name."""
    specs = tf.nest.flatten(signature.structured_input_signature)  # with None for an optional argument
    return {spec.name: spec for spec in specs if spec is not None}


def write_saved_model(signatures: Signatures, folder: Path) -> None:
    """Writes signatures and the variables that they use, each once. Raises tf.errors.OpError."""
    module = tf.Module()
    used = {id(variable): variable for function in signatures.values() for variable in function.variables}
    module.weights = list(used.values())
    tf.saved_model.save(module, str(folder), signatures=dict(signatures))


def _card(info: ModelInfo, request: tf.Tensor) -> dict[str, tf.Tensor]:
    """The model's information as JSON text, once for each element of `request`, whatever it is: a server hands out signatures,
    but no file."""
    return {"card": tf.fill(tf.shape(request), json.dumps(info.to_dict()))}


def _traced(function: Any, *specification: tf.TensorSpec) -> Any:
    return tf.function(function, input_signature=specification, autograph=False).get_concrete_function()


def _raw_outputs(model: QualityModel, image: tf.Tensor, exif: tf.Tensor | None = None) -> dict[str, tf.Tensor]:
    """The model's outputs for pixels (N, H, W, 3), as they are."""
    least = smallest_side_of(model.info)
    message = f"the model takes sides from {least}"  # at smaller ones some networks end the whole process
    enough = tf.debugging.Assert(tf.reduce_min(tf.shape(image)[1:3]) >= least, [message])
    with tf.control_dependencies([enough]):
        image = tf.identity(image)

    def outputs() -> dict[str, tf.Tensor]:
        return picture_outputs(model(model_inputs(image, exif), training=False))

    return outputs() if model.info.protocol.patch_size is not None else by_size(image, outputs, model)
