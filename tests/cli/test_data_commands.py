import csv
import shutil

import pandas as pd
import pytest
from click.testing import CliRunner

from tfiqa.cli.main import tfiqa
from tfiqa.errors import TfiqaError


@pytest.fixture
def run():
    def call(*arguments):
        result = CliRunner().invoke(tfiqa, [str(argument) for argument in arguments])
        if isinstance(result.exception, TfiqaError):
            return 1, result.stdout, f"error: {result.exception}"
        assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
        return result.exit_code, result.stdout, result.stderr

    return call


@pytest.fixture
def rows(tmp_path, photo_folder):
    """A manifest of the sixteen pictures (four versions of four scenes) with phones and an official split."""
    table = pd.read_csv(photo_folder / "photos.csv")
    table["image"] = [str(photo_folder / name) for name in table["image"]]
    table["phone"] = [f"phone {place % 4}" for place in range(16)]
    table["official_split"] = ["train"] * 9 + ["test"] * 7
    table["score_std"] = 10.0
    table.to_csv(tmp_path / "m.csv", index=False)
    return tmp_path / "m.csv"


def halves(*extra):
    return ("--train", 0.5, "--validation", 0, "--test", 0.5, *extra)


def test_splits_by_a_column(run, rows, tmp_path):
    status, _, err = run("data", "split", rows, "--by", "phone", "--output", tmp_path / "s.csv", *halves())
    assert (status, "train 8, validation 0, test 8" in err) == (0, True)
    table = pd.read_csv(tmp_path / "s.csv")
    assert (table.groupby("phone")["split"].nunique() == 1).all()
    assert (table["group"] == table["phone"]).all()
    assert "--by phone took the place of the column 'group'; 4 of its groups straddle the split" in err
    status, _, err = run("data", "split", rows, "--by", "colour", "--output", tmp_path / "t.csv")
    assert (status, "column 'colour' is missing; it has: image, score" in err) == (1, True)


def test_two_shares_that_fill_the_whole_leave_no_validation(run, rows, tmp_path):
    status, _, err = run("data", "split", rows, "--train", 0.75, "--test", 0.25, "--output", tmp_path / "s.csv")
    assert (status, "train 12, validation 0, test 4" in err) == (0, True)
    assert run("data", "split", rows, "--output", tmp_path / "s.txt")[0] == 2


def test_near_duplicates_are_kept_together_and_counted(run, rows, tmp_path):
    table = pd.read_csv(rows).drop(columns="group")
    table.to_csv(tmp_path / "n.csv", index=False)
    status, _, err = run("data", "check", tmp_path / "n.csv", "--near-duplicates")
    assert status == 0
    assert "groups that straddle the official_split: 0" in err
    assert "near-duplicates beyond the manifest's groups: 4 groups of 16 pictures" in err
    assert "near-duplicates joined, that straddle the official_split: 1" in err
    status, _, err = run(
        "data", "split", tmp_path / "n.csv", "--near-duplicates", "--output", tmp_path / "s.csv", *halves()
    )
    assert (status, "near-duplicates joined 16 groups to 4" in err) == (0, True)
    status, _, err = run("data", "check", tmp_path / "s.csv", "--near-duplicates")
    assert (status, "near-duplicates beyond the manifest's groups: 0 groups of 0 pictures" in err) == (0, True)
    scenes = pd.read_csv(rows)["group"]
    assert (pd.read_csv(tmp_path / "s.csv")["split"].groupby(scenes).nunique() == 1).all()


def test_the_official_split(run, rows, tmp_path):
    status, _, err = run("data", "split", rows, "--official", "--output", tmp_path / "s.csv")
    assert (status, "1 groups straddle the official split; --drop-straddling" in err) == (1, True)
    status, _, err = run("data", "split", rows, "--official", "--drop-straddling", "--output", tmp_path / "s.csv")
    assert (status, "1 pictures left out" in err, "train 8, validation 0, test 7" in err) == (0, True, True)


def test_repeated_splits_as_key_files_and_back(run, rows, tmp_path):
    keys = tmp_path / "keys"
    assert run("data", "split", rows, "--repeats", 3, "--seed", 7, "--write-keys", keys, *halves())[0] == 0
    assert sorted(path.name for path in keys.iterdir()) == ["seed_7.csv", "seed_8.csv", "seed_9.csv"]
    assert run("data", "split", rows, "--seed", 8, "--output", tmp_path / "8.csv", *halves())[0] == 0
    assert run("data", "split", rows, "--keys", keys / "seed_8.csv", "--output", tmp_path / "again.csv")[0] == 0
    assert (tmp_path / "again.csv").read_bytes() == (tmp_path / "8.csv").read_bytes()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((), "give --output, --write-keys or both"),
        (("--output", "s.csv", "--official", "--repeats", 2), "--repeats is for random splits"),
        (("--output", "s.csv", "--drop-straddling"), "--drop-straddling needs --official"),
        (("--output", "s.csv", "--official", "--keys", "k.csv"), "two different splits"),
        (("--output", "s.csv", "--official", "--test", 0.5), "have their own shares"),
        (("--output", "s.csv", "--keys", "k.csv", "--validation", 0.5), "has its own shares"),
    ],
)
def test_split_options_that_contradict_are_usage_errors(arguments, message, run, rows):
    status, _, err = run("data", "split", rows, *arguments)
    assert (status, message in err) == (2, True)


