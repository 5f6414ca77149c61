"""From manifests to finished folders, in this process."""

import io
import shutil

import numpy as np
import pandas as pd
import pytest
from PIL import Image
from scenes import scene
from weak_label_jobs import FEW, SIDE, distorted, job, label, pristine, write_table

from tfiqa import distortions, full_reference
from tfiqa.errors import InvalidInput
from tfiqa.features.weak_labels.labels import Labeller
from tfiqa.histogram_equalization import HistogramEqualization


def pictures_of(records):
    """By key, the pictures of records and their cells."""
    return {row["image/path"].decode(): row for row in records.dataset().as_numpy_iterator()}


def test_records_hold_what_their_cells_say(tmp_path):
    finished, records = label(pristine(tmp_path, 3), tmp_path / "out")
    assert (len(records), records.shard_list.skipped, finished.equalized) == (15, 0, 15)
    found = pictures_of(records)
    for row in records.manifest().table.to_dict("records"):
        reference = scene(int(row["reference"][1]), SIDE, SIDE)
        assert row["image"] == f"{row['reference'][:2]}_{row['type']:02}_{row['level']:02}.png"
        assert (row["distortion"], row["group"]) == (distortions.NAMES[row["type"] - 1], row["reference"])
        expected = distortions.apply(row["distortion"], reference, row["level"], row["seed"])
        picture = found[row["image"]]
        assert np.array_equal(picture["image"], expected)
        assert (
            picture["gmsd"] == row["gmsd"] == pytest.approx(float(full_reference.gmsd(reference, expected)), abs=1e-6)
        )
        assert row["mdsi"] == pytest.approx(float(full_reference.mdsi(reference, expected)), abs=1e-6)
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == [
        "equalization.json",
        "plan.json",
        *(f"pristine-0000{number}-of-00003.tfrecord" for number in range(3)),
        "schema.json",
        "scores.parquet",
        "shards.json",
    ]


def test_the_table_is_that_of_the_records(tmp_path):
    _, records = label(pristine(tmp_path, 2, split=["train", "test"], database=["", "kadis700k"]), tmp_path / "out")
    table = pd.read_parquet(tmp_path / "out/scores.parquet")
    pd.testing.assert_frame_equal(table, records.manifest().table, check_dtype=False)
    names = ["image", "reference", "distortion", "level", "type", "seed", "group", "split", "database", *FEW]
    assert list(table.columns) == names
    assert table["database"].isna().tolist() == [True] * 5 + [False] * 5


def test_equalization_is_fitted_on_the_training_split(tmp_path):
    finished, _ = label(pristine(tmp_path, 2, split=["train", "test"]), tmp_path / "out")
    table = pd.read_parquet(tmp_path / "out/scores.parquet")
    saved = HistogramEqualization.load(tmp_path / "out/equalization.json")
    ours = HistogramEqualization.fit(table[table["split"] == "train"], FEW, dict.fromkeys(FEW, False))
    assert finished.equalized == 5
    assert saved.to_dict() == ours.to_dict()
    finished, _ = label(pristine(tmp_path, 2, split=["test", "test"]), tmp_path / "out2")
    assert finished.equalized == 0
    assert not (tmp_path / "out2/equalization.json").exists()


def test_neither_order_nor_shards_nor_company_change_a_picture(tmp_path):
    path = pristine(tmp_path, 4)
    _, records = label(path, tmp_path / "one", shard_pictures=1)
    names = [f"pictures/s{number}.png" for number in (3, 0, 2, 1)]
    (tmp_path / "deep").mkdir()
    shutil.copy(tmp_path / "pictures/s0.png", tmp_path / "deep/other.png")
    turned = write_table(tmp_path, "turned.csv", image=[*names, "deep/other.png"])
    _, others = label(turned, tmp_path / "two", shard_pictures=15)
    assert (len(records.shards), len(others.shards)) == (4, 2)
    other_pictures = pictures_of(others)
    for key, picture in pictures_of(records).items():
        other = other_pictures[f"pictures/{key}"]
        assert np.array_equal(picture["image"], other["image"])
        assert [picture[name] for name in ("seed", *FEW)] == [other[name] for name in ("seed", *FEW)]


