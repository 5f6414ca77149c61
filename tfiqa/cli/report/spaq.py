"""`tfiqa report spaq`."""

from __future__ import annotations

from pathlib import Path

import click

from tfiqa.cli.output import SOME_FAILED, ends_in, say, say_some


@click.command()
@click.argument("runs", nargs=-1, type=click.Path(path_type=Path))
@click.option("--data", type=click.Path(path_type=Path), help="Manifest with scores for table 2 and figure 4.")
@click.option(
    "--cameras",
    type=click.Path(path_type=Path),
    help="Manifest with the columns score, phone and scene for table 3; by default --data.",
)
@click.option(
    "--places",
    type=click.IntRange(min=1),
    default=5,
    show_default=True,
    help="Best and worst places that table 3 counts.",
)
@click.option(
    "--study",
    "studies",
    multiple=True,
    type=click.Path(path_type=Path),
    help="Report of `tfiqa study --report`, for table S2; may be repeated.",
)
@click.option(
    "--cross",
    nargs=2,
    multiple=True,
    metavar="MODEL MANIFEST",
    type=click.Path(path_type=Path),
    help="Evaluates a model (run, .keras file, exported folder) on a manifest, for table S4; may be repeated.",
)
@click.option(
    "--output",
    required=True,
    type=click.Path(path_type=Path),
    callback=ends_in(".md", ".html"),
    help="Page to write: .md, with its figures beside it, or .html, with all in one file.",
)
@click.option("--batch-size", type=click.IntRange(min=1), default=32, show_default=True, help="Patches in one pass.")
@click.pass_context
def spaq(
    context: click.Context,
    runs: tuple[Path, ...],
    data: Path | None,
    cameras: Path | None,
    places: int,
    studies: tuple[Path, ...],
    cross: tuple[tuple[Path, Path], ...],
    output: Path,
    batch_size: int,
) -> None:
    """The analyses of SPAQ's paper (Fang et al., CVPR 2020): tables 2 to 6, figure 4, tables S2 and S4.

    RUNS are finished folders of `tfiqa fit`; those of one model, data set and settings are averaged. Whatever lacks its input
    says on the page what it needs. The paper's five repeats of one model are

    \b
      for s in 1 2 3 4 5; do
        tfiqa fit spaq_mt_a --data spaq.csv --output runs/mt_a_$s --set split.seed=$s \\
          --set training.seed=$s --set split.train=0.8 --set split.validation=0
      done
      tfiqa report spaq runs/mt_a_* --data spaq.csv --output spaq.html

    For table 5 add --set "loss.weights={quality: 0.9, attributes: 0.1}", for table 6 (spaq_mt_s)
    --set model.options.split=22.

    Exit status 3 when --cross had to leave out pictures.
    """
    from tfiqa.databases.manifest import read_manifest
    from tfiqa.reports.page import write_page
    from tfiqa.reports.runs import read_runs
    from tfiqa.reports.spaq import spaq_page
    from tfiqa.reports.studies import read_study

    scored = ("image", "score")
    found_runs = read_runs(runs)
    data_rows = None if data is None else read_manifest(data, required=scored)
    camera_rows = None if cameras is None else read_manifest(cameras, required=(*scored, "phone", "scene"))
    found_studies = [read_study(path) for path in studies]
    crosses = []
    if cross:
        from tfiqa.cli.progress import picture_progress
        from tfiqa.cli.tensorflow_start import load_tensorflow
        from tfiqa.reports.cross import evaluate_cross

        load_tensorflow()
        crosses = evaluate_cross(cross, batch_size=batch_size, progress=picture_progress("scoring"))
    page = spaq_page(found_runs, data_rows, camera_rows, found_studies, crosses, places=places)
    for path in write_page(page, output):
        say(f"wrote {path}")
    errors = [error for result in crosses for error in result.evaluation.errors]
    say_some("left out", errors)
    if errors:
        context.exit(SOME_FAILED)
