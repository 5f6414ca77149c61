"""The sections of SPAQ's page from the paper's supplement: tables S2 and S4."""

from __future__ import annotations

from collections.abc import Sequence

from tfiqa.models.spaq import SCALE
from tfiqa.reports.cross import CrossResult
from tfiqa.reports.page import EMPTY, Block, Code, Heading, Note, Table, Text, number
from tfiqa.reports.spaq_paper import TABLE_S2_SUB_GROUPS, TABLE_S2_SUBJECTS, TABLE_S4
from tfiqa.reports.studies import Agreement, StudyFigures


def table_s2(studies: Sequence[StudyFigures]) -> list[Block]:
    """Agreement of sub-groups, and of subjects with the mean."""
    rows = []
    for label, name, unit, paper in (
        ("sub-groups with each other", "sub_groups", "halvings", TABLE_S2_SUB_GROUPS),
        ("subjects with the MOS", "single", "subjects", TABLE_S2_SUBJECTS),
    ):
        published = [f"{value:.3f}" for value in paper]
        for study in studies:
            found: Agreement = getattr(study, name)
            figures = (
                [f"undefined: {found.undefined}", EMPTY, EMPTY]
                if found.undefined
                else [str(found.srcc), str(found.plcc), f"{found.count} {unit}"]
            )
            rows.append([label, f"`{study.ratings}`", *figures, *published])
        if not studies:
            rows.append([label, *[EMPTY] * 4, *published])
    blocks: list[Block] = [
        Heading("Table S2: consistency of the subjective data"),
        Table(("consistency", "ratings", "SRCC", "PLCC", "means over", "paper (SPAQ) SRCC", "paper (SPAQ) PLCC"), rows),
    ]
    blocks += [
        Text(
            f"`{study.ratings}`: {study.subjects:,} subjects, {study.stimuli:,} stimuli, rejection {study.rejection}, scores "
            f"by {study.method}."
        )
        for study in studies
    ]
    if not studies:
        blocks += [
            Note("Needs the single ratings of a study, which SPAQ's release does not have, and their report:"),
            Code(
                "tfiqa study RATINGS.csv --output mos.csv --report study.json\n"
                "tfiqa report spaq --study study.json --output PAGE.html"
            ),
        ]
    return blocks


def table_s4(crosses: Sequence[CrossResult]) -> list[Block]:
    """Evaluations on other databases."""
    rows = []
    notes: list[Block] = []
    for cross in crosses:
        report = cross.report
        after = next(mapped.plcc for mapped in report.mapped if mapped.kind == "logistic4")
        paper = TABLE_S4.get(_database_of_paper(cross))
        rows.append(
            [
                f"`{cross.source}`: {cross.model}, {cross.scale.unit}",
                f"`{cross.manifest}`, {cross.rows}",
                " + ".join(cross.databases) or "not named",
                f"{report.pictures:,}",
                *(number(value) for value in (report.srcc, report.plcc, after)),
                *([f"{value:.3f}" for value in paper[1:]] if paper else [EMPTY] * 2),
            ]
        )
        trained, left_out = cross.evaluation.trained_on, cross.evaluation.errors
        if trained:
            notes.append(Note(f"{trained} of the pictures of `{cross.manifest}` trained `{cross.source}`."))
        if left_out:
            notes.append(
                Note(f"Left out of `{cross.manifest}`: {len(left_out)} that cannot be scored; first: {left_out[0]}")
            )
    done = {_database_of_paper(cross) for cross in crosses}
    for database, (name, *figures) in TABLE_S4.items():
        if database not in done:
            rows.append(["BL", EMPTY, name, *[EMPTY] * 4, *(f"{value:.3f}" for value in figures)])
    columns = ("model, trained on", "tested on", "database", "pictures", "SRCC", "PLCC", "PLCC after logistic4")
    blocks: list[Block] = [
        Heading("Table S4: BL on other databases"),
        Text(
            "The paper trains BL on SPAQ. Coefficients are turned so that positive is agreement, also where the scores are "
            "DMOS; the mapping is fitted on the tested pictures."
        ),
        Table((*columns, "paper (SPAQ) SRCC", "paper (SPAQ) PLCC"), rows),
        *notes,
    ]
    if len(done & set(TABLE_S4)) < len(TABLE_S4):
        blocks += [
            Note("Rows without figures of our own need a BL trained on SPAQ and the database, for example:"),
            Code(
                "tfiqa data prepare koniq10k KONIQ_FOLDER --output koniq.csv\n"
                "tfiqa report spaq --cross runs/spaq_bl_1 koniq.csv --output PAGE.html"
            ),
        ]
    return blocks


def _database_of_paper(cross: CrossResult) -> str:
    """The database, where the paper has figures for such a model; else empty."""
    is_papers_model = cross.model == "spaq_bl" and cross.scale == SCALE
    return cross.databases[0] if is_papers_model and len(cross.databases) == 1 else ""
