"""Any model of quality with its uncertainty beside: UNIQUE's strategy is not tied to a network."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from tfiqa.errors import InvalidInput

if TYPE_CHECKING:
    from tfiqa.models.quality_model import QualityModel

OUTPUTS = ("quality", "uncertainty")
HEAD = "uncertainty_fc"  # the layer that `with_uncertainty` adds


def with_uncertainty(model: QualityModel) -> QualityModel:
    """The model with the outputs `quality` (N, 1) and `uncertainty` (N, 1), a standard deviation above 0, and no others.

    A model that has both is given back with these two. Any other gets a dense layer to one number, softplus after it, on the
    features that its quality is a linear function of, as section III-C of UNIQUE has both numbers of one layer (Zhang et
    al., TIP 2021). Layers and weights are shared with `model`.

    Raises InvalidInput for a model without quality, or without such features.
    """
    from keras import layers

    from tfiqa.models.quality_model import quality_model

    if "quality" not in model.output:
        raise InvalidInput(f"{model.name} tells no quality, so there is none to be uncertain of")
    outputs = {name: model.output[name] for name in OUTPUTS if name in model.output}
    if "uncertainty" not in outputs:
        deviation = layers.Dense(1, kernel_initializer="he_normal", dtype="float32", name=HEAD)
        raw = deviation(_features(model, outputs["quality"]))
        if len(raw.shape) == 3:  # of boxes (N, R, 1), of which the first is the picture
            raw = raw[:, 0]
        outputs["uncertainty"] = layers.Activation("softplus", dtype="float32", name="uncertainty")(raw)
    info = replace(model.info, columns={name: (name,) for name in OUTPUTS})
    return quality_model(model.input, outputs, info)


def _features(model: QualityModel, quality: Any) -> Any:
    """What the last dense layer before the quality takes; of several ones equally near, the first."""
    from keras import layers, tree

    makers = {id(tensor): operation for operation in model.operations for tensor in tree.flatten(operation.output)}
    near = [quality]
    while near:
        operations = [makers[id(tensor)] for tensor in near if id(tensor) in makers]
        for operation in operations:
            if isinstance(operation, layers.Dense):
                return operation.input
        near = [tensor for operation in operations for tensor in tree.flatten(operation.input)]
        near = [tensor for tensor in near if not any(tensor is image for image in model.inputs)]
    raise InvalidInput(f"{model.name} has no dense layer before its quality, so nothing to learn its uncertainty from")
