"""The commands as a user types them, in this process."""

import csv
import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

TFIQA = Path(sys.executable).parent / "tfiqa"


@pytest.fixture(scope="module")
def exported(trained_run, tmp_path_factory):
    """The small run's model, exported."""
    from tfiqa.serving.package import export_model
    from tfiqa.weights.build import read_model

    return export_model(read_model(trained_run / "model.keras"), tmp_path_factory.mktemp("saved_models") / "small")


def test_help_is_quick():
    """Imports decide: no heavy package may load for --help."""
    code = (
        "import sys\nfrom tfiqa.cli.main import main\ntry:\n    main(['--help'])\nexcept SystemExit:\n"
        "    print([m for m in ('tensorflow', 'keras', 'pandas', 'numpy', 'scipy') if m in sys.modules], file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "Judge the quality of photographs" in done.stdout
    assert done.stderr.strip() == "[]"


@pytest.mark.parametrize(
    "command", ["fit", "evaluate", "score", "export", "serve", "data", "import-weights", "list", "brisque"]
)
def test_every_command_has_help(command, run):
    status, out, _ = run(command, "--help")
    assert status == 0
    assert out.startswith("Usage: ")


def test_wrong_usage_is_status_2(run):
    status, _, err = run("score")
    assert status == 2
    assert "Missing argument" in err
    assert run("scoer")[0] == 2


def test_lists(run):
    assert run("list", "models")[1].split() == [
        "dcnns",
        "deepfl_mtl",
        "deepfl",
        "deepfl_finetune",
        "resnet18",
        "resnet34",
        "resnet50",
        "paq2piq_baseline",
        "paq2piq_roipool",
        "paq2piq_feedback",
        "spaq_bl",
        "spaq_mt_e",
        "spaq_mt_a",
        "spaq_mt_s",
        "tfiqa_small",
        "unique",
        "cnniqa",
        "dbcnn",
        "nima",
    ]
    assert {"quickstart", "spaq_bl", "spaq_mt_a"} <= set(run("list", "recipes")[1].split())
    assert {"csv", "biq2021", "spaq"} <= set(run("list", "databases")[1].split())


def test_prepare_check_split(run, photo_folder, tmp_path):
    manifest, split = tmp_path / "m.csv", tmp_path / "s.parquet"
    status, _, err = run("data", "prepare", "csv", photo_folder / "photos.csv", "--output", manifest)
    assert (status, "16 pictures" in err) == (0, True)
    assert run("data", "check", manifest)[0] == 0
    arguments = ("--train", 0.5, "--validation", 0.25, "--test", 0.25)
    status, _, err = run("data", "split", manifest, "--output", split, *arguments)
    assert (status, "train 8, validation 4, test 4" in err) == (0, True)
    table = pd.read_parquet(split)
    assert (table.groupby("group")["split"].nunique() == 1).all()


def test_check_lists_bad_pictures(run, photo_folder, tmp_path):
    whole = (photo_folder / "photo 1.jpg").read_bytes()
    (tmp_path / "cut.jpg").write_bytes(whole[:900])
    (tmp_path / "good.jpg").write_bytes(whole)
    (tmp_path / "m.csv").write_text("image,score\ncut.jpg,1\ngood.jpg,2\n")
    status, out, err = run("data", "check", tmp_path / "m.csv", "--output", "-")
    assert status == 3
    assert "2 pictures, 1 bad" in err
    rows = list(csv.DictReader(out.splitlines()))
    assert [row["ok"] for row in rows] == ["False", "True"]
    assert (rows[1]["width"], rows[1]["height"]) == ("128", "96")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("image,mos\na.jpg,1\n", "column 'score' is missing; it has: image, mos (did you mean 'mos'?)"),
        ("image,score\na.jpg,1\nb.jpg,good\n", "score is not a number in row 3 (first: 'good')"),
        ("image,score\na.jpg,1\na.jpg,2\n", "the same picture as in an earlier row in row 3"),
        ("image,score\n", "it has no rows"),
    ],
)
def test_a_bad_manifest_is_one_line(text, message, run, tmp_path):
    (tmp_path / "m.csv").write_text(text)
    Image.new("RGB", (64, 64)).save(tmp_path / "a.jpg")
    for command in (
        ("data", "check", tmp_path / "m.csv"),
        ("fit", "quickstart", "--data", tmp_path / "m.csv", "--output", tmp_path / "r"),
    ):
        status, _, err = run(*command)
        assert status == 1
        assert err.count("\n") == 1
        assert message in err
    assert not (tmp_path / "r").exists()


def test_a_misspelt_recipe_key_names_the_nearest(run, tmp_path):
    (tmp_path / "r.yaml").write_text("model: {name: spaq_bl}\ntraining: {epoch: 3}\n")
    status, _, err = run("fit", tmp_path / "r.yaml", "--data", "none.csv", "--output", tmp_path / "run")
    assert (status, "unknown key in section training 'epoch'; did you mean 'epochs'" in err) == (1, True)


