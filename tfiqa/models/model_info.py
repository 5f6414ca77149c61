"""What tfiqa knows of a model besides its graph: how it is registered, and what a saved model says of itself."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import asdict, dataclass, fields, replace
from typing import TYPE_CHECKING, Any

from tfiqa.errors import InvalidInput
from tfiqa.images.protocol import PictureProtocol
from tfiqa.registry import Registry, unknown_name
from tfiqa.score_scale import ScoreScale

if TYPE_CHECKING:
    import keras


@dataclass(frozen=True)
class ModelSpec:
    """How a registered model is trained and used.

    Args:
        paper: authors, title, venue, year.
        scale: the scale of `quality` when trained as in the paper; None for a model that scores nothing.
        protocol: how a whole picture becomes the network's input (resize rule, patches).
        options: frozen dataclass of the builder's options; its defaults are the paper's model.
        targets: for each output with a training target, the manifest columns that hold it, in order.
        columns: for each output that a score row shows, the names of its columns, in order.
        head: names of the layers that train while the backbone is frozen.
        exif: whether the model has the input `exif` (N, 8) beside `image`; see `images.exif_encoding`.
        boxes: for a model with the inputs `boxes` and `picture_box`, how many boxes it must be given, if any; None for a model
            without them.
        outputs: for a model whose options choose among its outputs, the function from options to the chosen ones.
        trained: where the options choose among the targets too, the function from options to the outputs that have one.
        protocols: where the options decide how a picture becomes the input, the function from options to that.
    """

    paper: str
    scale: ScoreScale | None
    protocol: PictureProtocol
    options: type
    targets: Mapping[str, tuple[str, ...]]
    columns: Mapping[str, tuple[str, ...]]
    head: tuple[str, ...]
    exif: bool = False
    boxes: int | None = None
    outputs: Callable[[Any], Collection[str]] | None = None
    trained: Callable[[Any], Collection[str]] | None = None
    protocols: Callable[[Any], PictureProtocol] | None = None

    def parse_options(self, model: str, options: Mapping[str, Any]) -> Any:
        """The options dataclass of this model. Raises InvalidInput for an unknown option, naming the nearest."""
        known = [f.name for f in fields(self.options)]
        for key in options:
            if key not in known:
                raise InvalidInput(f"model {model}: " + unknown_name("option", key, known))
        return self.options(**options)

    def with_options(self, options: Any) -> ModelSpec:
        """The specification with the protocol, the targets and the columns that an options dataclass chooses."""
        spec = self if self.protocols is None else replace(self, protocol=self.protocols(options))
        if self.outputs is None:
            return spec
        chosen = self.outputs(options)
        trained = self.trained(options) if self.trained else chosen
        return replace(
            spec,
            targets={name: self.targets[name] for name in trained if name in self.targets},
            columns={name: self.columns[name] for name in chosen},
        )


Builder = Callable[[Any], "keras.Model"]

MODELS: Registry[Builder] = Registry("model")


def model_spec(name: str) -> ModelSpec:
    """The specification of a registered model. Raises UnknownName, with near names."""
    spec: ModelSpec = MODELS.get(name).metadata["spec"]
    return spec


@dataclass(frozen=True)
class ModelInfo:
    """What a built model carries along, into `.keras` files and SavedModels.

    Args:
        model: registered name.
        options: the builder's options, as a plain dictionary.
        protocol: how a whole picture becomes the network's input.
        scale: the scale of `quality` (of the data it was trained on); None for a model that scores nothing.
        columns: for each output that a score row shows, the names of its columns, in order.
        scenes: the centroids (K, 37) of the types of scenes that it was trained to tell, where clustering gave them
            (`features.scenes.clusters.SceneTypes`).
    """

    model: str
    options: Mapping[str, Any]
    protocol: PictureProtocol
    scale: ScoreScale | None
    columns: Mapping[str, tuple[str, ...]]
    scenes: Sequence[Sequence[float]] | None = None

    def to_dict(self) -> dict[str, Any]:
        """A JSON-ready dictionary that `from_dict` takes back."""
        return {
            "model": self.model,
            "options": {name: list(v) if isinstance(v, tuple) else v for name, v in self.options.items()},
            "protocol": self.protocol.to_dict(),
            "scale": self.scale.to_dict() if self.scale else None,
            "columns": {name: list(columns) for name, columns in self.columns.items()},
            "scenes": self.scenes,
        }

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> ModelInfo:
        """The information that `to_dict` wrote."""
        return cls(
            model=values["model"],
            options={name: tuple(v) if isinstance(v, list) else v for name, v in values["options"].items()},
            protocol=PictureProtocol.from_dict(values["protocol"]),
            scale=ScoreScale.from_dict(values["scale"]) if values["scale"] else None,
            columns={name: tuple(columns) for name, columns in values["columns"].items()},
            scenes=values.get("scenes"),  # absent in files from before there were any
        )


def info_of(name: str, options: Any) -> ModelInfo:
    """The information of a registered model as the paper has it, with the given options dataclass."""
    spec = model_spec(name).with_options(options)
    return ModelInfo(name, asdict(options), spec.protocol, spec.scale, spec.columns)
