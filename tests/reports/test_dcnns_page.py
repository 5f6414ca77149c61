"""The page of DCNNS's tables, from run folders that hold files only, on a release of SCPQD2020 in small."""

import json
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner
from fake_runs import fake_run

from tfiqa.cli.report import report
from tfiqa.databases import prepare
from tfiqa.databases.manifest import Manifest, write_manifest
from tfiqa.databases.scpqd2020 import ASPECTS, RANK_FOLDER, SCENES, SCPQD2020
from tfiqa.errors import InvalidInput
from tfiqa.reports.dcnns import dcnns_page
from tfiqa.reports.dcnns_paper import COMMANDS, TABLE_1, TABLE_1_AVERAGE
from tfiqa.reports.dcnns_results import families, result_of
from tfiqa.reports.page import Code, Heading, Note, Table, Text
from tfiqa.reports.runs import read_run, read_runs
from tfiqa.training.recipe_files import read_recipe, recipe_text

ROWS = " ,Color,Exposure,Noise,Texture\nA_{0}.jpg,1,2.5,3,1\nB_{0}.jpg,2,2.5,1,2\nC_{0}.jpg,3,1.0,2,3\n"
# Of the three test scenes the type, the share of right patches, and height and width in pixels: 3, 1 and 1 patches.
TESTED = {"047": (0, 0.75, 64, 384), "055": (1, 0.25, 64, 223), "090": (3, 0.5, 100, 64)}


@pytest.fixture(scope="module")
def manifests(tmp_path_factory):
    """By aspect a manifest of 100 scenes by three phones, with types of scenes and a split."""
    root = tmp_path_factory.mktemp("scpqd2020")
    (root / RANK_FOLDER).mkdir(parents=True)
    for scene in SCENES:
        (root / RANK_FOLDER / f"{scene}.csv").write_text(ROWS.format(scene))
        folder = root / "Training" / scene
        folder.mkdir(parents=True)
        for phone in "ABC":
            (folder / f"{phone}_{scene}.jpg").touch()
    table = prepare("scpqd2020", root).manifest.table
    types = table["scene"].map(lambda name: TESTED.get(name, (2,))[0])
    columns = {f"scene_{number}": (types == number).astype(int) for number in range(4)}
    table = table.assign(**columns, split=np.where(table["scene"].isin(TESTED), "test", "train"))
    return {
        aspect: Manifest(table.assign(score=table[f"rank_{aspect}"]), None, SCPQD2020(aspect=aspect).score_scale())
        for aspect in ASPECTS
    }


def ranked_run(folder, manifest, settings=(), *, seed=1, outputs=("quality",), chosen_by="test SRCC (optimistic)"):
    """A finished run of dcnns: right about scene 055, wrong about 047, and about 090 right with an odd seed."""
    folder.mkdir(parents=True)
    seeds = [f"split.seed={seed}", f"training.seed={seed}"]
    (folder / "recipe.yaml").write_text(recipe_text(read_recipe("dcnns", [*seeds, *settings])))
    write_manifest(manifest, folder / "manifest.csv")
    data = {"manifests": ["/data/scpqd.csv"], "pictures": {"train": 291, "validation": 0, "test": 9}}
    (folder / "data.json").write_text(json.dumps(data))
    metrics = {"chosen_epoch": 9, "chosen_by": chosen_by, "reports": {"test": {"srcc": 0.1, "plcc": 0.2}}}
    (folder / "metrics.json").write_text(json.dumps(metrics))
    rows = manifest.table[manifest.table["split"] == "test"].reset_index(drop=True)
    sign = rows["scene"].map({"047": -1, "055": 1, "090": 1 if seed % 2 else -1})
    columns = {name: sign * rows["score" if name == "quality" else f"rank_{name}"] for name in outputs}
    predicted = pd.DataFrame({"image": rows["image"], **columns, "scene": "0"})
    for number in range(4):
        right = rows["scene"].map(lambda name: TESTED[name][1])
        predicted[f"votes_{number}"] = right.where(rows[f"scene_{number}"] == 1, (1 - right) / 3)
    predicted.to_csv(folder / "predictions_test.csv", index=False)
    sizes = manifest.table["scene"].map(lambda name: TESTED.get(name, (0, 0, 500, 500)))
    checks = {"path": manifest.table["image"], "split": manifest.table["split"], "error": None}
    height, width = ([each[place] for each in sizes] for place in (2, 3))
    pd.DataFrame({**checks, "height": height, "width": width}).to_csv(folder / "pictures.csv", index=False)
    return folder


def page_of(*folders):
    return dcnns_page([result_of(run) for run in read_runs(folders)])


