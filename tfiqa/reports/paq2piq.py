"""The page of `tfiqa report paq2piq`: pictures and patches by model, beside the paper's numbers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from tfiqa.reports.page import EMPTY, Block, Heading, Note, Page, Table, Text, number
from tfiqa.reports.paq2piq_paper import (
    DATABASE,
    FEEDBACK,
    FEEDBACK_REMARK,
    PARAMETERS,
    PARAMETERS_REMARK,
    PATCHES,
    PATCHES_REMARK,
    PICTURES,
    SPLITS,
    Pair,
)
from tfiqa.reports.paq2piq_results import Figures, Result

UNKNOWN: tuple[None, None] = (None, None)


def paq2piq_page(results: Sequence[Result]) -> Page:
    """The whole page."""
    page = Page("PaQ-2-PiQ: pictures and patches")
    page.add(
        Text(
            'Z. Ying et al., "From Patches to Pictures (PaQ-2-PiQ): Mapping the Perceptual Space of Picture Quality", CVPR 2020. '
            "Columns headed paper hold its numbers, which are of FLIVE. LCC is Pearson's coefficient without any mapping."
        ),
        *_data(results),
        Heading("Tables 2 and 5: pictures"),
        _figures([(each, each.pictures, PICTURES) for each in results]),
        Heading("Tables 3 and 6: patches"),
        *_patches(results),
        Heading("Table 8: parameters"),
        _parameters(results),
        Text(PARAMETERS_REMARK),
    )
    return page


def _data(results: Sequence[Result]) -> list[Block]:
    rows = [
        [each.label, each.run.model, str(each.run.data), *(str(each.run.counts.get(split, 0)) for split in SPLITS)]
        for each in results
    ]
    blocks: list[Block] = [Heading("Runs"), Table(["run", "model", "data", *SPLITS], rows)]
    other = [each.label for each in results if each.run.data.databases != (DATABASE,)]
    if other:
        blocks.append(Note(f"Not of FLIVE, so not comparable with the paper: {', '.join(other)}."))
    for each in results:
        chosen_on = each.run.chosen_by.split()[0]
        if chosen_on in SPLITS:
            blocks.append(Text(f"{each.label}: {chosen_on} pictures chose its epoch, which flatters it on them."))
        if each.errors:
            blocks.append(
                Note(
                    f"{each.label}: the boxes of {len(each.errors)} pictures could not be scored; the first: {each.errors[0]}"
                )
            )
    return blocks


def _figures(rows: Sequence[tuple[Result, Mapping[str, Figures], Mapping[str, tuple[Pair, Pair]]]]) -> Table:
    """A row a run: SRCC and LCC on each split, and the paper's."""
    columns = ["run"]
    for split in SPLITS:
        columns += [f"{split} SRCC", f"paper {split} SRCC", f"{split} LCC", f"paper {split} LCC"]
    cells = []
    for result, ours, papers in rows:
        row = [result.label]
        for place, split in enumerate(SPLITS):
            theirs = papers[result.paper][place] if result.paper and result.paper in papers else UNKNOWN
            for own, of_paper in zip(ours.get(split, UNKNOWN), theirs, strict=True):
                row += [number(own) if split in ours else EMPTY, EMPTY if of_paper is None else f"{of_paper:.3f}"]
        cells.append(row)
    return Table(columns, cells)


def _patches(results: Sequence[Result]) -> list[Block]:
    sizes = {size for each in results for of_split in each.boxes.values() for size in of_split}
    blocks: list[Block] = []
    for size in sorted(sizes, reverse=True):
        rows = []
        for each in results:
            found = {split: of_split[size] for split, of_split in each.boxes.items() if size in of_split}
            if found:
                rows.append((each, {split: figures for split, (_, figures) in found.items()}, PATCHES.get(size, {})))
        boxes = max(sum(of_split.get(size, (0,))[0] for of_split in each.boxes.values()) for each in results)
        blocks += [Text(f"{size} % of the pictures' sides, {boxes:,} boxes:"), _figures(rows)]
    lacking = [each.label for each in results if not each.boxes]
    if lacking:
        blocks.append(Note(f"The manifest has no boxes with scores: {', '.join(lacking)}."))
    blocks.append(Text(PATCHES_REMARK))
    if any(each.paper == FEEDBACK for each in results):
        blocks.append(Text(FEEDBACK_REMARK))
    return blocks


def _parameters(results: Sequence[Result]) -> Table:
    columns = ["run", "body", "paper body", "head", "paper head", "all", "paper all"]
    rows = []
    for each in results:
        own = each.parameters
        ours = (own.body, own.scales + own.head, own.body + own.scales + own.head)
        theirs = PARAMETERS[each.paper] if each.paper else (EMPTY,) * 3
        row = [each.label]
        for count, of_paper in zip(ours, theirs, strict=True):
            row += [f"{count:,}", of_paper]
        rows.append(row)
    return Table(columns, rows)
