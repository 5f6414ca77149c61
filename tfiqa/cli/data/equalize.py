"""`tfiqa data equalize`."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from tfiqa.cli.output import ends_in, say

if TYPE_CHECKING:
    import pandas as pd

PLOT_ENDINGS = (".png", ".svg", ".pdf")

MOST_BINS = 1_000_000  # memory is proportional


@click.command()
@click.argument("table", type=click.Path(path_type=Path))
@click.option(
    "--output",
    required=True,
    type=click.Path(path_type=Path),
    callback=ends_in(".json"),
    help="The equalisation to write: .json.",
)
@click.option(
    "--split", metavar="NAME", help="Fit on the rows of this split; by default train, or all rows without splits."
)
@click.option("--measure", "measures", multiple=True, metavar="NAME", help="Repeatable; by default all of TABLE.")
@click.option(
    "--bins", type=click.IntRange(1, MOST_BINS), help="Of equal width, for the scores of each measure; by default none."
)
@click.option(
    "--plot",
    type=click.Path(path_type=Path),
    callback=ends_in(*PLOT_ENDINGS),
    help="Histograms before and after: .png, .svg or .pdf.",
)
def equalize(
    table: Path, output: Path, split: str | None, measures: tuple[str, ...], bins: int | None, plot: Path | None
) -> None:
    """Fit DeepFL-IQA's histogram equalisation on the scores of full-reference measures in TABLE (CSV or Parquet, a column
    a measure, as `tfiqa extract weak-labels` and `tfiqa measure` write it).

    It maps the scores of each measure to training targets that are spread evenly over 0..1 and of which higher is better.
    Rows that lack a score of any of the measures are left out and counted.
    """
    from tfiqa.cli.tensorflow_start import load_tensorflow

    load_tensorflow()

    from tfiqa.databases.table_file import read_table
    from tfiqa.errors import InvalidInput
    from tfiqa.full_reference import ELEVEN, higher_is_better
    from tfiqa.histogram_equalization import HistogramEqualization

    rows = _rows_of_split(read_table(table), table, split)
    names = tuple(dict.fromkeys(measures)) or tuple(name for name in ELEVEN if name in rows)
    directions = higher_is_better(names)
    lacking = [name for name in names if name not in rows]
    if lacking or not names:
        raise InvalidInput(
            f"{table}: no scores of {lacking[0] if lacking else 'any measure'}; it has {', '.join(rows.columns)}"
        )
    scores = _scores(rows, names, table)
    equalization = HistogramEqualization.fit(scores, names, directions, bins=bins)
    for name in names:
        values = scores[name]
        better = "higher" if directions[name] else "lower"
        say(
            f"{name}: {len(values)} values, {values.nunique()} distinct, {values.min():g} to {values.max():g}, "
            f"{better} is better, {len(equalization.maps[name].scores)} knots"
        )
    equalization.save(output)
    if plot is not None:
        from tfiqa.cli.data.equalize_plot import draw_equalization

        draw_equalization(scores, equalization, plot)
    say(f"{output}: {len(names)} measure{'s' if len(names) > 1 else ''}, fitted on {len(scores)} rows of {table}")


def _rows_of_split(rows: pd.DataFrame, table: Path, split: str | None) -> pd.DataFrame:
    from tfiqa.errors import InvalidInput

    if "split" not in rows:
        if split is not None:
            raise InvalidInput(
                f"{table} has no column 'split'; mark its rows by `tfiqa data split`, or leave out --split"
            )
        return rows
    split = split or "train"
    chosen = rows[rows["split"] == split]
    if chosen.empty:
        raise InvalidInput(
            f"{table} has no rows of split {split!r}; it has {', '.join(map(str, rows['split'].unique()))}"
        )
    say(f"split {split}: {len(chosen)} of {len(rows)} rows")
    return chosen


def _scores(rows: pd.DataFrame, names: Sequence[str], table: Path) -> pd.DataFrame:
    """The rows that have all scores, as numbers."""
    import pandas as pd

    from tfiqa.databases.table_file import parse_numbers
    from tfiqa.errors import InvalidInput

    columns = {}
    for name in names:
        columns[name], strange = parse_numbers(rows[name])
        if strange.any():
            raise InvalidInput(f"{table}: {name} is not a number: {rows[name][strange].iloc[0]!r}")
    scores = pd.DataFrame(columns)
    complete = scores.dropna().reset_index(drop=True)
    if len(complete) < len(scores):
        say(f"{len(scores) - len(complete)} rows left out, which lack scores")
    if complete.empty:
        raise InvalidInput(f"{table}: no row has scores of {', '.join(names)}")
    return complete