def section(page, title):
    """The blocks under the heading that begins so."""
    starts = [place for place, block in enumerate(page.blocks) if isinstance(block, Heading)]
    start = next(place for place in starts if page.blocks[place].text.startswith(title))
    return page.blocks[start + 1 : min([place for place in starts if place > start], default=len(page.blocks))]


def tables(page, title):
    found = [block for block in section(page, title) if isinstance(block, Table)]
    return [[dict(zip(table.columns, row, strict=True)) for row in table.rows] for table in found]


def texts(page, title):
    return " ".join(block.text for block in section(page, title) if isinstance(block, (Note, Text)))


@pytest.fixture(scope="module")
def page(manifests, tmp_path_factory):
    """Of texture two repetitions, of the other aspects one."""
    folder = tmp_path_factory.mktemp("runs")
    runs = [ranked_run(folder / f"texture_{seed}", manifests["texture"], seed=seed) for seed in (1, 2)]
    runs += [ranked_run(folder / aspect, manifests[aspect]) for aspect in ASPECTS[1:]]
    return page_of(*runs)


def test_table_2_is_the_mean_within_scenes_over_the_runs(page):
    (rows,) = tables(page, "Table 2")
    found = {row["model"]: row for row in rows}
    assert list(found) == ["BRISQUE", "NIQE", "CNNIQA", "Yao et al.", "DCNNS"]
    ours = found["DCNNS"]
    assert (ours["runs"], ours["settings"]) == ("2 / 1 / 1 / 1", "recipe")
    assert (ours["texture"], ours["color"], ours["exposure"]) == ("0.0000 ± 0.4714", "0.3333", "0.3333")
    assert (ours["paper texture"], ours["paper exposure"]) == ("0.4899", "0.4349")
    assert (found["NIQE"]["texture"], found["NIQE"]["paper noise"]) == ("–", "0.1896")


def test_table_1_counts_patches(page):
    (rows,) = tables(page, "Table 1")
    texture = {row["type"]: row["texture"] for row in rows}
    assert texture == {
        **{"0": "0.7500", "1": "0.2500", "2": "–", "3": "0.5000"},
        **{"average of the types": "0.5000", "all patches": "0.6000 ± 0.0000"},  # (9 x .75 + 3 x .25 + 3 x .5) / 15
    }
    assert (rows[3]["paper color"], rows[4]["paper color"]) == ("0.5740", "0.4319")


def test_table_3_has_every_scene_and_whether_its_type_matters(page):
    chosen, correlations, every = tables(page, "Table 3")
    assert [row["scene"] for row in every] == ["055", "090", "047"]
    found = {row["scene"]: row for row in chosen}
    assert list(found) == ["055", "090", "047", "085"]
    assert found["055"]["texture"] == "1.0000 / 0.2500"
    assert found["055"]["paper noise"] == "-0.1827 / 0.0326"
    assert (found["055"]["type"], found["055"]["runs"], found["055"]["mean accuracy"]) == ("1", "2", "0.2500")
    assert (found["090"]["texture"], found["090"]["color"]) == ("0.0000 / 0.5000", "1.0000 / 0.5000")
    assert found["090"]["mean SROCC"] == "0.7500"
    assert (found["085"]["texture"], found["085"]["paper texture"]) == ("–", "0.5869 / 0.7785")
    by_aspect = {row["aspect"]: row for row in correlations}
    assert (by_aspect["texture"]["SRCC"], by_aspect["color"]["SRCC"]) == ("-1.0000", "-0.8660")
    assert by_aspect["mean"]["scenes"] == "3"


def test_the_runs_and_how_not_to_read_them(page, manifests, tmp_path):
    rows, _ = tables(page, "Runs")
    assert [row["aspects"] for row in rows] == ["texture", "texture", "color", "noise", "exposure"]
    assert rows[2]["data"] == "scpqd2020, 300 pictures, SCPQD2020 color rank 1 to 15, lower is better"
    assert "Not all 1,500 pictures of SCPQD2020" in texts(page, "Runs")
    assert "the test pictures chose the epoch, which flatters the figures" in texts(page, "Runs")
    other = page_of(ranked_run(tmp_path / "run", manifests["texture"], chosen_by="validation SRCC"))
    assert "chose the epoch" not in texts(other, "Runs")
    assert [block.text for block in section(other, "Table 2") if isinstance(block, Code)] == [COMMANDS]


