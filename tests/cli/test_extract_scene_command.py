"""`tfiqa extract scene` as a user types it."""

import json
import zipfile
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner
from PIL import Image
from scenes import scene as picture

from tfiqa.cli.extract import extract
from tfiqa.databases.manifest import read_manifest
from tfiqa.errors import InvalidInput, ManifestError
from tfiqa.features.scenes.clusters import SceneTypes
from tfiqa.features.scenes.pictures import describe_pictures
from tfiqa.models.model_info import info_of, model_spec

SHADES = 4


def run(*arguments):
    """The result of a command line; what it raises is for the caller, as in `main`."""
    return CliRunner().invoke(extract, ["scene", *map(str, arguments)], catch_exceptions=False)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Pictures of four brightnesses, three of each, with a manifest: of each the last is a test picture. One is broken."""
    folder = tmp_path_factory.mktemp("pictures")
    rows = []
    for shade in range(SHADES):
        for number in range(3):
            name = f"{shade}_{number}.png"
            Image.fromarray(picture(number, 48, 64) // 8 + 60 * shade).save(folder / name)
            rows.append((name, number, "test" if number == 2 else "train"))
    (folder / "broken.png").write_bytes(b"\x89PNG\r\n\x1a\n")
    table = pd.DataFrame([*rows, ("broken.png", 1, "train")], columns=["image", "score", "split"])
    table.assign(scene_7=1).to_csv(folder / "m.csv", index=False)
    return folder


def shades(manifest):
    """The type of each picture and, by its name, its shade."""
    table = read_manifest(manifest).table
    types = table[[f"scene_{number}" for number in range(SHADES)]].to_numpy()
    assert (types.sum(axis=1) == 1).all()
    return types.argmax(axis=1).tolist(), [int(name.rpartition("/")[2][0]) for name in table["image"]]


def test_a_manifest_with_splits(folder, tmp_path):
    result = run(folder / "m.csv", "--output", tmp_path / "scenes.csv", "--sheet", tmp_path / "sheet.html")
    assert result.exit_code == 3
    assert result.stdout == ""
    told = result.stderr
    assert "4 types found in the 8 pictures of split train\n" in told
    assert "scene_0: 3 pictures; brightness " in told
    assert f"{tmp_path / 'scenes.csv'}: 12 pictures\n" in told
    assert f"failed: {folder / 'broken.png'}: " in told
    found, expected = shades(tmp_path / "scenes.csv")
    assert found == expected
    assert "scene_7" not in read_manifest(tmp_path / "scenes.csv").table
    described, _ = describe_pictures([folder / "2_0.png", folder / "2_1.png"])  # not 2_2, a test picture
    types = SceneTypes.load(tmp_path / "scenes.scenes.json")
    np.testing.assert_allclose(types.centroids[2], described.astype(np.float64).mean(axis=0), atol=1e-12)
    page = (tmp_path / "sheet.html").read_text()
    assert page.count("data:image/png") == SHADES
    assert "scene_3: 3 of 12 pictures" in page
    assert "nearest to the centroid: 3_" in page


def test_a_folder_and_types_that_were_found_before(folder, tmp_path):
    (tmp_path / "few").mkdir()
    for name in ("0_0.png", "2_1.png", "2_2.png"):
        (tmp_path / "few" / name).write_bytes((folder / name).read_bytes())
    run(folder / "m.csv", "--output", tmp_path / "all.csv")
    known = tmp_path / "all.scenes.json"
    result = run(
        tmp_path / "few", "--output", tmp_path / "few.csv", "--scenes", known, "--sheet", tmp_path / "sheet.png"
    )
    assert result.exit_code == 0
    assert shades(tmp_path / "few.csv") == ([0, 2, 2], [0, 2, 2])
    assert json.loads((tmp_path / "few.scenes.json").read_text()) == json.loads(known.read_text())
    with Image.open(tmp_path / "sheet.png") as sheet:
        assert sheet.width > 8 * 64
        colours = {colour for _, colour in sheet.convert("RGB").getcolors(sheet.width * sheet.height)}
    assert tuple(np.asarray(Image.open(folder / "2_1.png"))[10, 10]) in colours  # it is shown in its own size
    (tmp_path / "run").mkdir()
    SceneTypes.load(known).save(tmp_path / "run" / "scenes.json")
    run(tmp_path / "few", "--output", tmp_path / "again.csv", "--scenes", tmp_path / "run", "--workers", 1)
    assert (tmp_path / "again.csv").read_bytes() == (tmp_path / "few.csv").read_bytes()


def test_types_that_a_model_was_trained_with(folder, tmp_path):
    info = info_of("dcnns", model_spec("dcnns").options())
    centroids, _ = describe_pictures([folder / "1_0.png", folder / "3_0.png"])
    for name, scenes in (("with", centroids.tolist()), ("without", None)):
        config = {"config": {"tfiqa": replace(info, scenes=scenes).to_dict()}}
        with zipfile.ZipFile(tmp_path / f"{name}.keras", "w") as model:
            model.writestr("config.json", json.dumps(config))
    run(folder, "--output", tmp_path / "out.csv", "--scenes", tmp_path / "with.keras")
    table = read_manifest(tmp_path / "out.csv").table
    assert table.loc[table["image"].str.endswith("3_1.png"), ["scene_0", "scene_1"]].to_numpy().tolist() == [[0, 1]]
    with pytest.raises(InvalidInput, match=r"without\.keras was not trained with types of scenes"):
        run(folder, "--output", tmp_path / "none.csv", "--scenes", tmp_path / "without.keras")


def test_without_splits_all_pictures_count(folder, tmp_path):
    result = run(folder, "--output", tmp_path / "two.parquet", "--clusters", 2, "--seed", 5)
    assert "2 types found in all 12 pictures\n" in result.stderr
    assert {"scene_0", "scene_1"} <= set(read_manifest(tmp_path / "two.parquet").table)


def test_what_cannot_be_used(folder, tmp_path):
    output = tmp_path / "out.csv"
    with pytest.raises(InvalidInput, match=r"13 types of scenes take .* Received: 12"):
        run(folder, "--output", output, "--clusters", 13)
    with pytest.raises(InvalidInput, match=r"no picture of .* can be described: .*broken\.png"):
        run(folder / "broken.png", "--output", output)
    with pytest.raises(InvalidInput, match="model not found"):
        run(folder, "--output", output, "--scenes", tmp_path / "none")
    with pytest.raises(ManifestError, match="no such file"):
        run(tmp_path / "gone.csv", "--output", output)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["m.csv"],
        ["m.csv", "--output", "out"],
        ["m.csv", "--output", "out.csv", "--sheet", "sheet.pdf"],
        ["m.csv", "--output", "out.csv", "--clusters", "0"],
        ["m.csv", "--output", "out.csv", "--clusters", "3", "--scenes", "s.json"],
        ["m.csv", "--output", "out.csv", "--seed", "-1"],
    ],
)
def test_wrong_usage(arguments):
    assert run(*arguments).exit_code == 2