def test_another_seed_draws_anew(tmp_path):
    path = pristine(tmp_path, 4)
    types = []
    for seed in (0, 1):
        _, records = label(path, tmp_path / str(seed), seed=seed)
        types.append(records.manifest().table[["type", "seed"]].to_numpy())
    assert (types[0][:, 0] != types[1][:, 0]).any()
    assert (types[0][:, 1] != types[1][:, 1]).all()


def test_five_types(tmp_path):
    _, records = label(pristine(tmp_path, 1), tmp_path / "five", draw="five")
    table = records.manifest().table
    assert table.groupby("distortion")["level"].apply(list).tolist() == [[1, 2, 3, 4, 5]] * 5


def test_all_types(tmp_path):
    _, records = label(pristine(tmp_path, 1, side=64), tmp_path / "all", draw="all")
    table = records.manifest().table
    assert table[["type", "level"]].to_numpy().tolist() == [
        [kind, level] for kind in range(1, 26) for level in range(1, 6)
    ]


def test_types_of_the_manifest(tmp_path):
    _, records = label(pristine(tmp_path, 2, distortion=["pixelate", "darken"]), tmp_path / "out", draw="manifest")
    assert records.manifest().table["distortion"].tolist() == ["pixelate"] * 5 + ["darken"] * 5


def test_size(tmp_path):
    _, records = label(pristine(tmp_path, 1, side=128), tmp_path / "out", size=(80, 64))
    assert records.pictures()[["width", "height"]].drop_duplicates().to_numpy().tolist() == [[80, 64]]


def test_broken_pictures_are_reported(tmp_path):
    path = pristine(tmp_path, 5)
    pictures = tmp_path / "pictures"
    (pictures / "s1.png").write_bytes((pictures / "s1.png").read_bytes()[:500])
    (pictures / "s2.png").unlink()
    Image.fromarray(scene(3, 20, 20)).save(pictures / "s3.png")
    finished, records = label(path, tmp_path / "out", shard_pictures=1000)
    assert (len(records), records.shard_list.skipped) == (10, 15)
    assert records.manifest().table["reference"].unique().tolist() == ["s0.png", "s4.png"]
    errors = dict(finished.failures.to_numpy())
    assert list(errors) == [str(pictures / f"s{number}.png") for number in (1, 2)] + [str(pictures / "s3.png")]
    assert "truncated" in errors[str(pictures / "s1.png")]
    assert errors[str(pictures / "s2.png")] == "does not exist"
    pd.testing.assert_frame_equal(pd.read_csv(tmp_path / "out/failures.csv"), finished.failures, check_dtype=False)


def test_pictures_too_small_for_a_measure(tmp_path):
    small = r"s0\.png: 96x96 pixels are too few for iw_ssim \(sides of at least 176\)"
    with pytest.raises(InvalidInput, match=rf"none of the pictures could be labelled \(first: .*{small}\)"):
        label(pristine(tmp_path, 1), tmp_path / "out", measures=("gmsd", "iw_ssim"))
    assert len(pd.read_csv(tmp_path / "out/failures.csv")) == 1


def test_a_distortion_that_fails_is_reported(tmp_path, monkeypatch):
    real = distortions.apply

    def apply(name, image, level, seed):
        if level == 2:
            raise ZeroDivisionError("odd picture")
        return real(name, image, level, seed)

    monkeypatch.setattr("tfiqa.features.weak_labels.labels.distortions.apply", apply)
    finished, records = label(pristine(tmp_path, 1, distortion=["jpeg"]), tmp_path / "out", draw="manifest")
    assert records.manifest().table["level"].tolist() == [1, 3, 4, 5]
    assert finished.failures["error"].tolist() == ["jpeg at level 2: ZeroDivisionError: odd picture"]