def test_pairs(run, rows, tmp_path):
    assert run("data", "split", rows, "--output", tmp_path / "s.csv", *halves())[0] == 0
    status, out, err = run("data", "pairs", tmp_path / "s.csv", "--count", 20, "--seed", 3)
    assert (status, err) == (0, "s 20 pairs\n")
    pairs = list(csv.DictReader(out.splitlines()))
    assert len(pairs) == 20
    table = pd.read_csv(tmp_path / "s.csv")
    train = {str((tmp_path / name).resolve()) for name in table.loc[table["split"] == "train", "image"]}
    assert {row[column] for row in pairs for column in ("image_1", "image_2")} <= train
    score = dict(zip(pd.read_csv(rows)["image"], pd.read_csv(rows)["score"], strict=True))
    for row in pairs:
        difference = score[row["image_1"]] - score[row["image_2"]]
        assert (float(row["probability"]) - 0.5) * difference >= 0
    status, _, err = run("data", "pairs", tmp_path / "s.csv", "--count", "live=20")
    assert (status, "--count for live, of which there is no manifest" in err) == (2, True)
    assert run("data", "pairs", tmp_path / "s.csv", "--count", "many")[0] == 2
    status, _, err = run("data", "pairs", tmp_path / "s.csv", tmp_path / "s.csv", "--count", 20)
    assert (status, "2 manifests are of s; give one for each database" in err) == (2, True)
    status, _, err = run("data", "pairs", rows, "--count", 20)
    assert (status, "m.csv has no splits; its pairs are of all its pictures" in err) == (0, True)


def test_an_unsound_split_can_be_made_anew(run, rows, tmp_path):
    pd.read_csv(rows).assign(split=["train", "test"] * 8).to_csv(rows, index=False)
    assert "straddle the splits" in run("data", "check", rows)[2]
    assert run("data", "split", rows, "--output", tmp_path / "s.csv", *halves())[0] == 0
    assert (pd.read_csv(tmp_path / "s.csv").groupby("group")["split"].nunique() == 1).all()


def test_copies_of_a_file_are_counted(run, rows, tmp_path):
    table = pd.read_csv(rows).drop(columns="group")
    shutil.copy(table["image"][0], tmp_path / "copy.png")
    table.loc[15, "image"] = str(tmp_path / "copy.png")
    table.to_csv(rows, index=False)
    err = run("data", "check", rows)[2]
    assert "pictures whose file is byte for byte that of another: 2" in err
    assert "files with copies on several sides of the official_split: 1" in err


def test_prepare_options_are_checked(run, rows, tmp_path):
    status, _, err = run("data", "prepare", "csv", rows, "--set", "size=3", "--output", tmp_path / "o.csv")
    assert (status, "unknown option of csv 'size'" in err) == (1, True)
    assert run("data", "prepare", "csv", rows, "--set", "size", "--output", tmp_path / "o.csv")[0] == 2


def test_prepare_does_not_overwrite_what_it_reads(run, rows, tmp_path):
    before = rows.read_bytes()
    for root in (rows, tmp_path):
        status, _, err = run("data", "prepare", "csv", root, "--output", rows)
        assert (status, "m.csv may be a file of the database" in err) == (1, True)
    assert rows.read_bytes() == before


def test_prepare_tells_what_the_full_release_has_and_whether_there_are_scores(run, tmp_path):
    (tmp_path / "ref_imgs").mkdir()
    (tmp_path / "ref_imgs" / "a.png").touch()
    (tmp_path / "kadis700k_ref_imgs.csv").write_text("ref_im,dist_type_1,dist_type_2\na.png,1,\n")
    output = tmp_path / "m.csv"
    status, _, err = run("data", "prepare", "kadis700k", tmp_path, "--set", "rows=pristine", "--output", output)
    assert (status, err) == (
        0,
        f"{output}: 1 pictures of the 140000 in the full release, 0 missing, 0 unreadable; no scores\n",
    )


def test_check_compares_with_the_official_number(run, rows):
    table = pd.read_csv(rows).assign(database="biq2021", score=0.5)
    table.to_csv(rows, index=False)
    assert "biq2021: 16 of the 12000 official rows" in run("data", "check", rows)[2]


def test_the_table_of_databases(run):
    lines = run("list", "databases", "--long")[1].splitlines()
    (line,) = [line for line in lines if line.startswith("biq2021 ")]
    assert line.split() == "biq2021 12,000 no BIQ2021 MOS 0 to 1, higher is better".split()
    assert any(line.startswith("biq2021: N. Ahmed") and "https://" in line for line in lines)
