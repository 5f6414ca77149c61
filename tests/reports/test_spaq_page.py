"""The page of SPAQ's analyses, from run folders that hold files only."""

import base64
import io
import json
import subprocess
from itertools import pairwise

import pandas as pd
import pytest
from fake_runs import fake_run
from PIL import Image

from tfiqa.databases.manifest import Manifest
from tfiqa.errors import InvalidInput, StorageError
from tfiqa.reports import spaq_paper
from tfiqa.reports.page import Code, Figure, Heading, Note, Page, Table, Text, to_html, to_markdown, write_page
from tfiqa.reports.runs import Spread, group_runs, read_run, read_runs
from tfiqa.reports.spaq import spaq_page
from tfiqa.reports.studies import read_study
from tfiqa.score_scale import ScoreScale
from tfiqa.training.recipe_files import read_recipe


def section(page, title):
    """The blocks under the heading that begins so."""
    starts = [place for place, block in enumerate(page.blocks) if isinstance(block, Heading)]
    for start, end in zip(starts, [*starts[1:], len(page.blocks)], strict=True):
        if page.blocks[start].text.startswith(title):
            return page.blocks[start + 1 : end]
    raise AssertionError(f"no section {title}")


def table(page, title, place=0):
    """A table of a section, as a list of dictionaries by column."""
    found = [block for block in section(page, title) if isinstance(block, Table)][place]
    return [dict(zip(found.columns, row, strict=True)) for row in found.rows]


def notes(page, title):
    return " ".join(block.text for block in section(page, title) if isinstance(block, Note))


def test_a_page_as_markdown_and_html(tmp_path):
    page = Page("A & B")
    page.add(Heading("One"), Text("`a|b` is <b> *so*\n too"), Note("look"), Code("x < y"))
    page.add(Table(("name", "paper x"), [("a|b", "`c|d`")]), Figure("dot", b"PNG", "a dot"))
    assert write_page(page, tmp_path / "page.md") == [tmp_path / "page.md", tmp_path / "page_dot.png"]
    assert (tmp_path / "page_dot.png").read_bytes() == b"PNG"
    markdown = (tmp_path / "page.md").read_text()
    for part in (
        "# A & B\n",
        "## One",
        r"`a|b` is \<b> \*so\* too",
        "> **Note.** look",
        "```sh\nx < y\n```",
        "| name | paper x |\n| --- | --- |\n| a\\|b | `c\\|d` |",
        "![a dot](<page_dot.png>)",
    ):
        assert part in markdown
    assert write_page(page, tmp_path / "page.html") == [tmp_path / "page.html"]
    text = (tmp_path / "page.html").read_text()
    for part in (
        "<h1>A &amp; B</h1>",
        "<code>a|b</code> is &lt;b&gt; *so* too",
        '<p class="note">look</p>',
        "<pre>x &lt; y</pre>",
        '<td>a|b</td><td class="paper"><code>c|d</code></td>',
        "data:image/png;base64," + base64.b64encode(b"PNG").decode(),
    ):
        assert part in text


def test_pages_of_other_kinds_and_places(tmp_path):
    with pytest.raises(InvalidInput, match=r"ends in \.md or \.html"):
        write_page(Page("x"), tmp_path / "page.pdf")
    (tmp_path / "page.md").mkdir()
    with pytest.raises(StorageError):
        write_page(Page("x"), tmp_path / "page.md")


def test_means_and_deviations():
    assert str(Spread.of([0.9, 0.92])) == "0.9100 ± 0.0141"
    assert str(Spread.of([0.9])) == "0.9000"
    assert str(Spread.of([0.9, None])) == "undefined"


