"""`tfiqa export`."""

from __future__ import annotations

from pathlib import Path

import click
from click.core import ParameterSource


def _batch_sizes(context: click.Context, parameter: click.Parameter, text: str) -> tuple[int, ...]:
    if text == "none":
        return ()
    sizes = text.split(",")
    if not all(size.strip().isdecimal() and int(size) > 0 for size in sizes):
        raise click.BadParameter(f"numbers of pictures from 1, such as 1,2,4,8, or none. Received: {text}")
    return tuple(map(int, sizes))


@click.command()
@click.argument("model", type=click.Path(path_type=Path))
@click.option(
    "--output",
    required=True,
    type=click.Path(path_type=Path),
    help="Base folder, as saved_models/NAME; with litert the file, which ends in .tflite.",
)
@click.option("--version", "number", type=click.IntRange(min=1), help="By default one above the highest present.")
@click.option(
    "--format",
    "form",
    type=click.Choice(["saved-model", "litert"]),
    default="saved-model",
    show_default=True,
    help="A SavedModel, or a LiteRT (TensorFlow Lite) file: patches in, their quality out.",
)
@click.option("--quantize", type=click.Choice(["int8"]), help="LiteRT with int8 layers; needs --representative.")
@click.option(
    "--representative",
    type=click.Path(path_type=Path),
    help="Manifest or folder of pictures like those to be scored, 100 or more: they set the ranges of int8.",
)
@click.option(
    "--warmup",
    "warm_up",
    default="1,2,4,8",
    show_default=True,
    callback=_batch_sizes,
    help="How many made-up pictures, up to 8, the requests hold that a server runs before it serves; none for no requests.",
)
@click.pass_context
def export(
    context: click.Context,
    model: Path,
    output: Path,
    number: int | None,
    form: str,
    quantize: str | None,
    representative: Path | None,
    warm_up: tuple[int, ...],
) -> None:
    """Write MODEL (a run or a .keras file) as a SavedModel in TF Serving's layout: encoded pictures in, quality out.

    Beside the versions it writes models.config, batching.config, monitoring.config, docker-compose.yaml and kubernetes.yaml;
    those that you have edited stay as they are.

    With --format litert one file for phones and small services instead, of a model that scores patches: dcnns, cnniqa, spaq_*.
    """
    if form == "litert" and number is not None:
        raise click.UsageError("--version is for --format saved-model; a .tflite file has no versions")
    if form != "litert" and (quantize or representative):
        raise click.UsageError("--quantize and --representative are for --format litert")
    if form == "litert" and context.get_parameter_source("warm_up") != ParameterSource.DEFAULT:
        raise click.UsageError("--warmup is for --format saved-model; a .tflite file has no requests")
    if (quantize is None) != (representative is None):
        raise click.UsageError("--quantize int8 and --representative go together")
    pictures = None
    if representative is not None:
        from tfiqa.databases.picture_statistics import read_collection

        pictures = read_collection([str(representative)]).picture_paths()

    from tfiqa.cli.tensorflow_start import load_tensorflow

    load_tensorflow()

    from tfiqa.serving.litert_export import export_litert
    from tfiqa.serving.package import export_model
    from tfiqa.serving.scorer import find_model
    from tfiqa.weights.build import read_model

    network = read_model(find_model(model))
    if form == "litert":
        written = export_litert(network, output, pictures)
    else:
        written = export_model(network, output, number, warm_up=warm_up, run=model if model.is_dir() else None)
    click.echo(str(written))
