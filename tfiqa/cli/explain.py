"""`tfiqa explain`."""

from __future__ import annotations

import csv
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from tfiqa.cli.figures import is_one_figure, pictures_to_draw
from tfiqa.cli.output import SOME_FAILED, say, say_some

if TYPE_CHECKING:
    from tfiqa.models.quality_model import QualityModel

ALL = "all"
TABLE = "explained.csv"
COLUMNS = ("image", "target", "value", "width", "height", "figure", "error")
Explain = Callable[[Path], tuple[bytes, dict[str, Any]]]  # of a picture: the figure, what the table has of it


@click.command()
@click.argument("pictures", nargs=-1, required=True, metavar="PATH...")
@click.option("--model", required=True, type=click.Path(path_type=Path), help="A run or a .keras file.")
@click.option(
    "--output", required=True, type=click.Path(path_type=Path), help="NAME.png for one picture, else a folder."
)
@click.option(
    "--method",
    "methods",
    multiple=True,
    type=click.Choice(["grad-cam", "saliency", "smoothgrad", ALL]),
    default=("grad-cam", "saliency"),
    show_default=True,
    help="May be repeated.",
)
@click.option(
    "--target",
    default="quality",
    show_default=True,
    help="What is explained: a column of `tfiqa score`, or OUTPUT.NUMBER, such as logits.281.",
)
@click.option("--layer", help="Whose maps Grad-CAM takes; by default the last ones.")
@click.option(
    "--sign",
    type=click.Choice(["both", "raises", "lowers"]),
    default="both",
    show_default=True,
    help="What of Grad-CAM is shown; 'raises' is the paper's.",
)
@click.option("--samples", type=click.IntRange(min=1), default=20, show_default=True, help="Of SmoothGrad.")
@click.option(
    "--noise", type=click.FloatRange(min=0), default=0.15, show_default=True, help="Of SmoothGrad, share of the range."
)
@click.option("--seed", type=click.IntRange(min=0), default=0, show_default=True, help="Of SmoothGrad's noise.")
@click.option(
    "--longest-side",
    type=click.IntRange(min=1),
    default=1024,
    show_default=True,
    help="Pixels; larger pictures are shrunk to it, which bounds the memory.",
)
@click.option(
    "--patches/--whole",
    default=None,
    help="Patch by patch, as `tfiqa score` of such a model, or the picture at once. By default only small patches.",
)
@click.option(
    "--package",
    type=click.Choice(["auto", "tf-keras-vis", "tfiqa"]),
    default="auto",
    show_default=True,
    help="What computes gradients; 'auto' is tf-keras-vis where it is installed and takes the model. The numbers are equal.",
)
@click.option(
    "--max-pixels", type=click.IntRange(min=1), help="Larger pictures are refused; by default over 200 million."
)
@click.pass_context
def explain(
    context: click.Context,
    pictures: tuple[str, ...],
    model: Path,
    output: Path,
    methods: tuple[str, ...],
    max_pixels: int | None,
    **settings: Any,
) -> None:
    """Show where in pictures a model's score comes from.

    PATHs are files, folders (searched) and patterns. One picture and --output NAME.png give a figure: the picture, what each
    method tells of it, and for a model that scores boxes its quality map. Otherwise --output is a new folder with the figures
    and a row a picture in explained.csv.

    Grad-CAM: what each place contributes to the score, in its units. Saliency and SmoothGrad: how much the score answers to a
    change of a pixel by one grey level, up or down.

    Exit status 3 when some pictures failed; explained.csv then has their errors.
    """
    from tfiqa.errors import PictureError
    from tfiqa.files import numbered_stem, whole_file, whole_folder

    files = pictures_to_draw(pictures, output)

    from tfiqa.cli.progress import picture_progress
    from tfiqa.cli.tensorflow_start import load_tensorflow

    load_tensorflow()
    explained = _explainer(model, methods, {} if max_pixels is None else {"max_pixels": max_pixels}, **settings)
    if is_one_figure(output):
        figure, row = explained(files[0])
        with whole_file(output) as temporary:
            temporary.write_bytes(figure)
        say(f"{output}: {row['target']} {row['value']:.4g} at {row['width']}x{row['height']}")
        return
    errors: list[str] = []
    progress = picture_progress("explaining")
    with (
        whole_folder(output) as folder,
        open(folder / TABLE, "w", encoding="utf-8", errors="surrogateescape", newline="") as stream,
    ):
        table = csv.DictWriter(stream, COLUMNS, lineterminator="\n")
        table.writeheader()
        for number, path in enumerate(files, start=1):
            try:
                figure, row = explained(path)
                name = f"{numbered_stem(path, number, len(files))}.png"
                (folder / name).write_bytes(figure)
                table.writerow({"image": path, **row, "figure": name})
            except PictureError as error:
                errors.append(str(error))
                table.writerow({"image": path, "error": error})
            progress(number, len(files))
    say_some("not explained", errors)
    say(f"{output / TABLE}: {len(files) - len(errors)} of {len(files)} pictures")
    if errors:
        context.exit(SOME_FAILED)