def test_only_runs_that_differ_in_seeds_are_averaged(tmp_path):
    runs = [
        fake_run(tmp_path / "1", seed=1),
        fake_run(tmp_path / "2", settings=["training.seed=7", "model.options={backbone: resnet50}"], seed=2),
        fake_run(tmp_path / "3", settings=["epochs=20"], seed=3),
        fake_run(tmp_path / "4", seed=4, database="koniq10k"),
        fake_run(tmp_path / "5", "spaq_mt_s", seed=5),
        fake_run(tmp_path / "6", "spaq_mt_s", ["model.options={split: 40}"], seed=6),  # the default, spelt out
        fake_run(tmp_path / "7", "spaq_mt_s", ["model.options={split: 22}"], seed=7),
    ]
    groups = group_runs(read_runs(runs))
    assert [[run.folder.root.name for run in group.runs] for group in groups] == [
        ["1", "2"],
        ["3"],
        ["4"],
        ["5", "6"],
        ["7"],
    ]
    assert [group.first.changes for group in groups] == [
        {},
        {"training.epochs": 20},
        {},
        {},
        {"model.options.split": 22},
    ]


def test_runs_with_other_targets_or_inputs_are_not_averaged(tmp_path):
    for model, column in (("spaq_mt_a", "brightness"), ("spaq_mt_s", "scene_animal"), ("spaq_mt_e", "exif_flash")):
        folders = [fake_run(tmp_path / f"{model}{seed}", model, seed=seed) for seed in (1, 2)]
        for folder, value in zip(folders, (1.0, 2.0), strict=True):
            table = pd.read_csv(folder / "manifest.csv")
            table.assign(**{column: value}).to_csv(folder / "manifest.csv", index=False)
        assert len(group_runs(read_runs(folders))) == 2
        pd.read_csv(folders[0] / "manifest.csv").assign(**{column: 2.0}).to_csv(
            folders[0] / "manifest.csv", index=False
        )
        assert [group.splits for group in group_runs(read_runs(folders))] == [2]


def test_runs_that_cannot_be_used(tmp_path):
    with pytest.raises(InvalidInput, match=r"is no run folder: it holds no recipe\.yaml"):
        read_run(tmp_path)
    folder = fake_run(tmp_path / "a")
    with pytest.raises(InvalidInput, match="given twice"):
        read_runs([folder, tmp_path / "b" / ".." / "a"])
    (folder / "metrics.json").write_text(json.dumps({"chosen_by": "x", "reports": {"validation": {}}}))
    with pytest.raises(InvalidInput, match="no test pictures"):
        read_run(folder)
    (folder / "metrics.json").write_text("{")
    with pytest.raises(InvalidInput, match=r"cannot read .*metrics\.json"):
        read_run(folder)
    (folder / "metrics.json").unlink()
    with pytest.raises(InvalidInput, match="is unfinished"):
        read_run(folder)


def test_tables_4_to_6(tmp_path):
    folders = [fake_run(tmp_path / f"bl_{seed}", seed=seed, srcc=0.9 + seed / 100) for seed in (1, 2, 3)]
    for weight in (0.9, 0.7):
        settings = [f"loss.weights={{quality: {weight}, attributes: {1 - weight:.1f}}}"]
        folders.append(fake_run(tmp_path / f"a_{weight}", "spaq_mt_a", settings, srcc=weight))
    for split in (1, 40):
        settings = [f"model.options.split={split}"]
        folders.append(fake_run(tmp_path / f"s_{split}", "spaq_mt_s", settings, srcc=0.5, accuracy=0.6 + split / 1000))
    small = ["model.options={backbone: resnet18, split: 5}"]
    folders.append(fake_run(tmp_path / "s_small", "spaq_mt_s", small, srcc=0.4, accuracy=0.3))
    page = spaq_page(read_runs(folders))

    models = {row["model"]: row for row in table(page, "Table 4")}
    assert (models["BL"]["runs"], models["BL"]["SRCC"]) == ("3", "0.9200 ± 0.0100")
    assert models["BL"]["PLCC after logistic4"] == "0.8100 ± 0.0000"
    assert (models["BL"]["paper (SPAQ) SRCC"], models["BL"]["paper (SPAQ) PLCC"]) == ("0.908", "0.909")
    assert models["MT-A"]["runs"] == "–"  # its runs have other weights than the recipe's
    assert (models["MT-S"]["runs"], models["MT-S"]["SRCC"]) == ("1", "0.5000")
    assert models["DB-CNN"]["paper (SPAQ) SRCC"] == "0.911"
    assert "need runs of BL and its variants" in notes(page, "Table 4")

    weights = {row["β1"]: row for row in table(page, "Table 5")}
    assert list(weights) == ["0.9", "0.8", "0.7", "0.6", "0.5"]
    assert (weights["0.7"]["SRCC"], weights["0.7"]["settings"]) == ("0.7000", "recipe")
    assert (weights["0.8"]["SRCC"], weights["0.8"]["paper (SPAQ) PLCC"]) == ("–", "0.918")

    splits = {row["position"]: row for row in table(page, "Table 6")}
    assert list(splits) == ["Conv1", "Conv10", "Conv22", "Conv40", "Conv49", "Conv5 of resnet18"]
    assert (splits["Conv1"]["accuracy"], splits["Conv1"]["paper (SPAQ) accuracy"]) == ("0.6010", "0.702")
    assert splits["Conv40"]["accuracy"] == "0.6400"
    assert splits["Conv5 of resnet18"]["paper (SPAQ) SRCC"] == "–"


