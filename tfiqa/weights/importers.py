"""The authors' released PyTorch checkpoints as Keras models."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from tfiqa.registry import Registry
from tfiqa.weights.build import build_model
from tfiqa.weights.state_dict import assign_state_dict
from tfiqa.weights.torch_checkpoint import state_dict

if TYPE_CHECKING:
    from tfiqa.models.quality_model import QualityModel


@dataclass(frozen=True)
class CheckpointLayout:
    """Where a model's tensors are in the authors' file.

    Args:
        prefix: what all used keys start with.
        released_as: the file that the authors published, for people to recognise.
    """

    prefix: str
    released_as: str


LAYOUTS: Registry[CheckpointLayout] = Registry("checkpoint source")
LAYOUTS.register("spaq_bl")(CheckpointLayout("backbone.", "BL_release.pt"))
LAYOUTS.register("spaq_mt_a")(CheckpointLayout("backbone.", "MT-A_release.pt"))
LAYOUTS.register("resnet18")(CheckpointLayout("", "resnet18-f37072fd.pth or resnet18-5c106cde.pth"))
LAYOUTS.register("resnet34")(CheckpointLayout("", "resnet34-b627a593.pth or resnet34-333f7ec4.pth"))
LAYOUTS.register("resnet50")(CheckpointLayout("", "resnet50-0676ba61.pth or resnet50-19c8e357.pth"))


def import_weights(source: str, checkpoint: str | Path) -> QualityModel:
    """The model of that name with the weights of a PyTorch checkpoint, read without executing anything from the file.

    Args:
        source: one of `tfiqa.weights.importers.LAYOUTS.names()`, such as "spaq_bl".
        checkpoint: the released file (or one saved in its layout), in torch's zip or older serialisation.

    Raises UnknownName for the source, CheckpointError for a file that cannot be read or does not fit.
    """
    layout = LAYOUTS.get(source).value
    state = state_dict(checkpoint)
    model = build_model(source)
    assign_state_dict(model, state, prefix=layout.prefix, source=str(checkpoint))
    return model
