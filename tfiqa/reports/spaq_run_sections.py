"""The sections of SPAQ's page that training runs fill: the runs themselves and tables 4 to 6."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from string import ascii_lowercase
from typing import Any

from tfiqa.models.backbones.resnet_shape import split_points
from tfiqa.reports.page import EMPTY, Block, Code, Heading, Note, Table, Text, number
from tfiqa.reports.runs import SPLIT_SETTING, DataSet, Run, RunGroup, group_runs, settings_text
from tfiqa.reports.spaq_paper import (
    PICTURES,
    REGISTERED,
    TABLE_4,
    TABLE_4_COMMANDS,
    TABLE_5,
    TABLE_5_COMMANDS,
    TABLE_6,
    TABLE_6_COMMANDS,
)

WEIGHTS = "loss.weights"
VARIED = {"spaq_mt_a": WEIGHTS, "spaq_mt_s": SPLIT_SETTING}  # by tables 5 and 6
PAPER_BACKBONE = "resnet50"
OURS = ("runs", "data", "settings", "SRCC", "PLCC", "PLCC after logistic4")
FIGURES = ("srcc", "plcc", "plcc_logistic4")
PAPER = ("paper (SPAQ) SRCC", "paper (SPAQ) PLCC")


@dataclass(frozen=True)
class Labels:
    """Short names for what many cells would repeat.

    Args:
        data: of each data set.
        settings: of each text of `_base_settings`.
    """

    data: Mapping[DataSet, str]
    settings: Mapping[str, str]

    def of(self, group: RunGroup) -> tuple[str, str]:
        """A group's data and settings."""
        return self.data[group.data], self.settings[_base_settings(group.first)]


def label_runs(runs: Sequence[Run]) -> Labels:
    """Numbers for data sets, letters for settings other than the recipe's, in the order of the runs."""
    data = dict.fromkeys(run.data for run in runs)
    settings = dict.fromkeys(_base_settings(run) for run in runs)
    letters = {text: _letters(place) for place, text in enumerate(text for text in settings if text)}
    return Labels(
        {each: str(place) for place, each in enumerate(data, start=1)},
        {text: letters.get(text, "recipe") for text in settings},
    )


def default_groups(runs: Sequence[Run]) -> list[RunGroup]:
    """The groups of the runs whose setting that table 5 or 6 varies is as in the recipe."""
    return group_runs(run for run in runs if not _task_changes(run))


def runs_section(runs: Sequence[Run], labels: Labels) -> list[Block]:
    """Each data set, settings and run."""
    blocks: list[Block] = [Heading("Runs")]
    if not runs:
        return [
            *blocks,
            Note("No run was given: `tfiqa report spaq RUNS...` takes the folders that `tfiqa fit` wrote."),
        ]
    rows = []
    for data, name in labels.data.items():
        manifests = dict.fromkeys(path for run in runs if run.data == data for path in run.manifests)
        files = ", ".join(f"`{path}`" for path in manifests)
        rows.append((name, " + ".join(data.databases) or "not named", f"{data.pictures:,}", str(data.scale), files))
    blocks.append(Table(("data", "database", "pictures", "score", "manifests"), rows))
    blocks += [
        Note(
            f"Data {name} ({data}) is not SPAQ with its {PICTURES:,} pictures: figures on it stand beside the paper's for "
            "orientation only."
        )
        for data, name in labels.data.items()
        if data.databases != ("spaq",) or data.pictures != PICTURES
    ]
    told = [(name, f"`{text}`" if text else "nothing") for text, name in labels.settings.items()]
    blocks.append(Table(("settings", "what differs from the model's bundled recipe, seeds left out"), told))
    columns = (
        "run",
        "model",
        "data",
        "settings",
        "task setting",
        "train / validation / test",
        "split seed",
        "training seed",
    )
    blocks.append(Table((*columns, "epoch chosen by", "SRCC", "PLCC"), [_run_row(run, labels) for run in runs]))
    return blocks


def table_4(runs: Sequence[Run], labels: Labels) -> list[Block]:
    """Mean figures of each model."""
    groups = default_groups(runs)
    rows = []
    for name, paper in TABLE_4.items():
        ours = [group for group in groups if REGISTERED.get(group.model) == name]
        rows += _rows([name], ours, labels, FIGURES, paper)
    for group in groups:
        if group.model not in REGISTERED:
            rows += _rows([group.model], [group], labels, FIGURES, (None, None))
    return [
        Heading("Table 4: the models"),
        Text(
            "Means over the runs of one model, data set and settings on the test pictures, ± the standard deviation (n - 1). "
            "The paper has the means of five random splits, 80 % to train and 20 % to test, and does not say whether PLCC is "
            "taken after a logistic mapping: here it is without one, and after the 4-parameter one, fitted on the test "
            "pictures. Coefficients are turned so that positive is agreement. QAC to DB-CNN are the paper's comparison."
        ),
        Table(("model", *OURS, *PAPER), rows),
        *_missing(
            set(REGISTERED) <= {group.model for group in groups}, "runs of BL and its variants", TABLE_4_COMMANDS
        ),
        *_same_split_notes(groups, labels),
    ]