def test_the_data_of_every_run_is_told(tmp_path):
    folders = [fake_run(tmp_path / "1"), fake_run(tmp_path / "2", settings=["training.seed=2"], database="koniq10k")]
    page = spaq_page(read_runs(folders))
    assert [row["database"] for row in table(page, "Runs")] == ["spaq", "koniq10k"]
    assert table(page, "Runs")[0]["score"] == "SPAQ MOS 0 to 100, higher is better"
    assert [row["data"] for row in table(page, "Runs", 2)] == ["1", "2"]
    assert "Data 1 (spaq, 30 pictures" in notes(page, "Runs")  # a part of SPAQ is not SPAQ either
    assert "Data 2 (koniq10k, 30 pictures" in notes(page, "Runs")
    assert [row["data"] for row in table(page, "Table 4") if row["model"] == "BL"] == ["1", "2"]


def test_runs_of_one_split_are_told(tmp_path):
    folders = [fake_run(tmp_path / "1"), fake_run(tmp_path / "2", settings=["training.seed=2"])]
    assert "2 runs of spaq_bl on data 1 with settings recipe have only 1 different split," in notes(
        spaq_page(read_runs(folders)), "Table 4"
    )


def test_table_2_from_humans_and_by_models(tmp_path):
    folders = [fake_run(tmp_path / str(seed), "spaq_mt_a", seed=seed) for seed in (1, 2)]
    rows = pd.DataFrame({"image": ["a", "b", "c"], "score": [1.0, 2.0, 3.0], "contrast": [1, 3, 2]})
    page = spaq_page(read_runs(folders), Manifest(rows, None, ScoreScale(0, 5, True, "MOS")))
    found = {row["attribute"]: row for row in table(page, "Table 2")}
    assert (found["contrast"]["from humans"], found["contrast"]["pictures"]) == ("0.5000", "3")
    assert found["contrast"]["paper (SPAQ) from humans"] == "0.874"
    by_model = "by MT-A (runs: 2, data 1, settings recipe)"
    assert (found["sharpness"][by_model], found["noisiness"][by_model]) == ("-1.0000 ± 0.0000", "1.0000 ± 0.0000")
    assert "has no column brightness, colorfulness, noisiness, sharpness" in notes(page, "Table 2")
    (folders[0] / "predictions_test.csv").unlink()
    with pytest.raises(InvalidInput, match=r"cannot read .*predictions_test"):
        spaq_page(read_runs(folders))


def test_figure_and_cameras():
    rows = pd.DataFrame(
        {"image": list("abcd"), "score": [10.0, 30, 50, 90], "phone": list("xyxy"), "scene": [1, 1, 2, 2]}
    )
    data = Manifest(rows.assign(scene_plant=[1, 1, 0, 1]), None, ScoreScale(0, 100, True, "MOS"))
    page = spaq_page(data=data, places=1)
    figure = next(block for block in section(page, "Figure 4") if isinstance(block, Figure))
    assert Image.open(io.BytesIO(figure.png)).size[0] > 1000
    assert table(page, "Figure 4")[0] == {
        "scene": "plant",
        "pictures": "3",
        "mean score": "43.33",
        **{"bad": "33.3 %", "poor": "33.3 %", "fair": "0.0 %", "good": "0.0 %", "excellent": "33.3 %"},
    }
    found = next(block for block in section(page, "Table 3") if isinstance(block, Table)).rows
    assert found[0] == ["1", "y", "2 of 2", "x", "2 of 2", "Apple iPhone 6s Plus", "22", "Meitu M6", "21"]
    assert found[4][:5] == ["5", "–", "–", "–", "–"]