def test_a_score_that_is_no_number_is_a_failure(tmp_path, monkeypatch):
    real = Labeller._scores
    monkeypatch.setattr(Labeller, "_scores", lambda self, ready: [(np.nan, 1.0), *real(self, ready)[1:]])
    finished, records = label(pristine(tmp_path, 1), tmp_path / "out")
    assert len(records) == 4
    assert finished.failures["error"].iloc[0].endswith("at level 1: no score by gmsd")


def test_distorted_pictures_are_measured_and_kept_as_they_are(tmp_path):
    _, records = label(distorted(tmp_path), tmp_path / "out")
    table = records.manifest().table
    assert table["seed"].isna().all()
    assert table["type"].tolist() == [1] * 10
    rows = list(records.dataset(decode=False).as_numpy_iterator())
    for row, cells in zip(rows, table.to_dict("records"), strict=True):
        assert row["image"] == (tmp_path / "dist" / cells["image"]).read_bytes()
        reference = scene(int(cells["image"][1]), SIDE, SIDE)
        picture = np.asarray(Image.open(io.BytesIO(row["image"])))
        assert cells["gmsd"] == pytest.approx(float(full_reference.gmsd(reference, picture)), abs=1e-6)


def test_missing_distorted_pictures_are_made_anew(tmp_path):
    path = distorted(tmp_path, name="white_noise")
    shutil.rmtree(tmp_path / "dist")
    _, records = label(path, tmp_path / "out")
    table = records.manifest().table
    assert table["image"].tolist() == [f"d{number}_{level}.png" for number in range(2) for level in distortions.LEVELS]
    found = pictures_of(records)
    for row in table.to_dict("records"):
        expected = distortions.apply("white_noise", scene(int(row["image"][1]), SIDE, SIDE), row["level"], row["seed"])
        assert np.array_equal(found[row["image"]]["image"], expected)


def test_scores_of_the_manifest_are_taken(tmp_path, monkeypatch):
    monkeypatch.setattr("tfiqa.features.weak_labels.labels.measure_all", None)
    scores = [0.1, *np.arange(9.0)]
    path = distorted(tmp_path, gmsd=scores, mdsi=[np.nan, *scores[1:]])
    shutil.rmtree(tmp_path / "ref")
    finished, records = label(path, tmp_path / "out")
    table = records.manifest().table
    assert table["gmsd"].tolist() == table["mdsi"].tolist() == scores[1:]
    assert finished.failures.to_numpy().tolist() == [[str(tmp_path / "dist/d0_1.bmp"), "no score by mdsi"]]


def test_bad_distorted_pictures_are_reported(tmp_path):
    path = distorted(tmp_path, count=3)
    Image.fromarray(scene(0, 40, 50)).save(tmp_path / "dist/d0_2.bmp")
    (tmp_path / "dist/d1_3.bmp").write_bytes(b"BM")
    (tmp_path / "ref/s2.png").unlink()
    finished, records = label(path, tmp_path / "out")
    errors = {path.rpartition("/")[2]: error for path, error in finished.failures.to_numpy()}
    assert errors["d0_2.bmp"] == f"has 50x40 pixels, its reference {tmp_path / 'ref/s0.png'} 96x96"
    assert errors["s2.png"] == "does not exist"
    assert errors.keys() == {"d0_2.bmp", "d1_3.bmp", "s2.png"}
    assert (len(records), records.shard_list.skipped) == (8, 7)


def test_shards_hold_320_pictures_or_a_64th(tmp_path):
    def shards(pictures, **options):
        names = [f"{number}.png" for number in range(pictures)]
        return len(job(write_table(tmp_path, "m.csv", image=names), tmp_path / "out", **options).works)

    assert [shards(count) for count in (1, 64, 128, 640, 6400)] == [1, 64, 64, 64, 100]
    assert shards(100, shard_pictures=320) == 2
    with pytest.raises(InvalidInput, match="counted from 1"):
        shards(1, shard_pictures=0)
