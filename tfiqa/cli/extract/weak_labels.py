"""`tfiqa extract weak-labels`."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

import click

from tfiqa.cli.extract.runners import check_address, chosen_runner, runner_options, say_shares
from tfiqa.cli.output import SOME_FAILED, say, say_some

if TYPE_CHECKING:
    from tfiqa.features.weak_labels.finish import Finished

MEGABYTE = 10**6


def _size(_: click.Context, __: click.Parameter, text: str | None) -> tuple[int, int] | None:
    if text is None:
        return None
    sides = re.fullmatch("([1-9][0-9]{0,4})x([1-9][0-9]{0,4})", text)
    if not sides:
        raise click.BadParameter(f"{text!r} is no size such as 512x384")
    return int(sides[1]), int(sides[2])


@click.command("weak-labels")
@click.option("--data", "source", type=click.Path(path_type=Path), required=True, help="Manifest.")
@click.option("--output", type=click.Path(path_type=Path, file_okay=False), required=True, help="Folder to write.")
@click.option(
    "--draw",
    type=click.Choice(["one", "five", "all", "manifest"]),
    help="Types for each pristine picture: one (KADIS-700k's scheme, the default) or five drawn, all 25, or what the "
    "manifest's column 'distortion' says.",
)
@click.option("--seed", type=click.IntRange(min=0), default=0, show_default=True, help="Of all that is drawn.")
@click.option(
    "--size", callback=_size, metavar="WxH", help="Shrink and crop pristine pictures to this size; KADIS-700k: 512x384."
)
@runner_options("Processes; by default one for each processor.")
@click.option(
    "--shard-pictures",
    type=click.IntRange(min=1),
    help="Pictures in a shard, about. [default: 320; fewer where there would be fewer than 64 shards]",
)
@click.option("--resume", is_flag=True, help="Continue what an earlier run began in the folder.")
@click.pass_context
def weak_labels(
    context: click.Context,
    source: Path,
    output: Path,
    draw: str | None,
    seed: int,
    size: tuple[int, int] | None,
    runner: str,
    address: str | None,
    workers: int | None,
    shard_pictures: int | None,
    resume: bool,
) -> None:
    """Distort pristine pictures at five levels and label them with the scores of DeepFL-IQA's eleven measures.

    A manifest with a column 'reference' lists distorted pictures (with 'distortion' and 'level'): they are measured as
    they are, and those whose files are missing are made anew of their references; scores of all eleven measures in the
    manifest, such as KADIS-700k's published ones, are taken instead.

    The folder is as `tfiqa data pack` makes it, with scores.parquet (the columns without the pictures), equalization.json
    (the histogram equalisation of the rows to train on) and, where pictures failed, failures.csv. A run that was
    interrupted, however roughly, goes on with --resume and ends with the same bytes. Pictures that failed are not tried
    again, unless all of their shard failed: label them into another folder.

    Exit status 3 when some pictures failed.
    """
    check_address(runner, address)

    from tfiqa.cli.extract.long_progress import LongProgress
    from tfiqa.cli.tensorflow_start import load_tensorflow
    from tfiqa.databases.manifest import read_manifest

    manifest = read_manifest(source)
    load_tensorflow()

    from tfiqa.features.weak_labels.job import WeakLabelJob
    from tfiqa.features.weak_labels.settings import Settings
    from tfiqa.full_reference import ELEVEN

    job = WeakLabelJob(manifest, output, Settings(ELEVEN, draw, seed, size), shard_pictures=shard_pictures)
    say(job.summary)
    progress = LongProgress()
    finished = job.run(
        chosen_runner(runner, address, workers, progress),
        resume=resume,
        prepare=load_tensorflow,
        progress=progress.finished,
    )
    if finished is None:
        say(f"{output} was finished already")
        return
    _report(output, finished)
    if len(finished.failures):
        context.exit(SOME_FAILED)


def _report(output: Path, finished: Finished) -> None:
    say_some("failed", [": ".join(row) for row in finished.failures.itertuples(index=False)])
    listed = finished.shard_list
    size = sum(shard.bytes for shard in listed.shards) / MEGABYTE
    say(
        f"{output}: {listed.rows} labelled pictures, {listed.skipped} lacking, in {len(listed.shards)} shards, {size:.1f} MB"
    )
    if finished.equalized:
        say(f"equalization.json is fitted on {finished.equalized} of them")
    else:
        say("no equalization.json: the manifest's split leaves no picture to train on")
    say_shares(finished.seconds)