def test_whatever_lacks_its_input_says_what_it_needs():
    page = spaq_page()
    for title, need in {
        "Runs": "`tfiqa fit`",
        "Table 2": "needs `--data MANIFEST`",
        "Figure 4": "Needs `--data MANIFEST`",
        "Table 3": "`--cameras MANIFEST`",
        "Table 4": "need runs",
        "Table 5": "need MT-A runs",
        "Table 6": "need MT-S runs",
        "Table S2": "single ratings",
        "Table S4": "need a BL trained on SPAQ",
    }.items():
        assert need in notes(page, title), title
    assert "no column 'phone'" in notes(
        spaq_page(data=Manifest(pd.DataFrame({"score": [1.0]}), None, ScoreScale(0, 5, True, "MOS"))), "Table 3"
    )
    assert "Table 4: the models" in to_markdown(page, {})
    assert "Table 4: the models" in to_html(page)


def test_studies(tmp_path):
    report = {
        "ratings_file": "ratings.csv",
        "counts": {"subjects": 20, "stimuli": 24},
        "rejection": "spaq",
        "method": "mos",
        "sub_group_consistency": {"asked": 25, "seed": 0, "halvings": 25, "srcc": 0.95, "srcc_std": 0.01}
        | {"plcc": 0.96, "plcc_std": 0.02},
        "subject_consistency": {"undefined": "no subject has 3 opinions"},
    }
    path = tmp_path / "study.json"
    path.write_text(json.dumps(report))
    groups, single = table(spaq_page(studies=[read_study(path)]), "Table S2")
    assert (groups["SRCC"], groups["PLCC"], groups["means over"]) == (
        "0.9500 ± 0.0100",
        "0.9600 ± 0.0200",
        "25 halvings",
    )
    assert (groups["paper (SPAQ) SRCC"], single["paper (SPAQ) PLCC"]) == ("0.923", "0.865")
    assert single["SRCC"] == "undefined: no subject has 3 opinions"
    path.write_text("{}")
    with pytest.raises(InvalidInput, match="is no report of `tfiqa study --report`"):
        read_study(path)


@pytest.mark.parametrize(
    ("commands", "expected"),
    [
        (
            spaq_paper.TABLE_4_COMMANDS,
            {("spaq_bl", None), ("spaq_mt_e", 0.5), ("spaq_mt_a", 0.5), ("spaq_mt_s", None)},
        ),
        (spaq_paper.TABLE_5_COMMANDS, {("spaq_mt_a", weight) for weight in (0.9, 0.8, 0.7, 0.6)}),
        (spaq_paper.TABLE_6_COMMANDS, {("spaq_mt_s", split) for split in (1, 10, 22, 49)}),
    ],
    ids=["table 4", "table 5", "table 6"],
)
def test_the_commands_on_the_page_are_the_papers_repeats(commands, expected):
    """A shell runs them with a `tfiqa` that only tells its arguments; the recipes they make are read."""
    shell = subprocess.run(
        ["bash", "-c", "tfiqa() { printf '%s\\t' \"$@\"; echo; }\n" + commands],
        capture_output=True,
        text=True,
        check=True,
    )
    calls = [line.rstrip("\t").split("\t") for line in shell.stdout.splitlines()]
    recipes = [
        read_recipe(call[1], [value for flag, value in pairwise(call) if flag == "--set"])
        for call in calls
        if call[0] == "fit"
    ]
    assert len({call[call.index("--output") + 1] for call in calls}) == len(calls)
    assert len(recipes) == 5 * len(expected)
    told = {(r.model.name, r.loss.weights.get("quality", r.model.options.get("split"))) for r in recipes}
    assert told == expected
    assert {recipe.split.seed for recipe in recipes} == {1, 2, 3, 4, 5}
    assert {tuple(recipe.split.fractions().values()) for recipe in recipes} == {(0.8, 0, 0.2)}
