"""`tfiqa import-weights`."""

from __future__ import annotations

from pathlib import Path

import click

from tfiqa.cli.output import say


@click.command("import-weights")
@click.argument("source")
@click.argument("checkpoint", type=click.Path(path_type=Path))
@click.option("--output", required=True, type=click.Path(path_type=Path), help="The .keras file to write.")
@click.option(
    "--verify",
    "picture",
    type=click.Path(path_type=Path),
    metavar="PICTURE",
    help="Score this picture, of which others published scores, and write nothing unless they agree.",
)
def import_weights(source: str, checkpoint: Path, output: Path, picture: Path | None) -> None:
    """Turn the PyTorch CHECKPOINT of the model SOURCE (spaq_bl, spaq_mt_a, resnet18, ...) into a .keras file.

    Nothing in the checkpoint is executed. Of paq2piq_roipool, scores are published of Picture1.jpg (the authors' demonstration)
    and of I03, I04, I06, I08 and I19.bmp (IQA-PyTorch's calibration); --verify compares within 0.01.
    """
    from tfiqa.errors import InvalidInput
    from tfiqa.files import whole_file

    if output.suffix != ".keras":
        raise InvalidInput(f"--output ends in .keras. Received: {output}")

    from tfiqa.cli.tensorflow_start import load_tensorflow

    load_tensorflow()

    from tfiqa.serving.import_check import check_published, compare_with_published, published_scores
    from tfiqa.weights.importers import import_weights as read_checkpoint
    from tfiqa.weights.known_checkpoints import known_checkpoints, recognised

    published = published_scores(source, picture) if picture is not None else None
    model = read_checkpoint(source, checkpoint)
    if known_checkpoints(source):
        known = recognised(checkpoint, source)
        say(
            f"{checkpoint}: {known.released_as if known else f'a checkpoint of the layout of {source}, not one that is known'}"
        )
    if picture is not None and published is not None:
        comparisons = compare_with_published(model, picture, published)
        for each in comparisons:
            say(str(each))
        check_published(comparisons, checkpoint)
        say(f"verified: {picture.name} scores as published ({published.source})")
    with whole_file(output) as temporary:
        model.save(temporary)
    click.echo(str(output))