def _explainer(
    source: Path,
    methods: Sequence[str],
    limit: dict[str, Any],
    *,
    target: str,
    layer: str | None,
    sign: str,
    longest_side: int,
    patches: bool | None,
    package: str,
    **smoothing: Any,
) -> Explain:
    """A function that explains a picture; tells about the model on standard error."""
    from tfiqa.errors import InvalidInput, UnsupportedPicture
    from tfiqa.explain.attribution import METHODS, Explainer
    from tfiqa.explain.panels import draw_explanation
    from tfiqa.explain.quality_map import QualityMapper, with_boxes
    from tfiqa.images.decode import decode_picture
    from tfiqa.images.exif_encoding import normalise_exif
    from tfiqa.pipelines.scoring import own_exif, takes_exif

    model = _model(source)
    explainer = Explainer(model, target, layer=layer, longest_side=longest_side, patches=patches, package=package)
    chosen = METHODS if ALL in methods else tuple(method for method in METHODS if method in methods)
    mapper = QualityMapper(model) if target == "quality" and with_boxes(model) else None
    for method in chosen:
        say(f"{method}: gradients by {explainer.package(method)}")
    if "grad-cam" in chosen:
        say(f"grad-cam: maps of {_some([layer.name for layer in explainer.split.makers])}")
    if model.info.protocol.patch_size is not None and explainer.protocol.patch_size is None:
        say(f"{target} is that of pictures taken whole; `tfiqa score` averages patches (--patches)")

    def explained(path: Path) -> tuple[bytes, dict[str, Any]]:
        picture = decode_picture(path, **limit)
        exif = own_exif(path) if takes_exif(model) else None
        numbers = None if exif is None else normalise_exif(exif)
        try:
            seen = explainer.prepared(picture)
            value = explainer.score(seen, numbers)
            values = {method: explainer.explain(seen, method, exif=numbers, **smoothing) for method in chosen}
            quality_map = None if mapper is None else mapper.map(picture)
        except InvalidInput as error:
            raise UnsupportedPicture(str(path), str(error)) from error
        figure = draw_explanation(seen, f"{target} {value:.4g}", values, sign, quality_map)
        return figure, {"target": target, "value": value, "width": seen.shape[1], "height": seen.shape[0]}

    return explained


def _model(source: Path) -> QualityModel:
    from tfiqa.errors import InvalidInput
    from tfiqa.serving.scorer import find_model
    from tfiqa.weights.build import read_model

    path = find_model(source)
    if path.is_dir():
        raise InvalidInput(f"{path} is an exported model, which has no gradients; give the run or the .keras file")
    return read_model(path)


def _some(names: Sequence[str]) -> str:
    return " and ".join(names) if len(names) < 3 else f"{len(names)} layers, {names[0]} to {names[-1]}"