@pytest.mark.parametrize("form", ["run", "keras", "saved model", "base folder"])
def test_score_with_every_form_of_a_model(form, run, trained_run, exported, photo_folder):
    model = {
        "run": trained_run,
        "keras": trained_run / "model.keras",
        "saved model": exported,
        "base folder": exported.parent,
    }
    status, out, err = run("score", photo_folder / "photo 1.jpg", "--model", model[form])
    assert status == 0
    assert "1 of 1 pictures scored" in err
    row = next(csv.DictReader(out.splitlines()))
    want = run("score", photo_folder / "photo 1.jpg", "--model", trained_run, "--format", "jsonl")[1]
    assert float(row["quality"]) == pytest.approx(json.loads(want)["quality"], abs=1e-4, rel=1e-4)
    assert list(row) == ["path", "quality", "error"]


def test_score_gives_what_the_run_predicted(run, trained_run, photo_folder, tmp_path):
    predictions = pd.read_csv(trained_run / "predictions_test.csv")
    status, _, _ = run("score", *predictions["image"], "--model", trained_run, "--output", tmp_path / "s.csv")
    assert status == 0
    scores = pd.read_csv(tmp_path / "s.csv")
    np.testing.assert_allclose(scores["quality"], predictions["quality"], rtol=1e-6)


@pytest.mark.parametrize("form", ["run", "saved model"])
def test_a_picture_that_fails_is_a_row(form, run, trained_run, exported, photo_folder, tmp_path):
    whole = (photo_folder / "photo 1.jpg").read_bytes()
    (tmp_path / "a good.jpg").write_bytes(whole)
    (tmp_path / "cut.jpg").write_bytes(whole[:900])
    (tmp_path / "empty.png").write_bytes(b"")
    (tmp_path / "text.gif").write_bytes(b"not a picture")
    Image.open(photo_folder / "photo 1.jpg").convert("CMYK").save(tmp_path / "cmyk.tif")
    model = trained_run if form == "run" else exported
    status, out, err = run("score", tmp_path, tmp_path / "none.jpg", "--model", model, "--format", "jsonl")
    assert (status, "2 of 6 pictures scored" in err) == (3, True)
    rows = {Path(row["path"]).name: row for row in map(json.loads, out.splitlines())}
    assert rows["a good.jpg"]["error"] is None
    assert rows["cmyk.tif"]["error"] is None
    for name in ("cut.jpg", "empty.png", "text.gif", "none.jpg"):
        assert rows[name]["quality"] is None
        assert name in rows[name]["error"]


def test_score_refuses_what_is_no_model_or_no_picture(run, trained_run, tmp_path):
    status, _, err = run("score", tmp_path, "--model", trained_run)
    assert (status, str(tmp_path) in err, err.count("\n")) == (1, True, 1)
    status, _, err = run("score", tmp_path / "a.jpg", "--model", tmp_path)
    assert (status, "holds no model" in err) == (1, True)
    status, _, err = run("score", tmp_path / "a.jpg", "--model", tmp_path / "none")
    assert (status, "model not found" in err) == (1, True)


def test_score_refuses_large_pictures(run, trained_run, exported, photo_folder):
    for model in (trained_run, exported):
        status, out, _ = run("score", photo_folder / "photo 1.jpg", "--model", model, "--max-pixels", 1000)
        assert (status, "1000" in out) == (3, True)


def test_evaluate_reports_on_the_test_rows(run, trained_run, tmp_path):
    status, out, err = run(
        "evaluate",
        trained_run,
        "--data",
        trained_run / "manifest.csv",
        "--predictions",
        tmp_path / "p.csv",
    )
    assert status == 0
    assert "(split test)" in err
    assert "warning" not in err
    assert "SRCC" in out
    assert len(pd.read_csv(tmp_path / "p.csv")) == 4
    assert run("evaluate", trained_run, "--data", trained_run / "manifest.csv", "--output", tmp_path / "r.json")[0] == 0
    report = json.loads((tmp_path / "r.json").read_text())
    final = json.loads((trained_run / "metrics.json").read_text())["reports"]["test"]
    assert report["srcc"] == final["srcc"]


def test_evaluate_gives_intervals_over_groups(run, trained_run, photo_folder):
    _, out, _ = run("evaluate", trained_run, "--data", photo_folder / "photos.csv", "--repeats", 20)
    assert "95 %" in out


def test_evaluate_warns_of_training_pictures(run, trained_run):
    _, _, err = run("evaluate", trained_run, "--data", trained_run / "manifest.csv", "--split", "train")
    assert "warning: 8 of these pictures trained the model" in err


