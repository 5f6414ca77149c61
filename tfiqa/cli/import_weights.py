"""`tfiqa import-weights`."""

from __future__ import annotations

from pathlib import Path

import click


@click.command("import-weights")
@click.argument("source")
@click.argument("checkpoint", type=click.Path(path_type=Path))
@click.option("--output", required=True, type=click.Path(path_type=Path), help="The .keras file to write.")
def import_weights(source: str, checkpoint: Path, output: Path) -> None:
    """Turn the PyTorch CHECKPOINT of the model SOURCE (spaq_bl, spaq_mt_a, resnet18, ...) into a .keras file.

    Nothing in the checkpoint is executed.
    """
    from tfiqa.errors import InvalidInput
    from tfiqa.files import whole_file

    if output.suffix != ".keras":
        raise InvalidInput(f"--output ends in .keras. Received: {output}")

    from tfiqa.cli.tensorflow_start import load_tensorflow

    load_tensorflow()

    from tfiqa.weights.importers import import_weights as read_checkpoint

    model = read_checkpoint(source, checkpoint)
    with whole_file(output) as temporary:
        model.save(temporary)
    click.echo(str(output))
