"""`tfiqa data deviations`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from tfiqa.cli.output import say

if TYPE_CHECKING:
    from tfiqa.databases.manifest import Manifest
    from tfiqa.score_scale import ScoreScale


@click.command()
@click.argument("source", required=False, type=click.Path(path_type=Path), metavar="[MANIFEST]")
@click.option("--output", type=click.Path(path_type=Path), help="Manifest to write; a folder where MANIFEST is one.")
@click.option("--sos", "a", type=click.FloatRange(0, 1), help="The parameter a of the SOS hypothesis.")
@click.option(
    "--like",
    multiple=True,
    type=click.Path(path_type=Path),
    metavar="OTHER",
    help="Fit a on this manifest's score and score_std; repeatable.",
)
@click.option("--range", "bounds", nargs=2, type=float, metavar="LOW HIGH", help="Ends of MANIFEST's scale.")
@click.option("--score-column", metavar="NAME", help="Take this column for the score, such as a measure's.")
@click.option("--lower-is-better", is_flag=True, help="Of --score-column, where it is no measure that tfiqa knows.")
@click.option("--equalize", is_flag=True, help="Spread the numbers of --score-column evenly over 0..1 first.")
def deviations(
    source: Path | None,
    output: Path | None,
    a: float | None,
    like: tuple[Path, ...],
    bounds: tuple[float, float] | None,
    score_column: str | None,
    lower_is_better: bool,
    equalize: bool,
) -> None:
    """Estimate the deviations of people's opinions (score_std) where MANIFEST, or a packed folder, has none.

    By the SOS hypothesis (Hossfeld, Schatz, Egger, QoMEX 2011) the variance is a (score - low)(high - score): opinions differ
    most in the middle of the scale. It is an estimate, no measurement; the column score_std_source says so in each row, and
    deviations that are there stay. The parameter a is given by --sos, or fitted by least squares on --like, manifests with
    deviations; without MANIFEST it is only fitted and shown.

    Weak labels can stand for scores, with simulated deviations:

    \b
      tfiqa data deviations labels/ --score-column vsi --equalize --like kadid.csv --output labels_vsi/
    """
    if (a is None) == (not like):
        raise click.UsageError("give the parameter by --sos, or --like a manifest that has deviations")
    if (source is None) != (output is None) or (source is None and not like):
        raise click.UsageError("give MANIFEST and --output, or --like alone to fit the parameter")
    if (lower_is_better or equalize) and score_column is None:
        raise click.UsageError("--lower-is-better and --equalize are of --score-column")
    if equalize and bounds is not None:
        raise click.UsageError("--equalize makes scores from 0 to 1; leave out --range")

    from tfiqa.databases.manifest import read_manifest, write_manifest
    from tfiqa.databases.opinion_deviations import estimated_part, fit_sos, with_deviations

    if like:
        fits = fit_sos([read_manifest(path, required=("image", "score")) for path in like])
        click.echo(f"{'a':>8}{'pictures':>10}{'mean':>9}{'error':>9}{'of mean':>9}   fitted on")
        for fit in fits:
            click.echo(
                f"{fit.a:8.4f}{fit.pictures:10,}{fit.mean:9.4f}{fit.error:9.4f}{fit.constant_error:9.4f}   {fit.name}"
            )
        say(
            "mean: of the measured deviations; error: root mean square, of the estimated ones, and of their mean taken for "
            "all; as shares of the scale"
        )
        a = fits[-1].a
    if source is None or output is None or a is None:
        return
    if not source.is_dir():
        manifest = _scored(read_manifest(source), score_column, lower_is_better, equalize, bounds)
        changed = with_deviations(manifest, a)
        write_manifest(changed, output)
    else:
        from tfiqa.cli.progress import picture_progress
        from tfiqa.cli.tensorflow_start import load_tensorflow

        load_tensorflow()
        from tfiqa.pipelines.labelled_pictures import read_labelled_pictures
        from tfiqa.pipelines.records.new_columns import repack
        from tfiqa.pipelines.records.reader import read_records

        manifest = read_labelled_pictures(source, progress=picture_progress("reading")).manifest
        changed = with_deviations(_scored(manifest, score_column, lower_is_better, equalize, bounds), a)
        repack(read_records(source), changed, output, picture_progress("packing"))
    say(f"{output}: {estimated_part(changed.table)} (a = {a:.4g}); score: {changed.scale}")


def _scored(
    manifest: Manifest, column: str | None, lower_is_better: bool, equalize: bool, bounds: tuple[float, float] | None
) -> Manifest:
    """The manifest with scores on a scale that has bounds."""
    from tfiqa.databases.column_score import score_from_column
    from tfiqa.databases.opinion_deviations import with_bounds
    from tfiqa.errors import InvalidInput

    if column is not None:
        scale = _scale_of_column(column, lower_is_better)
        manifest = score_from_column(manifest, column, scale, equalize=equalize)
    if bounds is not None:
        manifest = with_bounds(manifest, *bounds)
    if manifest.scale.low is None or manifest.scale.high is None:
        raise InvalidInput(f"{manifest.name}: its scale ({manifest.scale}) has no bounds; give --range LOW HIGH")
    return manifest


def _scale_of_column(column: str, lower_is_better: bool) -> ScoreScale:
    """A measure's own scale; else one without bounds."""
    from tfiqa.cli.tensorflow_start import load_tensorflow

    load_tensorflow()
    from tfiqa.full_reference import MEASURES
    from tfiqa.score_scale import ScoreScale

    if column not in MEASURES:
        return ScoreScale(None, None, not lower_is_better, column)
    if lower_is_better:
        raise click.UsageError(f"the direction of {column} is known; leave out --lower-is-better")
    scale: ScoreScale = MEASURES.get(column).value.scale
    return scale
