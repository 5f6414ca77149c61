"""A model split at its last feature maps, wherever they lie: layers of the model, or of models within it.

Nothing is rebuilt: while a picture passes through, the maps are taken out of the running model, and the rest of it goes on with
them as with an input of its own. So models within models, several inputs, optional inputs and layers of any kind may be split,
and for gradients by the maps TensorFlow keeps what it needs of the rest alone.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any

import keras
import tensorflow as tf
from keras import tree

from tfiqa.errors import InvalidInput, UnknownName
from tfiqa.explain.grad_cam import Values, class_activation
from tfiqa.explain.targets import Target
from tfiqa.pipelines.scoring import model_inputs
from tfiqa.registry import unknown_name


@dataclass(frozen=True)
class Tap:
    """Where a model is split.

    Args:
        operation: a layer or operation of the model or of a model within it.
        before: take the maps that go into it rather than those that come out.
    """

    operation: Any
    before: bool

    @property
    def makers(self) -> list[Any]:
        """The layers or operations whose output the maps are."""
        if not self.before:
            return [self.operation]
        return [each._keras_history.operation for each in tree.flatten(self.operation.input) if _is_maps(each)]


class SplitModel:
    """A number that a model tells of a picture, and its gradients: by the picture, and by feature maps on the way.

    Args:
        model: a functional model with the input `image` and perhaps `exif`; optional inputs are left out.
        target: the number.
        layer: the name of a layer with maps (N, h, w, C) as output; None for the last maps: those of which the target depends
            by what is not a map any more. Most models have one; two go into the bilinear pooling of DB-CNN, and dozens into
            DeepFL-IQA's MLSP features, each averaged by a layer of its own.

    Raises UnknownName for a layer that the model has not, InvalidInput for one without maps or a model without any.
    """

    package = "tfiqa"

    def __init__(self, model: Any, target: Target, layer: str | None = None) -> None:
        if keras.backend.backend() != "tensorflow":
            raise InvalidInput(f"explaining takes TensorFlow's gradients. KERAS_BACKEND is {keras.backend.backend()}")
        self.model = model
        self.target = target
        self.taps = _last_maps(model, model.output[target.output]) if layer is None else [_named(model, layer)]
        if not self.taps:
            raise InvalidInput(f"{model.name} has no feature maps that {target.name} depends on")

    @property
    def makers(self) -> list[Any]:
        """The layers or operations that make the maps, each once."""
        return list({id(maker): maker for tap in self.taps for maker in tap.makers}.values())

    def score(self, images: Any, exif: Any = None) -> tf.Tensor:
        """The target (N,), float32, of pictures (N, H, W, 3) RGB 0..255 and, for models that take it, `exif` (N, 8)."""
        numbers = None if exif is None else tf.convert_to_tensor(exif, tf.float32)
        inputs = model_inputs(tf.convert_to_tensor(images, tf.float32), numbers)
        return tf.cast(self.target.of(self.model(inputs, training=False)), tf.float32)

    def gradient(self, images: Any, exif: Any = None) -> Values:
        """The target's gradient by the pictures (N, H, W, 3), per grey level."""
        images = tf.convert_to_tensor(images, tf.float32)
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            tape.watch(images)
            scores = self.score(images, exif)
        return tape.gradient(scores, images, unconnected_gradients="zero").numpy()

    def class_activations(self, images: Any, exif: Any = None) -> list[Values]:
        """Grad-CAM's `class_activation` of each tap's maps, (N, h, w), one after the other."""
        return [class_activation(*each) for each in self.maps_and_gradients(images, exif)]

    def maps_and_gradients(self, images: Any, exif: Any = None) -> list[tuple[Values, Values]]:
        """The maps (N, h, w, C) of each tap with the target's gradients by them, in float32."""
        found: list[tf.Tensor] = []
        with tf.GradientTape(watch_accessed_variables=False) as tape:

            def watched(maps: tf.Tensor) -> tf.Tensor:
                # A tensor of its own: what else depends on the maps, a deeper layer say, keeps out of their gradient.
                maps = tf.identity(maps)
                tape.watch(maps)
                found.append(maps)
                return maps

            scores = self.score_with_maps(watched, images, exif)
        gradients = tape.gradient(scores, found, unconnected_gradients="zero")
        return [(_float32(maps), _float32(gradient)) for maps, gradient in zip(found, gradients, strict=True)]

    def score_with_maps(self, function: Callable[[tf.Tensor], Any], images: Any, exif: Any = None) -> tf.Tensor:
        """The target (N,) when each of the taps' maps is what the function makes of it."""
        with ExitStack() as stack:
            for tap in self.taps:
                stack.enter_context(_tapped(tap, function))
            return self.score(images, exif)


@contextmanager
def _tapped(tap: Tap, function: Callable[[tf.Tensor], Any]) -> Iterator[None]:
    """Inside, and for the whole process, the tap's maps are what the function makes of them."""
    operation, call = tap.operation, tap.operation.call

    def changed(values: Any) -> Any:
        return tree.map_structure(lambda each: function(each) if _is_maps(each) else each, values)

    def other_call(*values: Any, **more: Any) -> Any:
        return call(*changed(values), **changed(more)) if tap.before else changed(call(*values, **more))

    operation.call = other_call
    try:
        yield
    finally:
        del operation.call


def _float32(tensor: tf.Tensor) -> Values:
    return tf.cast(tensor, tf.float32).numpy()


def _is_maps(value: Any) -> bool:
    return len(getattr(value, "shape", ())) == 4  # (N, h, w, C)


def _last_maps(model: Any, output: Any) -> list[Tap]:
    """The operations before which an output of the model stops being maps."""
    return [Tap(each, before=True) for each in {id(each): each for each in _ends_of_maps(model, output)}.values()]


def _ends_of_maps(model: Any, output: Any) -> Iterator[Any]:
    inputs = {id(tensor) for tensor in model.inputs}
    near, seen = [output], set(inputs)
    while near:
        tensor = near.pop()
        if id(tensor) in seen:
            continue
        seen.add(id(tensor))
        operation, node, place = tensor._keras_history
        inner = list(_ends_of_maps(operation, operation.outputs[place])) if isinstance(operation, keras.Model) else []
        yield from inner
        taken = [each for each in operation._inbound_nodes[node].input_tensors if id(each) not in inputs]
        if not inner and any(map(_is_maps, taken)):
            yield operation
        near += [each for each in taken if not _is_maps(each)]


def _named(model: Any, name: str) -> Tap:
    """After the layer of that name."""
    layers = {layer.name: layer for layer in _layers_with_maps(model)}
    if name not in layers:
        raise UnknownName(f"{model.name}: {unknown_name('layer with feature maps', name, layers)}")
    return Tap(layers[name], before=False)


def _layers_with_maps(model: Any) -> Iterator[Any]:
    for layer in model.layers:
        if isinstance(layer, keras.Model):
            yield from _layers_with_maps(layer)
        elif not isinstance(layer, keras.layers.InputLayer) and any(map(_is_maps, tree.flatten(layer.output))):
            yield layer
