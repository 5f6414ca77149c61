"""Which number of a model's outputs is explained."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tfiqa.errors import UnknownName
from tfiqa.models.outputs import picture_outputs
from tfiqa.registry import unknown_name

if TYPE_CHECKING:
    from tfiqa.models.quality_model import QualityModel

# A probability also rises when the other classes fall: Simonyan et al. 2014, section 2, therefore take the score before softmax.
BEFORE_SOFTMAX = {"scene_probabilities": "scene_logits"}


@dataclass(frozen=True)
class Target:
    """One column of one output of a model.

    Args:
        name: as the user gave it.
        output: key of the model's outputs.
        column: its place among the output's columns, from 0.
    """

    name: str
    output: str
    column: int

    def of(self, outputs: Any) -> Any:
        """The column (N,) of a model's outputs, each (N, columns)."""
        return outputs[self.output][:, self.column]


def find_target(model: QualityModel, name: str = "quality") -> Target:
    """The target of that name.

    Args:
        model: with named outputs.
        name: a column of `tfiqa score`, such as "quality", "sharpness" or "scene_animal" (of the latter the logit), or any
            output and a column's number from 0, such as "logits.281".

    Raises UnknownName, with near names, for any other, and for numbers that have no gradient (votes).
    """
    targets = _columns(model)
    output, _, number = name.rpartition(".")
    widths = {key: int(each.shape[-1]) for key, each in picture_outputs(model.output).items()}
    if output in widths and number.isdecimal() and int(number) < widths[output]:
        return Target(name, output, int(number))
    if name not in targets:
        numbered = [key if width == 1 else f"{key}.0 to {key}.{width - 1}" for key, width in widths.items()]
        raise UnknownName(f"{model.name}: {unknown_name('target', name, targets or numbered)}")
    return targets[name]


def _columns(model: QualityModel) -> dict[str, Target]:
    """The targets by the names of score columns."""
    found = {}
    for key, columns in model.info.columns.items():
        output = BEFORE_SOFTMAX.get(key, key)
        if output in model.output:
            found.update({name: Target(name, output, place) for place, name in enumerate(columns)})
    return found
