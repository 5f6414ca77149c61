"""`tfiqa report dcnns`."""

from __future__ import annotations

from pathlib import Path

import click

from tfiqa.cli.output import ends_in, say


@click.command()
@click.argument("runs", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option(
    "--output",
    required=True,
    type=click.Path(path_type=Path),
    callback=ends_in(".md", ".html"),
    help="Page to write: .md or .html.",
)
def dcnns(runs: tuple[Path, ...], output: Path) -> None:
    """Tables 1 to 3 of DCNNS's paper (Huang and Wu, 2020): ranks within the scenes of SCPQD2020, and types of scenes.

    RUNS are finished folders of `tfiqa fit` on manifests of `tfiqa data prepare scpqd2020`: one for each aspect, or one of a
    model that tells several aspects; of dcnns, cnniqa or any other model. Those that differ in their seeds alone are averaged.
    Runs on other databases are shown with their SRCC and PLCC. The paper's three repetitions are

    \b
      for a in texture color noise exposure; do
        tfiqa data prepare scpqd2020 SCPQD2020_FOLDER --set aspect=$a --output $a.csv
        for s in 1 2 3; do
          tfiqa fit dcnns --data $a.csv --output runs/dcnns_${a}_$s \\
            --set split.seed=$s --set training.seed=$s \\
            --set split.train=0.8 --set split.validation=0 \\
            --set validation.within=scene --set validation.chosen_on=test
        done
      done
      tfiqa report dcnns runs/dcnns_* --output dcnns.html
    """
    from tfiqa.reports.dcnns import dcnns_page
    from tfiqa.reports.dcnns_results import result_of
    from tfiqa.reports.page import write_page
    from tfiqa.reports.runs import read_runs

    for path in write_page(dcnns_page([result_of(run) for run in read_runs(runs)]), output):
        say(f"wrote {path}")
