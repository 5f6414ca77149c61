"""Building a registered model, with the weights asked for."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tfiqa.errors import CheckpointError, InvalidInput
from tfiqa.models import MODELS
from tfiqa.models.backbones.mlsp_taps import BODIES
from tfiqa.models.baselines.dbcnn import VGG16_MAPS, VGG16_STREAM
from tfiqa.models.baselines.nima import BODIES as NIMA_BODIES
from tfiqa.models.model_info import ModelInfo, info_of, model_spec
from tfiqa.models.resnet_classifier import BACKBONES
from tfiqa.weights.bodies import (
    check_bodies,
    copy_backbone,
    copy_body,
    copy_layers,
    have_same_backbone,
    whole_body,
)
from tfiqa.weights.imagenet import imagenet_checkpoint
from tfiqa.weights.model_file import read_model_info

if TYPE_CHECKING:
    import keras

    from tfiqa.models.quality_model import QualityModel


def build_model(name: str, weights: str | Path | None = None, **options: Any) -> QualityModel:
    """A registered model.

    Args:
        name: one of `tfiqa.list_models()`.
        weights: None for fresh weights (seeded by `keras.utils.set_random_seed`); "imagenet" for torchvision's ImageNet weights
            in the backbone, or Keras' where it is one of `keras.applications` (the head stays fresh, and of "dbcnn" the stream
            S-CNN); or the path of a `.keras` or `.weights.h5` file of the same model; to a model with a body of DeepFL-IQA's,
            or a ResNet for its `backbone`, also the `.keras` file of another such one, whose body it then has (the head stays
            fresh).
        **options: the model's options, such as `backbone="resnet18"`.

    Returns:
        A functional Keras model: image (N, H, W, 3) RGB 0..255 to a dictionary of named outputs.

    Raises UnknownName or InvalidInput for a wrong name or option, CheckpointError for weights that do not fit,
    MissingWeights when ImageNet weights are neither cached nor to be had.
    """
    entry = MODELS.get(name)
    parsed = model_spec(name).parse_options(name, options)
    if weights is not None and weights != "imagenet":
        check_weights_path(weights)
    model: Any = entry.value(parsed)
    if weights == "imagenet":
        load_imagenet(model)
    elif weights is not None:
        _load_file(model, Path(weights))
    return model


def check_weights_path(weights: str | Path) -> None:
    """Raises InvalidInput unless `weights` names an existing `.keras` or `.weights.h5` file."""
    path = Path(weights)
    if not path.name.endswith((".keras", ".weights.h5")):
        raise InvalidInput(
            f"weights are None, 'imagenet', or a .keras or .weights.h5 file. Received: {str(weights)!r}"
            " (a PyTorch checkpoint goes through `tfiqa import-weights` first)"
        )
    if not path.is_file():
        raise InvalidInput(f"weights file not found: {path}")


def ensure_weights(name: str, weights: str | Path | None, options: Mapping[str, Any]) -> None:
    """Makes sure that `build_model` with the same arguments will find its weights; fetches ImageNet ones that are not cached.

    Raises as `build_model` does. For long programs that want to know before they begin.
    """
    if weights == "imagenet":
        imagenet_checkpoint(_backbone(info_of(name, model_spec(name).parse_options(name, options))))
    elif weights is not None:
        check_weights_path(weights)
        if Path(weights).suffix == ".keras":
            source, target = (
                read_model_info(Path(weights)),
                info_of(name, model_spec(name).parse_options(name, options)),
            )
            if source.model != name and "body" in source.options and "body" in target.options:
                check_bodies(source, target)


def load_imagenet(model: QualityModel) -> None:
    """Puts torchvision's or Keras' ImageNet weights into a model's backbone; a classifier gets its head too."""
    import keras

    from tfiqa.weights.state_dict import assign_state_dict
    from tfiqa.weights.torch_checkpoint import state_dict

    path = imagenet_checkpoint(_backbone(model.info))
    if "body" in model.info.options:
        _load_body(model, path)
        return
    state = state_dict(path)
    if model.name == "dbcnn":
        stream = keras.Model(model.inputs, model.get_layer(VGG16_MAPS).output, name="vgg16")
        assign_state_dict(
            stream, state, rename={"features": VGG16_STREAM}, ignore=(r"classifier\..*",), source=str(path)
        )
    elif model.name in BACKBONES:
        assign_state_dict(model, state, source=str(path))
    else:
        branches = [layer.output for layer in model.layers if layer.name.endswith("features")]
        image = next(tensor for tensor in model.inputs if tensor.name == "image")
        body = keras.Model(image, branches)
        assign_state_dict(
            body, {**state, **_second_branch(body, state)}, ignore=(r"(semantic\.)?fc\..*",), source=str(path)
        )


