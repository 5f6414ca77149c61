"""`tfiqa report spaq` as a user types it."""

import subprocess
import sys

import pandas as pd
import pytest
from click.testing import CliRunner
from fake_runs import fake_run

from tfiqa.cli.report import report
from tfiqa.errors import InvalidInput, ManifestError


def run(*arguments):
    return CliRunner().invoke(report, ["spaq", *map(str, arguments)])


def test_a_page_of_runs_and_data(tmp_path, photo_folder):
    runs = [fake_run(tmp_path / f"run {seed}", seed=seed) for seed in (1, 2)]
    done = run(*runs, "--data", photo_folder / "photos.csv", "--output", tmp_path / "page.html")
    assert done.exit_code == 0, done.output
    assert (done.stdout, done.stderr) == ("", f"wrote {tmp_path / 'page.html'}\n")
    page = (tmp_path / "page.html").read_text()
    assert "0.9000 ± 0.0000" in page
    assert '<td>sharpness</td><td>1.0000</td><td>16</td><td class="paper">0.958</td>' in page
    assert "has no column &#x27;scene_*&#x27;" in page


def test_cameras_from_a_manifest_of_their_own(tmp_path):
    rows = {"image": list("abcd"), "score": [1, 2, 3, 4], "phone": list("xyxy"), "scene": ["007", "007", "8", "8"]}
    pd.DataFrame(rows).to_csv(tmp_path / "phones.csv", index=False)
    done = run("--cameras", tmp_path / "phones.csv", "--places", 1, "--output", tmp_path / "page.md")
    assert done.exit_code == 0, done.output
    assert "| 1 | y | 2 of 2 | x | 2 of 2 |" in (tmp_path / "page.md").read_text()
    pd.DataFrame(rows).drop(columns="phone").to_csv(tmp_path / "phones.csv", index=False)
    done = run("--cameras", tmp_path / "phones.csv", "--output", tmp_path / "page.md")
    assert isinstance(done.exception, ManifestError)
    assert "column 'phone' is missing" in str(done.exception)


def test_a_model_on_another_database(tmp_path, photo_folder):
    from tfiqa.weights.build import build_model

    build_model("spaq_bl", weights=None, backbone="resnet18").save(tmp_path / "bl.keras")
    table = pd.read_csv(photo_folder / "photos.csv").iloc[:4]
    table["image"] = [str(photo_folder / name) for name in table["image"]]
    table.loc[3, "image"] = str(tmp_path / "gone.jpg")
    table.assign(database="koniq10k").to_csv(tmp_path / "koniq.csv", index=False)
    done = run("--cross", tmp_path / "bl.keras", tmp_path / "koniq.csv", "--output", tmp_path / "page.md")
    assert done.exit_code == 3, done.output
    assert f"left out: {tmp_path / 'gone.jpg'}" in done.stderr
    page = (tmp_path / "page.md").read_text()
    row = next(line for line in page.splitlines() if "bl.keras`: spaq_bl, SPAQ MOS" in line).split(" | ")
    assert row[2:4] == ["koniq10k", "3"]
    assert row[-2:] == ["0.707", "0.745 |"]
    assert "koniq.csv`: 1 that cannot be scored; first: " in page
    assert "| BL | – | KonIQ-10k |" not in page
    assert "| BL | – | LIVE |" in page


def test_wrong_usage(tmp_path):
    assert run().exit_code == 2
    assert run("--output", tmp_path / "page.pdf").exit_code == 2
    done = run(tmp_path, "--output", tmp_path / "page.md")
    assert isinstance(done.exception, InvalidInput)
    assert not (tmp_path / "page.md").exists()


def test_help_has_the_repeats_and_needs_no_heavy_library():
    code = (
        "import sys\nfrom click.testing import CliRunner\nfrom tfiqa.cli.report import report\n"
        "print(CliRunner().invoke(report, ['spaq', '--help']).stdout)\n"
        "assert not {'tensorflow', 'matplotlib', 'pandas'} & set(sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "--set training.seed=$s --set split.train=0.8 --set split.validation=0\n" in done.stdout


@pytest.mark.parametrize("ending", ["md", "html"])
def test_a_page_without_any_input_is_a_list_of_what_to_do(tmp_path, ending):
    done = run("--output", tmp_path / f"page.{ending}")
    assert done.exit_code == 0, done.output
    assert "tfiqa fit spaq_mt_s" in (tmp_path / f"page.{ending}").read_text()
