"""The page of `tfiqa report dcnns`: tables 1 to 3 of the paper, each beside its numbers."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import pandas as pd

from tfiqa.databases.scpqd2020 import ASPECTS
from tfiqa.evaluation.correlation import plcc, srcc
from tfiqa.reports.dcnns_paper import COMMANDS, PICTURES, REGISTERED, TABLE_1, TABLE_1_AVERAGE, TABLE_2, TABLE_3
from tfiqa.reports.dcnns_results import Family, Result, families
from tfiqa.reports.page import EMPTY, Block, Code, Heading, Note, Page, Table, Text, number
from tfiqa.reports.runs import Run, Spread

SHOWN = 3  # best and worst scenes
Labels = Mapping[str, str]  # a short name for each text of settings
PAPER = tuple(f"paper {aspect}" for aspect in ASPECTS)


def dcnns_page(results: Sequence[Result]) -> Page:
    """The whole page."""
    found = families(results)
    changed = dict.fromkeys(each.settings for each in results if each.settings)
    labels = {"": "recipe", **{text: str(place) for place, text in enumerate(changed, start=1)}}
    page = Page("DCNNS: ranks within scenes, and types of scenes")
    page.add(
        Text(
            'C.-H. Huang, J.-L. Wu, "Multi-task deep CNN model for no-reference image quality assessment on smartphone camera '
            'photos", arXiv:2008.11961, 2020. Columns headed paper hold its numbers, which are of SCPQD2020. All figures are of '
            "test pictures; positive is agreement; ± is the standard deviation over the runs (n - 1)."
        ),
        *_runs(results, labels),
        *_table_2(found, labels),
        *_table_1(found, labels),
        *_table_3(found, labels),
        *_others([each for each in results if not each.aspects]),
    )
    return page


def _runs(results: Sequence[Result], labels: Labels) -> list[Block]:
    columns = (
        "run",
        "model",
        "data",
        "aspects",
        "settings",
        "train / validation / test",
        "split seed",
        "training seed",
    )
    rows = []
    for each in results:
        run, seeds = each.run, each.run.recipe
        counts = " / ".join(f"{run.counts.get(split, 0):,}" for split in ("train", "validation", "test"))
        row = (*_names(run), str(run.data), ", ".join(each.aspects) or EMPTY, labels[each.settings], counts)
        rows.append((*row, str(seeds.split.seed), str(seeds.training.seed), run.chosen_by))
    told = [(name, f"`{text}`" if text else "nothing") for text, name in labels.items()]
    settings = Table(("settings", "what differs from the model's bundled recipe, seeds left out"), told)
    blocks: list[Block] = [Heading("Runs"), Table((*columns, "epoch chosen by"), rows), settings]
    on_aspects = [each for each in results if each.aspects]
    if small := [each for each in on_aspects if each.run.data.pictures != PICTURES]:
        blocks.append(Note(f"Not all {PICTURES:,} pictures of SCPQD2020: {_folders(small)}."))
    if flattered := [each for each in on_aspects if each.run.chosen_by.startswith("test")]:
        blocks.append(
            Text(
                f"As in the paper, the test pictures chose the epoch, which flatters the figures: {_folders(flattered)}."
            )
        )
    if lacking := {
        f"{_folder(each.run)} ({groups.left_out})": None
        for each in on_aspects
        for groups in each.aspects.values()
        if groups.left_out
    }:
        blocks.append(Note(f"Scenes of one test picture, or of equal ranks, do not count: {', '.join(lacking)}."))
    return blocks


def _table_2(found: Sequence[Family], labels: Labels) -> list[Block]:
    rows = []
    named = {name: [each for each in found if REGISTERED.get(each.run.model) == name] for name in TABLE_2}
    for name, paper in TABLE_2.items():
        rows += [_family_row(name, each, paper, labels) for each in named[name]] or [
            _family_row(name, None, paper, labels)
        ]
    rows += [_family_row(each.run.model, each, None, labels) for each in found if each.run.model not in REGISTERED]
    blocks: list[Block] = [
        Heading("Table 2: SROCC"),
        Text(
            "The mean over the photographed scenes of Spearman's coefficient within each, since ranks compare only there, and of "
            "that the mean over the runs."
        ),
        Table(("model", "runs", "settings", *ASPECTS, *PAPER), rows),
    ]
    if not any(set(each.aspects) == set(ASPECTS) for each in named["DCNNS"]):
        blocks += [
            Note("Figures of our own need runs of dcnns on each aspect. The paper's three repetitions are made with:"),
            Code(COMMANDS),
        ]
    return blocks


def _family_row(name: str, family: Family | None, paper: Sequence[float] | None, labels: Labels) -> list[str]:
    published = [EMPTY] * len(ASPECTS) if paper is None else [number(value) for value in paper]
    if family is None:
        return [name, EMPTY, EMPTY, *[EMPTY] * len(ASPECTS), *published]
    results = [family.aspects.get(aspect, ()) for aspect in ASPECTS]
    counts = [str(len(each)) for each in results]
    srccs = [
        str(Spread.of([each.aspects[aspect].srcc for each in repetitions])) if repetitions else EMPTY
        for aspect, repetitions in zip(ASPECTS, results, strict=True)
    ]
    runs = counts[0] if len(set(counts)) == 1 else " / ".join(counts)
    return [name, runs, labels[family.settings], *srccs, *published]


def _table_1(found: Sequence[Family], labels: Labels) -> list[Block]:
    blocks: list[Block] = [
        Heading("Table 1: types of scenes"),
        Text(
            "The share of patches whose type of scene is right, over all test pictures of the type; each picture weighs as much "
            "as it has patches. Types are numbered from the darkest to the brightest, the paper's otherwise, so that "
            "only the averages over the types compare."
        ),
    ]
    with_types = [each for each in found if each.has_types]
    if not with_types:
        return [*blocks, Note("No run tells types of scenes on SCPQD2020.")]
    for family in with_types:
        by_type = {
            aspect: pd.DataFrame([each.type_accuracy() for each in results]).mean()
            for aspect, results in family.aspects.items()
        }
        table = pd.DataFrame(by_type, index=range(len(TABLE_1)), columns=ASPECTS)
        of_all = {
            aspect: Spread.of([each.accuracy() for each in results]) for aspect, results in family.aspects.items()
        }
        rows = [
            [str(name), *map(_cell, table.loc[name]), *(number(value) for value in paper)]
            for name, paper in enumerate(TABLE_1)
        ]
        rows.append(["average of the types", *map(_cell, table.mean()), *(number(value) for value in TABLE_1_AVERAGE)])
        rows.append(["all patches", *(str(of_all.get(aspect, EMPTY)) for aspect in ASPECTS), *[EMPTY] * len(ASPECTS)])
        blocks += [_title(family, labels), Table(("type", *ASPECTS, *PAPER), rows)]
    return blocks


def _table_3(found: Sequence[Family], labels: Labels) -> list[Block]:
    blocks: list[Block] = [
        Heading("Table 3: photographed scenes"),
        Text(
            "SROCC within the scene, and after the stroke the share of patches whose type is right, means over the runs that "
            f"tested the scene. First the {SHOWN} best and worst by mean SROCC, and those of the paper."
        ),
    ]
    if not found:
        return [*blocks, Table(("scene", *PAPER), [[name, *_paper_cells(name)] for name in TABLE_3])]
    for family in found:
        scenes = family.scenes().sort_values("srcc", ascending=False)
        order = scenes["srcc"].dropna().index
        chosen = dict.fromkeys([*order[:SHOWN], *order[-SHOWN:], *TABLE_3])
        rows = [
            [
                *(_scene_row(name, scenes.loc[name]) if name in scenes.index else [name, *[EMPTY] * 8]),
                *_paper_cells(name),
            ]
            for name in chosen
        ]
        columns = ("scene", "type", "runs", *ASPECTS, "mean SROCC", "mean accuracy")
        blocks += [
            _title(family, labels),
            Table((*columns, *PAPER), rows),
            *_correlations(family, scenes),
            Text(f"All {len(scenes)} test scenes, the best first:"),
            Table(columns, [_scene_row(str(name), row) for name, row in scenes.iterrows()]),
        ]
    return blocks


def _correlations(family: Family, scenes: pd.DataFrame) -> list[Block]:
    """Whether scenes whose type is told better are ranked better."""
    if not family.has_types:
        return []
    rows = []
    for aspect in (*family.aspects, "mean"):
        names = ["accuracy", "srcc"] if aspect == "mean" else [f"accuracy_{aspect}", f"srcc_{aspect}"]
        both = scenes[names].dropna().to_numpy()
        rows.append(
            [aspect, str(len(both)), number(srcc(both[:, 0], both[:, 1])), number(plcc(both[:, 0], both[:, 1]))]
        )
    return [
        Text(
            "Agreement of the two over the scenes. The paper (section 4.4) concludes from its three scenes that the accuracy has "
            "a high impact on the prediction of quality, which would show here as coefficients well above 0."
        ),
        Table(("aspect", "scenes", "SRCC", "PLCC"), rows),
    ]


def _others(results: Sequence[Result]) -> list[Block]:
    if not results:
        return []
    rows = []
    for each in results:
        report = each.run.report
        within = report.get("within") or {}
        row = [*_names(each.run), str(each.run.data), *(number(report.get(name)) for name in ("srcc", "plcc"))]
        row.append(number(within.get("srcc")) if within else EMPTY)
        row.append(EMPTY if each.accuracy() is None else number(each.accuracy()))
        rows.append(row)
    return [
        Heading("Other scores"),
        Text("Runs on scores that are no ranks within scenes of SCPQD2020, over all test pictures."),
        Table(("run", "model", "data", "SRCC", "PLCC", "SRCC within its groups", "patches of the right type"), rows),
    ]


def _scene_row(name: str, row: pd.Series) -> list[str]:
    cells = []
    for aspect in ASPECTS:
        figures = [_cell(row[name]) for name in (f"srcc_{aspect}", f"accuracy_{aspect}") if name in row]
        cells.append(" / ".join(figures) or EMPTY)
    told = (str(int(row["type"])), _cell(row["accuracy"])) if "type" in row else (EMPTY, EMPTY)
    return [name, told[0], str(int(row["runs"])), *cells, _cell(row["srcc"]), told[1]]


def _paper_cells(name: str) -> list[str]:
    if name not in TABLE_3:
        return [EMPTY] * len(ASPECTS)
    return [f"{number(one)} / {number(other)}" for one, other in zip(*TABLE_3[name], strict=True)]


def _cell(value: float) -> str:
    """A figure; NaN is one that no test picture gives."""
    return EMPTY if math.isnan(value) else number(value)


def _title(family: Family, labels: Labels) -> Text:
    return Text(f"{REGISTERED.get(family.run.model, family.run.model)}, settings {labels[family.settings]}:")


def _names(run: Run) -> tuple[str, str]:
    return _folder(run), run.model


def _folder(run: Run) -> str:
    return f"`{run.folder.root}`"


def _folders(results: Sequence[Result]) -> str:
    return ", ".join(_folder(each.run) for each in results)