def test_evaluate_turns_a_scale_where_lower_is_better(run, trained_run, photo_folder):
    table = pd.read_csv(photo_folder / "photos.csv")
    turned = table.assign(score=100 - table["score"], scale_direction="lower", scale_unit="DMOS")[
        ["image", "score", "scale_direction", "scale_unit"]
    ]
    turned.to_csv(photo_folder / "dmos.csv", index=False)
    table.to_csv(photo_folder / "mos.csv", index=False)
    reports = [run("evaluate", trained_run, "--data", photo_folder / f"{name}.csv")[1] for name in ("mos", "dmos")]
    lines = [next(line for line in report.splitlines() if line.startswith("SRCC")) for report in reports]
    assert lines[0] == lines[1]


def test_export_counts_versions_and_never_overwrites(run, trained_run, tmp_path):
    base = tmp_path / "models" / "small"
    for version in (1, 2):
        status, out, err = run("export", trained_run, "--output", base, "--warmup", "none" if version == 2 else "1, 3")
        assert (status, out.strip(), err) == (0, str(base / str(version)), "")
    status, _, err = run("export", trained_run / "model.keras", "--output", base, "--version", 2)
    assert (status, "exists already" in err) == (1, True)
    assert sorted(path.name for path in base.iterdir() if path.is_dir()) == ["1", "2"]
    assert 'key: "canary" value: 2' in (base / "models.config").read_text()
    assert "* Pictures: 8 train, " in (base / "2" / "assets.extra" / "MODEL_CARD.md").read_text()
    requests = [base / version / "assets.extra" / "tf_serving_warmup_requests" for version in ("1", "2")]
    assert [path.exists() for path in requests] == [True, False]


def test_export_says_what_it_left_alone(run, trained_run, tmp_path, caplog):
    (tmp_path / "batching.config").write_text("max_batch_size { value: 2 }\n")
    assert run("export", trained_run, "--output", tmp_path, "--warmup", "none")[0] == 0
    assert f"{tmp_path / 'batching.config'} is left as it is, since it was edited" in caplog.text
    assert (tmp_path / "batching.config").read_text() == "max_batch_size { value: 2 }\n"


@pytest.mark.parametrize("sizes", ["", "1,0", "1;2", "-1", "two"])
def test_export_refuses_senseless_sizes_of_warm_up_requests(run, sizes, tmp_path):
    status, _, err = run("export", tmp_path, "--output", tmp_path / "m", "--warmup", sizes)
    assert (status, "numbers of pictures from 1, such as 1,2,4,8, or none" in err) == (2, True)


def test_a_full_disk_while_exporting_leaves_nothing(trained_run, tmp_path):
    """A limit on file sizes stands for the full disk: the system refuses the write in the middle of the weights."""
    code = (
        "import resource, signal, sys\nsignal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (2**20, 2**20))\nfrom tfiqa.cli.main import main\nmain(sys.argv[1:])"
    )
    command = [sys.executable, "-c", code, "export", str(trained_run), "--output", str(tmp_path / "models")]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert done.stderr == f"error: cannot write {tmp_path / 'models' / '1'}: File too large\n"
    assert list((tmp_path / "models").iterdir()) == []


def test_import_weights_wants_a_keras_name_and_a_checkpoint(run, tmp_path):
    status, _, err = run("import-weights", "spaq_bl", tmp_path / "none.pt", "--output", tmp_path / "m.h5")
    assert (status, "--output ends in .keras" in err) == (1, True)
    status, _, err = run("import-weights", "spaq_bl", tmp_path / "none.pt", "--output", tmp_path / "m.keras")
    assert status == 1
    assert err.count("\n") == 1
    assert (
        "did you mean 'spaq_bl'" in run("import-weights", "spaq", tmp_path / "n", "--output", tmp_path / "m.keras")[2]
    )


def test_serve_answers_like_tf_serving(exported, photo_folder, run):
    from tfiqa.serving.client import PredictClient

    server = subprocess.Popen(
        [
            TFIQA,
            "serve",
            exported.parent,
            "--rest-port",
            "0",
            "--grpc-port",
            "0",
            "--file-system-poll-wait-seconds",
            "0",
        ],
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        line = server.stderr.readline()
        assert line.startswith("serving small on http://127.0.0.1:"), line
        url = line.split(" on ")[1].partition("/v1/models")[0]
        pictures = [photo_folder / "photo 0.png", photo_folder / "photo 1.jpg"]
        served = [row["quality"] for row in PredictClient(url, "small").score_files(pictures)]
    finally:
        server.terminate()
        assert server.wait(timeout=60) == 0
    scored = run("score", *pictures, "--model", exported, "--format", "jsonl")[1]
    assert served == pytest.approx([json.loads(line)["quality"] for line in scored.splitlines()], rel=1e-5)


def test_serve_names_what_is_wrong(run, exported, tmp_path):
    status, _, err = run("serve", tmp_path)
    assert (status, "holds no model" in err) == (1, True)
    status, _, err = run("serve", exported)
    assert (status, "give its parent" in err) == (1, True)


def test_an_interrupted_command_is_status_130(run, monkeypatch):
    def interrupt(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr("tfiqa.list_models", interrupt)
    status, _, err = run("list", "models")
    assert (status, err.strip()) == (130, "interrupted")