def test_one_model_for_all_aspects_and_other_settings_are_rows_of_their_own(manifests, tmp_path):
    all_aspects = f"model.options.aspects=[{','.join(ASPECTS)}]"
    runs = [
        ranked_run(tmp_path / "all", manifests["texture"], [all_aspects], outputs=("quality", *ASPECTS)),
        ranked_run(tmp_path / "short", manifests["noise"], ["epochs=7"]),
        ranked_run(tmp_path / "usual", manifests["noise"]),
    ]
    page = page_of(*runs)
    ours = [row for row in tables(page, "Table 2")[0] if row["model"] == "DCNNS"]
    assert [(row["runs"], row["noise"]) for row in ours] == [
        ("1", "0.3333"),
        ("0 / 0 / 1 / 0", "0.3333"),
        ("0 / 0 / 1 / 0", "0.3333"),
    ]
    assert [row["settings"] for row in ours] == ["1", "2", "recipe"]
    assert [row["what differs from the model's bundled recipe, seeds left out"] for row in tables(page, "Runs")[1]] == [
        "nothing",
        f"`{all_aspects.replace(',', ', ')}`",
        "`training.epochs=7`",
    ]
    (first, *_) = families([result_of(run) for run in read_runs(runs)])
    assert list(first.aspects) == list(ASPECTS)
    assert first.scenes().loc["055", ["srcc_exposure", "accuracy_noise"]].tolist() == pytest.approx([1, 0.25])


def test_a_model_without_types_of_scenes(manifests, tmp_path):
    plain = ["model.options.scenes=false", "loss.name=l1", "data.scenes=columns"]
    page = page_of(ranked_run(tmp_path / "run", manifests["texture"], plain))
    assert "No run tells types of scenes" in texts(page, "Table 1")
    chosen, every = tables(page, "Table 3")
    assert (chosen[0]["texture"], chosen[0]["mean accuracy"], chosen[0]["type"]) == ("1.0000", "–", "–")
    assert len(every) == 3


def test_scenes_that_do_not_count(manifests, tmp_path):
    manifest = manifests["texture"]
    table = manifest.table.assign(score=manifest.table["score"].where(manifest.table["scene"] != "055", 8.0))
    page = page_of(ranked_run(tmp_path / "run", Manifest(table, None, manifest.scale)))
    assert "Scenes of one test picture, or of equal ranks, do not count: " in texts(page, "Runs")
    assert tables(page, "Table 2")[0][-1]["texture"] == "0.0000"
    assert [row["scene"] for row in tables(page, "Table 3")[0]] == ["090", "047", "055", "085"]


def test_runs_on_other_scores(manifests, tmp_path):
    page = page_of(fake_run(tmp_path / "spaq", srcc=0.9, plcc=0.8))
    (rows,) = tables(page, "Other scores")
    assert (rows[0]["model"], rows[0]["SRCC"], rows[0]["PLCC"]) == ("spaq_bl", "0.9000", "0.8000")
    assert rows[0]["patches of the right type"] == "–"
    assert {row["texture"] for row in tables(page, "Table 2")[0]} == {"–"}
    manifest = manifests["texture"]
    mine = replace(manifest, scale=replace(manifest.scale, unit="marks"))
    (rows,) = tables(page_of(ranked_run(tmp_path / "mine", mine)), "Other scores")
    assert (rows[0]["SRCC"], rows[0]["patches of the right type"]) == ("0.1000", "0.6000")


def test_files_that_are_not_of_one_run(manifests, tmp_path):
    folder = ranked_run(tmp_path / "run", manifests["texture"])
    checks = pd.read_csv(folder / "pictures.csv")
    checks.iloc[:-30].assign(split="train").to_csv(folder / "pictures.csv", index=False)
    with pytest.raises(InvalidInput, match=r"pictures\.csv does not hold the test pictures of "):
        result_of(read_run(folder))
    pd.read_csv(folder / "predictions_test.csv").iloc[::-1].to_csv(folder / "predictions_test.csv", index=False)
    with pytest.raises(
        InvalidInput, match=r"predictions_test\.csv does not hold the test pictures of .*, in their order"
    ):
        result_of(read_run(folder))


def test_from_the_command_line(manifests, tmp_path):
    folder = ranked_run(tmp_path / "run", manifests["noise"])
    done = CliRunner().invoke(report, ["dcnns", str(folder), "--output", str(tmp_path / "page.md")])
    assert (done.exit_code, done.stdout, done.stderr) == (0, "", f"wrote {tmp_path / 'page.md'}\n")
    assert (
        "| Yao et al. | – | – | – | – | – | – | 0.4414 | 0.4827 | 0.4525 | 0.4368 |"
        in (tmp_path / "page.md").read_text()
    )
    assert CliRunner().invoke(report, ["dcnns", "--output", str(tmp_path / "page.md")]).exit_code == 2


def test_the_papers_averages_are_over_the_types():
    assert np.mean(TABLE_1, axis=0) == pytest.approx(TABLE_1_AVERAGE, abs=5e-5)
