"""`tfiqa data histograms`."""

from __future__ import annotations

from pathlib import Path

import click

from tfiqa.cli.output import say


@click.command()
@click.argument("source", type=click.Path(path_type=Path), metavar="MANIFEST")
@click.option("--output", required=True, type=click.Path(path_type=Path), help="Manifest to write.")
@click.option(
    "--range", "bounds", nargs=2, type=float, metavar="LOW HIGH", help="Scores of the first and the last bin."
)
def histograms(source: Path, output: Path, bounds: tuple[float, float] | None) -> None:
    """Make distributions of votes (bin_1 to bin_10) from the score and score_std of MANIFEST, for training NIMA.

    Each is the distribution of maximum entropy with that mean and deviation over ten scores from the lowest to the highest of
    the scale, as NIMA's authors make them for TID2013 (Talebi and Milanfar, TIP 2018). The model must know these two scores:

    \b
      tfiqa fit nima_ava --data OUTPUT --set model.options.low=LOW --set model.options.high=HIGH ...
    """
    from tfiqa.databases.manifest import read_manifest, write_manifest
    from tfiqa.databases.opinion_deviations import with_bounds
    from tfiqa.databases.opinion_histograms import with_histograms

    manifest = read_manifest(source, required=("image", "score", "score_std"))
    changed, moved = with_histograms(manifest if bounds is None else with_bounds(manifest, *bounds))
    write_manifest(changed, output)
    say(f"{output}: {len(changed)} distributions, bins from {changed.scale.low:g} to {changed.scale.high:g}")
    if moved:
        say(f"warning: {moved} deviations are beyond what ten bins allow, and were moved to the nearest allowed")
