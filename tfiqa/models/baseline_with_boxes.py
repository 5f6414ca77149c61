"""Boxes scored with the weights of PaQ-2-PiQ's baseline."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tfiqa.models.quality_model import QualityModel

HEAD = tuple(f"head_{place}" for place in range(2, 9))  # the baseline's layers after its pooling, in order


def baseline_with_boxes(baseline: QualityModel) -> QualityModel:
    """A `paq2piq_baseline` that also scores boxes: inputs and outputs as of `paq2piq_roipool`, MOS 0..100.

    `quality` is the baseline's own. `box_quality` is what the RoIPool model says with the baseline's weights: the two models
    differ in nothing but the pooling (Z. Ying et al., "From Patches to Pictures (PaQ-2-PiQ)", CVPR 2020, sections 5.1 and 5.2; in
    the authors' code their weights have the same names). The body is shared with `baseline`, the head is a copy.
    """
    import keras
    from keras import layers

    from tfiqa.models.layers import ConcatPooling, PictureBoxes, RoIPooling
    from tfiqa.models.quality_model import quality_model

    image, maps = baseline.input, baseline.get_layer("features").output
    boxes = keras.Input((None, 4), name="boxes", optional=True)
    picture_box = keras.Input((4,), name="picture_box", optional=True)
    bins = RoIPooling(dtype="float32", name="roi_pool")(maps, PictureBoxes(name="all_boxes")(image, boxes, picture_box))
    pooled = ConcatPooling(dtype="float32", name="box_pool")(bins)
    whole = ConcatPooling(dtype="float32", name="concat_pool")(maps)
    whole = layers.Reshape((1, whole.shape[-1]), dtype="float32", name="whole")(whole)
    scores = layers.Concatenate(axis=1, dtype="float32", name="whole_and_boxes")([whole, pooled[:, 1:]])
    for name in HEAD:
        original = baseline.get_layer(name)
        layer = type(original).from_config(original.get_config())
        scores = layer(scores)
        layer.set_weights(original.get_weights())
    inputs = {"image": image, "boxes": boxes, "picture_box": picture_box}
    return quality_model(inputs, {"quality": scores[:, 0], "box_quality": scores[:, 1:, 0]}, baseline.info)
