"""A model's outputs for one picture: what is averaged over its patches, and the named numbers and labels of a row."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from tfiqa.models.model_info import ModelInfo

BOX_OUTPUTS = ("box_quality",)  # of boxes in a picture; of another number for each request


def picture_outputs(outputs: Mapping[str, Any]) -> dict[str, Any]:
    """A model's outputs but those of boxes."""
    return {name: values for name, values in outputs.items() if name not in BOX_OUTPUTS}


def patch_outputs(outputs: Mapping[str, Any]) -> dict[str, Any]:
    """What is averaged over a picture's patches: `picture_outputs`, but of `scene_logits` (N, C) the votes.

    Returns:
        `scene_votes` (N, C), one for a patch's top class and zero for others, and `scene_probabilities` (N, C), the
        softmax, in place of `scene_logits`; the other outputs as they are. SPAQ decides the scene by majority of the
        patches' top classes (Fang et al., CVPR 2020, section 5.5).
    """
    outputs = picture_outputs(outputs)
    if "scene_logits" not in outputs:
        return outputs
    from keras import ops

    logits = outputs["scene_logits"]
    return {
        **{name: values for name, values in outputs.items() if name != "scene_logits"},
        "scene_probabilities": ops.softmax(logits),
        "scene_votes": ops.one_hot(ops.argmax(logits, axis=-1), logits.shape[-1], dtype="float32"),
    }


def output_widths(model: Any) -> dict[str, int]:
    """How many numbers each of `patch_outputs` has for one patch."""
    widths = {name: int(output.shape[-1]) for name, output in picture_outputs(model.output).items()}
    scenes = widths.pop("scene_logits", None)
    return widths if scenes is None else {**widths, "scene_probabilities": scenes, "scene_votes": scenes}


def label_names(info: ModelInfo) -> tuple[str, ...]:
    """The names of a score row's labels: `scene` for models that tell it, `rating` for those whose scale has words."""
    scene = ("scene",) if "scene_votes" in info.columns else ()
    return (*scene, "rating") if info.scale is not None and info.scale.words else scene


def labels(outputs: Mapping[str, np.ndarray], info: ModelInfo) -> dict[str, str]:
    """The label of each of `label_names`: the scene with most votes, and of equal ones the more probable; the word for the
    quality."""
    found = {}
    if "scene_votes" in info.columns:
        order = np.lexsort((np.ravel(outputs["scene_probabilities"]), np.ravel(outputs["scene_votes"])))
        found["scene"] = info.columns["scene_votes"][order[-1]].removeprefix("votes_")
    if info.scale is not None and info.scale.words:
        found["rating"] = info.scale.word(float(np.ravel(outputs["quality"])[0]))
    return found


def column_names(info: ModelInfo) -> tuple[str, ...]:
    """The names of a score row's numbers, in order."""
    return tuple(name for columns in info.columns.values() for name in columns)


def flat_outputs(outputs: Mapping[str, np.ndarray], info: ModelInfo) -> dict[str, float]:
    """One entry a number, under the names of `column_names`.

    Args:
        outputs: for each output of the model an array (columns,).
        info: says which outputs a row shows, and under which names.
    """
    pairs = (
        pair for name, columns in info.columns.items() for pair in zip(columns, np.ravel(outputs[name]), strict=True)
    )
    return {name: float(value) for name, value in pairs}