def _load_body(model: QualityModel, path: Path) -> None:
    from tfiqa.weights.keras_hdf5 import assign_layers, read_layers
    from tfiqa.weights.state_dict import assign_state_dict
    from tfiqa.weights.torch_checkpoint import state_dict

    body = whole_body(model)
    if path.suffix == ".h5":
        assign_layers(body, read_layers(path), source=str(path))
    else:
        assign_state_dict(body, state_dict(path), ignore=(r"fc\..*",), source=str(path))
    copy_layers(body, model)


def _second_branch(body: keras.Model, state: Mapping[str, Any]) -> dict[str, Any]:
    """The tensors of the layers that a model with two branches has twice, under the second one's names."""
    names = {layer.name for layer in body.layers}
    return {
        f"semantic.{key}": value
        for key, value in state.items()
        if f"semantic_{key.rpartition('.')[0].replace('.', '_')}" in names
    }


def read_model(path: str | Path) -> QualityModel:
    """The model of a `.keras` file that tfiqa wrote, uncompiled. Raises CheckpointError for anything else."""
    import keras

    import tfiqa.models.layers  # noqa: F401  (registers them)
    from tfiqa.models.quality_model import QualityModel

    path = Path(path)
    if not path.is_file():
        raise CheckpointError(f"model file not found: {path}")
    try:
        model = keras.models.load_model(path, compile=False)
    except (
        Exception
    ) as error:  # Keras raises whatever its reader met: OSError, ValueError, KeyError, TypeError, BadZipFile
        raise CheckpointError(f"{path} cannot be read as a Keras model: {_first_line(error)}") from error
    if not isinstance(model, QualityModel):
        raise CheckpointError(f"{path} is a Keras model, but not one that tfiqa built")
    return model


def _backbone(info: ModelInfo) -> str:
    if info.model == "dbcnn":
        return "vgg16"
    backbone = info.model if info.model in BACKBONES else info.options.get("backbone", info.options.get("body"))
    if backbone not in (*BACKBONES, *BODIES, *NIMA_BODIES):
        raise InvalidInput(f"there are no ImageNet weights for {info.model}; it takes weights=None or a file")
    return str(backbone)


def _load_file(model: QualityModel, path: Path) -> None:
    if path.suffix == ".keras":
        source = read_model(path)
        if source.name != model.name and "body" in source.info.options and "body" in model.info.options:
            copy_body(source, model)
            return
        if source.name != model.name and have_same_backbone(source.info, model.info):
            copy_backbone(source, model)
            return
        if source.name != model.name:
            raise CheckpointError(f"{path} holds {source.name}, not {model.name}")
        shapes = [tuple(w.shape) for w in source.weights], [tuple(w.shape) for w in model.weights]
        if shapes[0] != shapes[1]:
            raise CheckpointError(f"{path} was built with other options: {dict(source.info.options)}")
        model.set_weights(source.get_weights())
        return
    try:
        model.load_weights(path)
    except Exception as error:  # as above
        raise CheckpointError(f"{path} does not fit {model.name}: {_first_line(error)}") from error


def _first_line(error: Exception) -> str:
    return (str(error).strip() or type(error).__name__).splitlines()[0][:200]