def table_5(runs: Sequence[Run], labels: Labels) -> list[Block]:
    """MT-A by the weights of its two losses."""
    groups = group_runs(run for run in runs if run.model == "spaq_mt_a")
    by_weight: dict[float, list[RunGroup]] = {weight: [] for weight in TABLE_5}
    for group in groups:
        by_weight.setdefault(round(group.first.recipe.loss.weights["quality"], 6), []).append(group)
    rows = []
    for weight in sorted(by_weight, reverse=True):
        cells = [f"{weight:g}", f"{1 - weight:g}"]
        rows += _rows(cells, by_weight[weight], labels, FIGURES, TABLE_5.get(weight, (None, None)))
    return [
        Heading("Table 5: MT-A by task weights"),
        Text("Quality has the weight β1, the five attributes together β2 (equation 4). The default is 0.5 and 0.5."),
        Table(("β1", "β2", *OURS, *PAPER), rows),
        *_missing(all(by_weight[weight] for weight in TABLE_5), "MT-A runs with each weight", TABLE_5_COMMANDS),
        *_same_split_notes(groups, labels),
    ]


def table_6(runs: Sequence[Run], labels: Labels) -> list[Block]:
    """MT-S by the convolution after which its branches part."""
    groups = group_runs(run for run in runs if run.model == "spaq_mt_s")
    by_split: dict[int, list[RunGroup]] = {split: [] for split in TABLE_6}
    others = []
    for group in groups:
        options = group.first.recipe.spec.parse_options(group.model, group.first.recipe.model.options)
        points = {stages: convolution for convolution, stages in split_points(options.backbone).items()}
        split = points[options.shared_stages]
        if options.backbone == PAPER_BACKBONE:
            by_split[split].append(group)
        else:  # another backbone counts its convolutions otherwise
            others.append((f"Conv{split} of {options.backbone}", group))
    figures = (*FIGURES, "scene_accuracy")
    rows = []
    for split, paper in TABLE_6.items():
        rows += _rows([f"Conv{split}"], by_split[split], labels, figures, paper)
    for name, group in others:
        rows += _rows([name], [group], labels, figures, (None, None, None))
    return [
        Heading("Table 6: MT-S by splitting position"),
        Text(
            "Conv# is the convolution after which the branches for quality and scene part; the default is Conv40. Accuracy "
            "is the share of test pictures whose scene, by majority of the patches, is among their labels."
        ),
        Table(("position", *OURS, "accuracy", *PAPER, "paper (SPAQ) accuracy"), rows),
        *_missing(all(by_split.values()), "MT-S runs with each position", TABLE_6_COMMANDS),
        *_same_split_notes(groups, labels),
    ]


def _rows(
    names: Sequence[str],
    groups: Sequence[RunGroup],
    labels: Labels,
    figures: Sequence[str],
    paper: Sequence[float | None],
) -> list[list[str]]:
    """A row a group; one with the paper's figures alone where there is none."""
    published = [EMPTY if value is None else number(value, 3) for value in paper]
    if not groups:
        return [[*names, *[EMPTY] * (3 + len(figures)), *published]]
    return [
        [
            *names,
            str(len(group.runs)),
            *labels.of(group),
            *(str(group.spread(figure)) for figure in figures),
            *published,
        ]
        for group in groups
    ]


def _letters(place: int) -> str:
    """a, b, ..., z, aa, bb, ..."""
    rounds, letter = divmod(place, len(ascii_lowercase))
    return ascii_lowercase[letter] * (rounds + 1)


def _task_changes(run: Run) -> dict[str, Any]:
    """What a run has for the setting that table 5 or 6 varies, where it is not the recipe's."""
    varied = VARIED.get(run.model)
    return {key: value for key, value in run.changes.items() if varied and key.startswith(varied)}


def _base_settings(run: Run) -> str:
    """All other settings that are not the recipe's."""
    task = _task_changes(run)
    return settings_text({key: value for key, value in run.changes.items() if key not in task})


def _run_row(run: Run, labels: Labels) -> tuple[str, ...]:
    counts = " / ".join(f"{run.counts.get(split, 0):,}" for split in ("train", "validation", "test"))
    task = settings_text(_task_changes(run))
    return (
        f"`{run.folder.root}`",
        run.model,
        labels.data[run.data],
        labels.settings[_base_settings(run)],
        f"`{task}`" if task else "default",
        counts,
        str(run.recipe.split.seed),
        str(run.recipe.training.seed),
        run.chosen_by,
        *(number(run.report.get(name)) for name in ("srcc", "plcc")),
    )


def _missing(is_complete: bool, what: str, commands: str) -> list[Block]:
    if is_complete:
        return []
    return [
        Note(f"Rows without figures of our own need {what}. The paper's five repeats are made with:"),
        Code(commands),
    ]


def _same_split_notes(groups: Sequence[RunGroup], labels: Labels) -> list[Block]:
    texts = [
        f"The {len(group.runs)} runs of {group.model} on data {labels.of(group)[0]} with settings {labels.of(group)[1]} "
        f"have only {group.splits} different split{'s' if group.splits > 1 else ''}, so that their deviation is not that of "
        "independent splits. Give each run its own `--set split.seed`, and data without a column `split`."
        for group in groups
        if group.splits < len(group.runs)
    ]
    return [Note(text) for text in dict.fromkeys(texts)]
