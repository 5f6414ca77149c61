"""The page of `tfiqa report spaq`: the analyses of SPAQ's paper, each beside the paper's numbers."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import zip_longest

import pandas as pd

from tfiqa.databases.manifest import Manifest
from tfiqa.databases.validation import ATTRIBUTES
from tfiqa.errors import InvalidInput
from tfiqa.reports.cross import CrossResult
from tfiqa.reports.page import EMPTY, Block, Figure, Heading, Note, Page, Table, Text, number
from tfiqa.reports.runs import Run, RunGroup, Spread, database_names
from tfiqa.reports.spaq_figures import draw_scene_levels
from tfiqa.reports.spaq_paper import (
    PICTURES,
    TABLE_2,
    TABLE_2_REMARK,
    TABLE_3_BOTTOM,
    TABLE_3_CAMERAS,
    TABLE_3_PLACES,
    TABLE_3_SCENES,
    TABLE_3_TOP,
)
from tfiqa.reports.spaq_run_sections import (
    Labels,
    default_groups,
    label_runs,
    runs_section,
    table_4,
    table_5,
    table_6,
)
from tfiqa.reports.spaq_supplement import table_s2, table_s4
from tfiqa.reports.spaq_tables import LEVELS, attribute_srcc, rank_cameras, scene_levels
from tfiqa.reports.studies import StudyFigures

PREPARE = "For SPAQ, `tfiqa data prepare spaq SPAQ_FOLDER --output spaq.csv` makes it."
TABLE_3_NEEDS = (
    "Needs `--data` or `--cameras MANIFEST` with the columns `score`, `phone` (the camera) and `scene` (which pictures show "
    "the same). SPAQ's release names neither cameras nor shared scenes, so that the paper's counts cannot be made again "
    "from it."
)


def spaq_page(
    runs: Sequence[Run] = (),
    data: Manifest | None = None,
    cameras: Manifest | None = None,
    studies: Sequence[StudyFigures] = (),
    crosses: Sequence[CrossResult] = (),
    *,
    places: int = TABLE_3_PLACES,
) -> Page:
    """The whole page. What cannot be computed from what is given has a note that says what it takes.

    Args:
        runs: for the predicted column of table 2 and for tables 4 to 6.
        data: with scores, for the human column of table 2 and for figure 4.
        cameras: with scores, `phone` and `scene`, for table 3; None takes `data`.
        studies: for table S2.
        crosses: for table S4.
        places: of table 3.

    Raises:
        InvalidInput: a run's predictions cannot be read.
    """
    labels = label_runs(runs)
    page = Page("SPAQ: the paper's analyses")
    page.add(
        Text(
            'Y. Fang, H. Zhu, Y. Zeng, K. Ma, Z. Wang, "Perceptual Quality Assessment of Smartphone Photography", CVPR 2020, '
            "and its supplement. Columns headed paper hold its numbers, all of them of SPAQ; what stands in the others was "
            "computed from the data that each section names."
        ),
        *runs_section(runs, labels),
        *_table_2(runs, data, labels),
        *_figure_4(data),
        *_table_3(cameras or data, places),
        *table_4(runs, labels),
        *table_5(runs, labels),
        *table_6(runs, labels),
        *table_s2(studies),
        *table_s4(crosses),
    )
    return page


def _table_2(runs: Sequence[Run], data: Manifest | None, labels: Labels) -> list[Block]:
    groups = [group for group in default_groups(runs) if group.model == "spaq_mt_a"]
    human = pd.DataFrame() if data is None else attribute_srcc(data.table, data.scale)
    predicted = [_predicted_srcc(group) for group in groups]
    columns = ["attribute", "from humans", "pictures", "paper (SPAQ) from humans"]
    columns += [
        f"by MT-A (runs: {len(group.runs)}, data {on}, settings {settings})"
        for group, (on, settings) in ((group, labels.of(group)) for group in groups)
    ] or ["by MT-A"]
    rows = []
    for name in ATTRIBUTES:
        from_humans, by_model = TABLE_2[name]
        has = name in human.index
        rows.append(
            [
                name,
                number(float(human["srcc"][name])) if has else EMPTY,
                f"{human['pictures'][name]:,}" if has else EMPTY,
                f"{from_humans:.3f}",
                *([str(column[name]) for column in predicted] or [EMPTY]),
                f"{by_model:.3f}",
            ]
        )
    blocks: list[Block] = [
        Heading("Table 2: SRCC of MOS with image attributes"),
        Text(
            ("" if data is None else f"From humans: {_described(data)}. ")
            + "By MT-A: SRCC of the predicted attributes with MOS on each run's test pictures, mean over the runs."
        ),
        Table((*columns, "paper (SPAQ) by MT-A"), rows),
    ]
    lacking = [name for name in ATTRIBUTES if name not in human.index]
    if data is None:
        blocks.append(Note(f"From humans: needs `--data MANIFEST` with {', '.join(ATTRIBUTES)}. {PREPARE}"))
    elif lacking:
        blocks.append(Note(f"From humans: `{data.name}` has no column {', '.join(lacking)}. {PREPARE}"))
    elif database_names(data) == ("spaq",) and len(data) == PICTURES:
        blocks.append(Text(TABLE_2_REMARK))
    if not groups:
        blocks.append(Note("By MT-A: needs runs of `tfiqa fit spaq_mt_a` with the recipe's task weights; see table 4."))
    return blocks


def _predicted_srcc(group: RunGroup) -> dict[str, Spread]:
    tables = []
    for run in group.runs:
        predictions = run.predictions()
        lacking = [column for column in ("score", *ATTRIBUTES) if column not in predictions]
        if lacking:
            raise InvalidInput(f"{run.folder.predictions('test')} has no column {lacking[0]!r}")
        tables.append(attribute_srcc(predictions, run.data.scale)["srcc"])
    return {name: Spread.of([table[name] for table in tables]) for name in ATTRIBUTES}


def _figure_4(data: Manifest | None) -> list[Block]:
    heading = Heading("Figure 4: quality of each scene category")
    if data is None:
        return [heading, Note(f"Needs `--data MANIFEST` with scores and columns `scene_*`. {PREPARE}")]
    try:
        levels = scene_levels(data)
    except InvalidInput as error:
        return [heading, Note(f"Not drawn: {error}. {PREPARE}")]
    ends = ", ".join(f"{edge:g}" for edge in levels.edges)
    rows = [
        [
            str(scene).replace("_", " "),
            f"{row['pictures']:,.0f}",
            f"{row['mean']:.4g}",
            *(f"{100 * row[level]:.1f} %" for level in LEVELS),
        ]
        for scene, row in levels.table.iterrows()
    ]
    return [
        heading,
        Text(
            f"{_described(data)}. Five equal quality levels end at {ends}. A picture with several scenes counts in each of "
            f"them: {levels.several:,} pictures have more than one, {levels.without:,} none. The paper draws the figure "
            'without numbers and remarks that "others" lie at low levels and that night scenes are generally poor.'
        ),
        Figure(
            "figure_4", draw_scene_levels(levels), "Share of each scene's pictures on five quality levels, in per cent."
        ),
        Table(("scene", "pictures", "mean score", *LEVELS), rows),
    ]


def _table_3(data: Manifest | None, places: int) -> list[Block]:
    blocks: list[Block] = [Heading("Table 3: cameras")]
    rankings: list[list[tuple[str, ...]]] = [[], []]
    if data is None:
        blocks.append(Note(TABLE_3_NEEDS))
    else:
        try:
            ranking = rank_cameras(data, places)
        except InvalidInput as error:
            blocks.append(Note(f"Not computed: {error}. {TABLE_3_NEEDS}"))
        else:
            blocks.append(
                Text(
                    f"{_described(data)}. In how many scenes a camera's picture is among the best {places} and among the worst "
                    f"{places}: {ranking.scenes} scenes count, {ranking.left_out} with fewer than {2 * places} cameras do not. "
                    "Equal scores share a place; several pictures of a scene by one camera count as their mean."
                )
            )
            rankings = [
                [(str(camera), f"{row[key]} of {row['scenes']}") for camera, row in table.iterrows()]
                for key, table in (("top", ranking.table), ("bottom", ranking.worst_first()))
            ]
    paper = [[(camera, str(count)) for camera, count in side] for side in (TABLE_3_TOP, TABLE_3_BOTTOM)]
    rows = [
        [str(place), *(cell for pair in pairs for cell in pair)]
        for place, pairs in enumerate(zip_longest(*rankings, *paper, fillvalue=(EMPTY, EMPTY)), start=1)
    ]
    columns = ["place", f"top {places}", "scenes", f"bottom {places}", "scenes"]
    of_paper = [
        f"paper (SPAQ) top {TABLE_3_PLACES}",
        "paper scenes",
        f"paper (SPAQ) bottom {TABLE_3_PLACES}",
        "paper scenes",
    ]
    blocks += [
        Text(f"The paper compares {TABLE_3_CAMERAS} cameras in {TABLE_3_SCENES} scenes and tells five of each side."),
        Table([*columns, *of_paper], rows),
    ]
    return blocks


def _described(data: Manifest) -> str:
    names = database_names(data)
    label = f"database {' + '.join(names)}" if names else "no database named"
    return f"`{data.name}`: {label}, {len(data):,} pictures, {data.scale}"
