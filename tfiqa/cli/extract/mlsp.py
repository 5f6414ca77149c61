"""`tfiqa extract mlsp`."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING

import click

from tfiqa.cli.extract.runners import check_address, chosen_runner, runner_options, say_shares
from tfiqa.cli.output import SOME_FAILED, say, say_some

if TYPE_CHECKING:
    from tfiqa.features.mlsp.finish import Finished

MEGABYTE = 10**6


@click.command()
@click.option(
    "--data", "source", type=click.Path(path_type=Path), required=True, help="Manifest, or folder of `tfiqa data pack`."
)
@click.option(
    "--model", type=click.Path(path_type=Path), required=True, help="A deepfl_mtl or deepfl: .keras file or run folder."
)
@click.option("--output", type=click.Path(path_type=Path, file_okay=False), required=True, help="Folder to write.")
@click.option(
    "--dtype",
    type=click.Choice(["float16", "float32"]),
    default="float16",
    show_default=True,
    help="Stored numbers. float16 takes half the space, rounds a value by 1/2048 of it at most, and holds up to 65,504.",
)
@click.option(
    "--views",
    type=click.Choice(["whole", "train", "test"]),
    default="whole",
    show_default=True,
    help="The whole picture; crops at 4 corners, also mirrored (8 views); or at 9 places, also mirrored (18).",
)
@click.option(
    "--precision",
    type=click.Choice(["float32", "bfloat16", "auto"]),
    default="float32",
    show_default=True,
    help="What the network computes in; auto: bfloat16 where there is arithmetic for it.",
)
@click.option("--batch-size", type=click.IntRange(min=1), help="Views in a batch. [default: 8; on a GPU 32]")
@runner_options("Processes. By default one for each processor; where there is a GPU one, which uses it.")
@click.option(
    "--shard-pictures",
    type=click.IntRange(min=1),
    help="Pictures in a shard. [default: 256; fewer with views, or where there would be fewer than 64 shards]",
)
@click.option("--resume", is_flag=True, help="Continue what an earlier run began in the folder.")
@click.pass_context
def mlsp(
    context: click.Context,
    source: Path,
    model: Path,
    output: Path,
    dtype: str,
    views: str,
    precision: str,
    batch_size: int | None,
    runner: str,
    address: str | None,
    workers: int | None,
    shard_pictures: int | None,
    resume: bool,
) -> None:
    """Store the MLSP features of pictures: the means of a network's feature maps, to train quality models on.

    Pictures are taken whole, in their own size. The folder holds TFRecords with the features and the manifest's columns,
    schema.json that says what they are, a copy of the model and, where pictures failed, failures.csv;
    `tfiqa.features.load_mlsp` reads it. A run that was interrupted, however roughly, goes on with --resume and ends with the
    same bytes. Pictures that failed are not tried again, unless all of their shard failed.

    Exit status 3 when some pictures failed.
    """
    check_address(runner, address)

    from tfiqa.cli.extract.long_progress import LongProgress
    from tfiqa.cli.tensorflow_start import chosen_device, load_tensorflow

    load_tensorflow()
    from tfiqa.features.mlsp.job import MlspJob
    from tfiqa.features.mlsp.settings import MlspSettings
    from tfiqa.pipelines.labelled_pictures import read_labelled_pictures
    from tfiqa.pipelines.precision import resolve_precision
    from tfiqa.serving.scorer import find_model

    device = chosen_device(workers) if runner == "local" else "cpu"
    settings = MlspSettings(dtype, views, resolve_precision(precision), batch_size, device)
    job = MlspJob(read_labelled_pictures(source), output, find_model(model), settings, shard_pictures=shard_pictures)
    say(job.summary)
    progress = LongProgress()
    counts: list[int] = []  # pictures that were finished after each step of this run

    def count(done: int, total: int) -> None:
        counts.append(done)
        progress.finished(done, total)

    chosen = chosen_runner(runner, address, 1 if device == "gpu" else workers, progress)
    start = time.monotonic()
    finished = job.run(chosen, resume=resume, prepare=load_tensorflow, progress=count)
    if finished is None:
        say(f"{output} was finished already")
        return
    _report(output, finished, counts[-1] - counts[0], time.monotonic() - start)
    if len(finished.failures):
        context.exit(SOME_FAILED)


def _report(output: Path, finished: Finished, pictures: int, seconds: float) -> None:
    say_some("failed", [": ".join(row) for row in finished.failures.itertuples(index=False)])
    listed = finished.shard_list
    size = sum(shard.bytes for shard in listed.shards) / MEGABYTE
    say(f"{output}: {listed.rows} pictures, {listed.skipped} lacking, in {len(listed.shards)} shards, {size:.1f} MB")
    say(f"{pictures} pictures in {seconds:.1f} seconds, {pictures / seconds:.1f} a second")
    say_shares(finished.seconds)
