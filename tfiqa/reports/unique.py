"""The page of `tfiqa report unique`: the evaluations of UNIQUE's paper on any databases, beside the paper's numbers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from tfiqa.databases.opinion_deviations import MEASURED, estimated_part
from tfiqa.reports.page import EMPTY, Block, Figure, Heading, Note, Page, Table, Text, number
from tfiqa.reports.unique_figures import Cloud, draw_clouds, draw_reliability
from tfiqa.reports.unique_paper import (
    FIDELITY_REMARK,
    FIDELITY_WITHOUT_HINGE,
    FIDELITY_WITHOUT_HINGE_WEIGHTED,
    NAMES,
    PLCC,
    SRCC,
    SRCC_WEIGHTED,
)
from tfiqa.reports.unique_results import Database, Result

Figures = Mapping[str, float]


@dataclass(frozen=True)
class Criterion:
    """A figure that has a table.

    Args:
        name: its key in `Result.figures`.
        title: of the table.
        paper: the paper's, by the readers' names.
        weighted: the paper's average by pictures.
        remark: ends the header of the paper's column.
        of_pairs: whether it is a mean over pairs, whose meaning depends on what the true probabilities are.
    """

    name: str
    title: str
    paper: Figures | None = None
    weighted: float | None = None
    remark: str = ""
    of_pairs: bool = False


CRITERIA = (
    Criterion("srcc", "SRCC (table IV)", SRCC, SRCC_WEIGHTED),
    Criterion("plcc", "PLCC (table IV), without a mapping", PLCC),
    Criterion("plcc_logistic4", "PLCC (table IV), after the 4-parameter logistic fitted on the same pictures", PLCC),
    Criterion(
        "fidelity",
        "Fidelity loss (table V), 0 is best",
        FIDELITY_WITHOUT_HINGE,
        FIDELITY_WITHOUT_HINGE_WEIGHTED,
        " (without hinge)",
        of_pairs=True,
    ),
    Criterion("error", "Expected calibration error, 0 is best", of_pairs=True),
    Criterion("deviation_srcc", "SRCC of the predicted and the given deviations"),
)


def unique_page(results: Sequence[Result], databases: Sequence[Database]) -> Page:
    """The whole page."""
    page = Page("UNIQUE: quality and uncertainty by database")
    page.add(
        Text(
            'W. Zhang, K. Ma, G. Zhai, X. Yang, "Uncertainty-Aware Blind Image Quality Assessment in the Laboratory and Wild", '
            "IEEE TIP 2021. Columns headed paper hold its numbers: medians of ten sessions on a fifth of each database."
        ),
        *_data_section(results, databases),
        Heading("Tables IV and V: agreement and fidelity loss"),
        Text(
            "Weighted: the average over the databases by the pictures evaluated, as in table V; there is none of a fidelity "
            "loss or calibration error where the true probabilities of the databases are of different kinds."
        ),
        *(block for criterion in CRITERIA for block in _criterion_table(criterion, results, databases)),
        Text(FIDELITY_REMARK),
        *_figure_3(databases),
        *(block for result in results for block in _model_figures(result, databases)),
    )
    return page


def _data_section(results: Sequence[Result], databases: Sequence[Database]) -> list[Block]:
    rows, notes = [], []
    for place, database in enumerate(databases):
        table = database.pictures.manifest.table
        estimated = estimated_part(table)
        calibrations = [each for result in results if (each := result.evaluations[place].calibration) is not None]
        rows.append(
            [
                database.label,
                database.pictures.manifest.name,
                database.rows,
                f"{len(table):,}",
                str(database.pictures.manifest.scale),
                calibrations[0].truth_text() if calibrations else EMPTY,
                f"{calibrations[0].pairs:,} of {calibrations[0].possible:,}" if calibrations else EMPTY,
            ]
        )
        if estimated:
            notes.append(Note(f"{database.label}: {estimated}; what is compared with it says nothing of people."))
        for result in results:
            evaluation = result.evaluations[place]
            if evaluation.trained_on:
                notes.append(
                    Note(
                        f"{evaluation.trained_on} pictures of {database.label} trained {result.label}; figures on them say "
                        "nothing of new pictures."
                    )
                )
            if evaluation.errors:
                notes.append(
                    Note(
                        f"{result.label} could not score {len(evaluation.errors)} pictures of {database.label}, which are left "
                        f"out; the first: {evaluation.errors[0]}"
                    )
                )
    columns = ("database", "manifest", "rows", "pictures", "scores", "truth of the probabilities", "pairs")
    return [Heading("Data"), Table(columns, rows), *notes]


def _criterion_table(
    criterion: Criterion, results: Sequence[Result], databases: Sequence[Database]
) -> list[Table | Text]:
    places = range(len(databases))
    values = [[result.figures(place).get(criterion.name) for result in results] for place in places]
    if all(value is None for row in values for value in row):
        return []
    pictures = [[len(result.evaluations[place].table) for result in results] for place in places]
    truths = [_truth(results, place) if criterion.of_pairs else MEASURED for place in places]
    several = len(results) > 1
    rows = []
    for database, cells, counts, truth in zip(databases, values, pictures, truths, strict=True):
        paper = (criterion.paper or {}).get(database.name) if truth == MEASURED else None
        rows.append([database.label, f"{max(counts):,}", *_cells(cells, several), _paper(paper)])
    weighted = [
        _weighted([row[column] for row in values], [counts[column] for counts in pictures])
        for column in range(len(results))
    ]
    if len(set(truths)) > 1:
        weighted = [None] * len(results)
    is_papers = {database.name for database in databases} == set(NAMES) and set(truths) == {MEASURED}
    rows.append(["weighted", "", *_cells(weighted, several), _paper(criterion.weighted if is_papers else None)])
    columns = ["database", "pictures", *(result.label for result in results), *(["median"] if several else [])]
    if criterion.paper is None:
        return [Text(f"{criterion.title}:"), Table(columns, [row[:-1] for row in rows])]
    return [Text(f"{criterion.title}:"), Table([*columns, f"paper{criterion.remark}"], rows)]


def _truth(results: Sequence[Result], place: int) -> str:
    """What the true probabilities of a database rest on."""
    for result in results:
        calibration = result.evaluations[place].calibration
        if calibration is not None and calibration.truth == "thurstone":
            return MEASURED if calibration.source is None else "estimated"
    return "scores alone"


def _figure_3(databases: Sequence[Database]) -> list[Block]:
    clouds, lacking = [], []
    for database in databases:
        manifest = database.pictures.manifest
        table = manifest.table
        if "score_std" not in table or table["score_std"].isna().all():
            lacking.append(database.label)
            continue
        known = table[table["score_std"].notna()]
        title = f"{database.label} ({len(known):,} pictures)"
        label = "deviation of opinions" + (" (estimated)" if estimated_part(known) else "")
        clouds.append(Cloud(title, known["score"], known["score_std"], str(manifest.scale), label))
    blocks: list[Block] = [Heading("Figure 3: mean and deviation of people's opinions")]
    if clouds:
        blocks.append(
            Figure("figure_3", draw_clouds(clouds), "Deviation against mean of people's opinions, a point a picture.")
        )
    if lacking:
        blocks.append(
            Note(
                f"No score_std: {', '.join(lacking)}. `tfiqa data deviations` estimates deviations, and marks them so."
            )
        )
    return blocks


def _model_figures(result: Result, databases: Sequence[Database]) -> list[Block]:
    heading = Heading(f"Figure 6 and reliability: {result.label} ({result.model})")
    calibrations = [evaluation.calibration for evaluation in result.evaluations]
    named = [
        (database.label, calibration)
        for database, calibration in zip(databases, calibrations, strict=True)
        if calibration is not None
    ]
    if not named:
        return [heading, Note("This model does not tell its uncertainty.")]
    clouds = [
        Cloud(
            f"{database.label} ({len(evaluation.table):,} pictures)",
            evaluation.table["quality"],
            evaluation.table["uncertainty"],
            "predicted mean",
            "predicted deviation",
        )
        for database, evaluation in zip(databases, result.evaluations, strict=True)
    ]
    slug = "".join(letter if letter.isalnum() else "_" for letter in result.label)
    return [
        heading,
        Figure(
            f"figure_6_{slug}", draw_clouds(clouds), "Predicted deviation against predicted mean, a point a picture."
        ),
        Figure(
            f"reliability_{slug}",
            draw_reliability(named),
            "Mean true against mean predicted probability that a picture looks better, by tenths of the predicted one, every "
            "pair in both orders; the area of a point is proportional to its pairs.",
        ),
    ]


def _cells(values: Sequence[float | None], several: bool) -> list[str]:
    cells = [EMPTY if value is None else number(value) for value in values]
    known = [value for value in values if value is not None]
    median = [number(float(np.median(known))) if known else EMPTY] if several else []
    return cells + median


def _paper(value: float | None) -> str:
    return EMPTY if value is None else f"{value:.3f}"


def _weighted(values: Sequence[float | None], pictures: Sequence[int]) -> float | None:
    """The average by pictures; None where a database has no such figure, NaN where it is undefined for one."""
    if any(value is None for value in values):
        return None
    return float(np.average(np.array(values, np.float64), weights=pictures))
