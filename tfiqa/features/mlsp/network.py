"""The part of a model that ends at its MLSP features, as a function of pictures."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tfiqa.errors import InvalidInput


class MlspNetwork:
    """Pictures to MLSP features.

    Args:
        model: a `deepfl_mtl` or `deepfl`, or any tfiqa model with a layer `mlsp`.
        precision: "float32", or "bfloat16" between the layers of the body, with the same weights; the means over the picture
            are float32. Where the processor has no bfloat16 arithmetic, TensorFlow emulates it slowly.

    Attributes:
        features: how many there are, such as 16,928 for InceptionResNetV2.

    Raises:
        InvalidInput: the model has no such layer.
    """

    def __init__(self, model: Any, precision: str = "float32") -> None:
        import keras
        import tensorflow as tf

        from tfiqa.features.mlsp.inference_model import inference_model
        from tfiqa.pipelines.strips import for_all_sizes

        if "mlsp" not in {layer.name for layer in model.layers}:
            raise InvalidInput(f"{model.name} has no MLSP features; take a deepfl_mtl or a deepfl")
        body = inference_model(keras.Model(model.inputs[0], model.get_layer("mlsp").output), precision)
        self.features: int = body.output.shape[-1]

        def network(pictures: tf.Tensor) -> tf.Tensor:
            return body(tf.cast(pictures, tf.float32), training=False)

        self._network = for_all_sizes(network, body, tf.TensorSpec((None, None, None, 3), tf.uint8))

    @classmethod
    def load(cls, path: str | Path, precision: str = "float32") -> MlspNetwork:
        """That of a `.keras` file. Raises CheckpointError, or InvalidInput as above."""
        from tfiqa.weights.build import read_model

        return cls(read_model(path), precision)

    def __call__(self, pictures: NDArray[np.uint8]) -> NDArray[np.float32]:
        """The features (N, features) of pictures (N, H, W, 3), RGB 0..255.

        Memory grows with the pixels, from what the weights take: tools/benchmark_extraction.py --megapixels tells how fast.
        """
        return self._network(pictures).numpy()
