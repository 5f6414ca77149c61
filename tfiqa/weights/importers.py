"""The authors' released checkpoints as Keras models."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from numpy.typing import NDArray

from tfiqa.models.baselines.dbcnn import SCNN_STREAM
from tfiqa.registry import Registry
from tfiqa.weights.bodies import whole_body
from tfiqa.weights.build import build_model
from tfiqa.weights.keras_hdf5 import assign_layers, read_layers
from tfiqa.weights.state_dict import assign_state_dict
from tfiqa.weights.torch_checkpoint import state_dict

if TYPE_CHECKING:
    from tfiqa.models.quality_model import QualityModel


@dataclass(frozen=True)
class CheckpointLayout:
    """Where a model's tensors are in the authors' PyTorch file.

    Args:
        released_as: the file that the authors published, for people to recognise.
        rename, ignore, keep: see `assign_state_dict`.
        options: the model's options, from the tensors.
    """

    released_as: str
    rename: Mapping[str, str] = field(default_factory=dict)
    ignore: tuple[str, ...] = ()
    keep: tuple[str, ...] = ()
    options: Callable[[Mapping[str, NDArray[Any]]], dict[str, Any]] = lambda state: {}


@dataclass(frozen=True)
class KerasBody:
    """A weights file of Keras 2 that holds a model's body alone, its layers in order and under any names.

    Args:
        released_as: as in `CheckpointLayout`.
    """

    released_as: str


LAYOUTS: Registry[CheckpointLayout | KerasBody] = Registry("checkpoint source")
LAYOUTS.register("spaq_bl")(CheckpointLayout("BL_release.pt", {"backbone": ""}))
LAYOUTS.register("spaq_mt_a")(CheckpointLayout("MT-A_release.pt", {"backbone": ""}))
LAYOUTS.register("spaq_mt_e")(CheckpointLayout("MT-E_release.pt", {"backbone": "", "exifCNN": "exif_offset"}))
LAYOUTS.register("spaq_mt_s")(
    CheckpointLayout(
        "MT-S_release.pt",
        {"backbone_quality": "", "backbone_semantic": "semantic"},
        ignore=(r"backbone_semantic\.(conv1|bn1|layer[123])\..*",),  # the file holds a second trunk that nothing uses
        keep=("task_uncertainty",),
    )
)
LAYOUTS.register("unique")(
    CheckpointLayout("model.pt", {"backbone": ""}, ignore=(r"backbone\.fc\..*",))  # classes, which nothing uses
)
LAYOUTS.register("dbcnn")(
    CheckpointLayout(
        "net_params_best.pkl",  # not released; what the authors' PyTorch code writes
        options=lambda state: {"batch_norm": f"{SCNN_STREAM}.1.running_mean" in state},
    )
)
# fastai keeps the children of torchvision's ResNet, its classifier left out, in a sequence.
_SEQUENCE = {"body.0": "conv1", "body.1": "bn1", **{f"body.{3 + stage}": f"layer{stage}" for stage in (1, 2, 3, 4)}}
LAYOUTS.register("paq2piq_baseline")(CheckpointLayout("P2P-BM.pth", _SEQUENCE))
LAYOUTS.register("paq2piq_roipool")(CheckpointLayout("RoIPoolModel-fit.10.bs.120.pth or P2P-RM.pth", _SEQUENCE))
LAYOUTS.register("paq2piq_feedback")(CheckpointLayout("P2P-FM.pth", _SEQUENCE))
LAYOUTS.register("resnet18")(CheckpointLayout("resnet18-f37072fd.pth or resnet18-5c106cde.pth"))
LAYOUTS.register("resnet34")(CheckpointLayout("resnet34-b627a593.pth or resnet34-333f7ec4.pth"))
LAYOUTS.register("resnet50")(CheckpointLayout("resnet50-0676ba61.pth or resnet50-19c8e357.pth"))
LAYOUTS.register("deepfl_mtl")(KerasBody("quality-mlsp-mtl-mse-loss.hdf5"))


def import_weights(source: str, checkpoint: str | Path) -> QualityModel:
    """The model of that name with the weights of a released checkpoint, read without executing anything from the file.

    Args:
        source: one of `tfiqa.weights.importers.LAYOUTS.names()`, such as "spaq_bl".
        checkpoint: the released file, or one saved in its layout: of PyTorch in its zip or older serialisation; for "deepfl_mtl"
            the HDF5 weights that Keras 2 saved of an InceptionResNetV2 without its top (the heads stay fresh). A "dbcnn" gets
            batch normalisation in S-CNN where the file has it.

    Raises UnknownName for the source, CheckpointError for a file that cannot be read or does not fit.
    """
    layout = LAYOUTS.get(source).value
    if isinstance(layout, KerasBody):
        saved = read_layers(checkpoint)
        model = build_model(source)
        assign_layers(whole_body(model), saved, source=str(checkpoint))
        return model
    state = state_dict(checkpoint)
    model = build_model(source, **layout.options(state))
    assign_state_dict(
        model, state, rename=layout.rename, ignore=layout.ignore, keep=layout.keep, source=str(checkpoint)
    )
    return model
