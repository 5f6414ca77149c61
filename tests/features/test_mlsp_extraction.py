"""From pictures to a finished folder, in this process."""

import hashlib
import json

import numpy as np
import pandas as pd
import pytest
import tensorflow as tf
from mlsp_jobs import SIZES, extract, job, save_model, save_pictures
from scenes import scene

import tfiqa
from tfiqa.databases.manifest import read_manifest
from tfiqa.errors import CheckpointError, InvalidInput, TfiqaError, UnknownName
from tfiqa.features import load_mlsp
from tfiqa.features.mlsp import pictures
from tfiqa.features.mlsp.extraction import VIEW_PIXELS
from tfiqa.features.mlsp.network import MlspNetwork
from tfiqa.features.mlsp.settings import MlspSettings
from tfiqa.features.mlsp.views import VIEWS, view_of
from tfiqa.models.backbones.mlsp_taps import MLSP_TAPS, smallest_side
from tfiqa.pipelines.records.writer import pack_records

COUNT = 13
# Kernels add up in another order for other batch sizes: a few float32 roundings.
ANOTHER_BATCH = {"rtol": 1e-4, "atol": 1e-6}


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    return save_model(tmp_path_factory.mktemp("model") / "m.keras")


@pytest.fixture(scope="module")
def network(model):
    return MlspNetwork.load(model)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """The folder of a manifest."""
    folder = tmp_path_factory.mktemp("pictures")
    groups = [f"g{number % 4}" for number in range(COUNT)]
    splits = ["train", "test"] * (COUNT // 2) + ["train"]
    save_pictures(folder, COUNT, group=groups, split=splits, database=["mine"] * COUNT, taken=[1] * COUNT)
    return folder


@pytest.fixture(scope="module")
def made(folder, model):
    """Features of the pictures, stored as float32 in shards of five, and what the job told."""
    return folder / "made", extract(folder / "m.csv", folder / "made", model, dtype="float32", shard_pictures=5)


def picture(number):
    return scene(number, *SIZES[number % len(SIZES)])


def test_features_are_the_networks(made, network):
    loaded = load_mlsp(made[0])
    assert loaded.features.shape == (COUNT, 1, 1920)
    assert loaded.features.dtype == np.float32
    for number in range(COUNT):
        np.testing.assert_allclose(loaded.features[number], network(picture(number)[np.newaxis]), **ANOTHER_BATCH)
    assert len({row.tobytes() for row in loaded.features}) == COUNT


def test_rows_are_the_manifests(made, folder, model):
    loaded = load_mlsp(made[0])
    table = read_manifest(folder / "m.csv").table
    table["image"] = table["image"].str.removeprefix("pictures/")
    pd.testing.assert_frame_equal(loaded.manifest.table, table, check_dtype=False)
    assert loaded.manifest.table["score"].tolist() == table["score"].tolist()
    assert loaded.manifest.scale == read_manifest(folder / "m.csv").scale
    digests = [hashlib.sha256(path.read_bytes()).hexdigest() for path in sorted((folder / "pictures").iterdir())]
    assert loaded.pictures["sha256"].tolist() == digests
    assert loaded.pictures[["height", "width"]].to_numpy().tolist() == [
        list(picture(n).shape[:2]) for n in range(COUNT)
    ]
    assert (loaded.views, loaded.model.read_bytes()) == (("whole",), model.read_bytes())
    assert len(loaded) == COUNT


def test_what_lies_in_the_folder(made):
    folder, finished = made
    assert sorted(path.name for path in folder.iterdir()) == [
        *(f"m-0000{number}-of-00003.tfrecord" for number in range(3)),
        "model.keras",
        "plan.json",
        "schema.json",
        "shards.json",
    ]
    assert (finished.shard_list.rows, finished.shard_list.skipped, finished.shard_list.database) == (COUNT, 0, "mine")
    assert finished.failures.empty
    assert all(seconds > 0 for seconds in finished.seconds.values())


def test_the_schema_tells_a_stranger_everything(made):
    schema = json.loads((made[0] / "schema.json").read_text())
    mlsp = schema["mlsp"]
    assert (mlsp["dtype"], mlsp["shape"], mlsp["views"]) == ("float32", [1, 1920], ["whole"])
    assert [(each["layer"], each["features"]) for each in mlsp["layers"]] == [
        (tap.layer, tap.features) for tap in MLSP_TAPS["resnet18"]
    ]
    assert mlsp["model_sha256"] == hashlib.sha256((made[0] / "model.keras").read_bytes()).hexdigest()
    assert (mlsp["model"], mlsp["options"]["body"], mlsp["precision"]) == ("deepfl_mtl", "resnet18", "float32")
    names = [feature["name"] for feature in schema["features"]]
    assert names[:1] == ["mlsp"]
    assert {"image/path", "image/sha256", "image/row", "score", "group", "split", "taken"} < set(names)
    assert "image/encoded" not in names
    assert {feature["kind"] for feature in schema["features"]} == set(schema["kinds"])


def test_plain_tensorflow_reads_it(made):
    """By what the schema says alone."""
    folder = made[0]
    schema = json.loads((folder / "schema.json").read_text())
    types = {"bytes": tf.string, "int64": tf.int64, "float32": tf.float32}
    spec = {each["name"]: tf.io.FixedLenFeature(each["shape"], types[each["dtype"]]) for each in schema["features"]}
    shards = [str(folder / shard["file"]) for shard in json.loads((folder / "shards.json").read_text())["shards"]]
    rows = [tf.io.parse_single_example(record, spec) for record in tf.data.TFRecordDataset(shards)]
    features = [
        tf.reshape(tf.io.decode_raw(row["mlsp"], schema["mlsp"]["dtype"]), schema["mlsp"]["shape"]) for row in rows
    ]
    loaded = load_mlsp(folder)
    assert np.array_equal(np.stack(features), loaded.features)
    assert [row["group"].numpy().decode() for row in rows] == loaded.manifest.table["group"].tolist()
    assert [int(row["image/row"]) for row in rows] == list(range(COUNT))


def test_neither_batches_nor_shards_change_a_value(made, folder, model, tmp_path):
    """Pictures of several sizes in batches, against one picture at a time."""
    extract(folder / "m.csv", tmp_path / "single", model, dtype="float32", batch_size=1, shard_pictures=2)
    np.testing.assert_allclose(load_mlsp(made[0]).features, load_mlsp(tmp_path / "single").features, **ANOTHER_BATCH)


def test_batches_have_pictures_of_one_size_and_few_pixels(made, folder, model, monkeypatch):
    shapes: list[tuple[int, ...]] = []

    class Noting(MlspNetwork):
        def __call__(self, pictures):
            shapes.append(pictures.shape)
            return super().__call__(pictures)

    noting = Noting.load(model)
    monkeypatch.setattr("tfiqa.features.mlsp.shard_writer._network", lambda _: noting)
    extract(folder / "m.csv", folder / "noted", model, batch_size=3, shard_pictures=COUNT)
    assert sorted(shapes) == sorted(
        [(3, 64, 80, 3), (3, 64, 80, 3), (1, 64, 80, 3), (3, 100, 64, 3), (1, 100, 64, 3), (2, 72, 72, 3)]
    )
    shapes.clear()
    monkeypatch.setattr("tfiqa.features.mlsp.extraction.VIEW_PIXELS", -(-64 * 80 * 2 // 3))
    extract(folder / "m.csv", folder / "noted less", model, batch_size=3, shard_pictures=COUNT)
    assert max(len_ * height * width for len_, height, width, _ in shapes) <= 64 * 80 * 2 + 2
    assert {shape[0] for shape in shapes if shape[1] == 64} == {1, 2}
    assert VIEW_PIXELS == 512 * 512


@pytest.mark.parametrize("views", ["train", "test"])
def test_views_are_of_crops_by_hand(views, folder, model, network, tmp_path):
    extract(folder / "m.csv", tmp_path / "out", model, dtype="float32", views=views, shard_pictures=COUNT)
    loaded = load_mlsp(tmp_path / "out")
    assert loaded.views == VIEWS[views]
    assert loaded.features.shape == (COUNT, len(VIEWS[views]), 1920)
    for number in (0, 1, COUNT - 1):
        crops = np.stack([view_of(picture(number), view) for view in loaded.views])
        np.testing.assert_allclose(loaded.features[number], network(crops), **ANOTHER_BATCH)


def test_float16_is_the_rounded_float32(made, folder, model, tmp_path):
    extract(folder / "m.csv", tmp_path / "out", model, shard_pictures=5)
    loaded = load_mlsp(tmp_path / "out")
    assert loaded.features.dtype == np.float16
    exact = load_mlsp(made[0]).features
    assert np.array_equal(loaded.features, exact.astype(np.float16))
    relative = np.abs(loaded.features - exact)[exact > 6.2e-5] / exact[exact > 6.2e-5]
    assert 1e-5 < relative.max() <= 2**-11


def test_what_float16_cannot_hold_fails(folder, model, tmp_path, monkeypatch):
    real = MlspNetwork.__call__

    def large(self, pictures):
        features = real(self, pictures).copy()
        if pictures.shape[1] == 72:
            features[:, 7] = 70_000
        if pictures.shape[1] == 100:
            features[:, 8] = np.nan
        return features

    monkeypatch.setattr(MlspNetwork, "__call__", large)
    finished = extract(folder / "m.csv", tmp_path / "half", model)
    errors = {path.rpartition("/")[2]: error for path, error in finished.failures.to_numpy()}
    too_much = "a feature of 70,000 is more than float16 holds; extract with --dtype float32"
    assert errors == {
        "p03.png": too_much,
        "p09.png": too_much,
        **dict.fromkeys(("p01.png", "p05.png", "p07.png", "p11.png"), "a feature is not finite"),
    }
    finished = extract(folder / "m.csv", tmp_path / "full", model, dtype="float32")
    assert finished.failures["error"].tolist() == ["a feature is not finite"] * 4
    assert load_mlsp(tmp_path / "full").features[2, 0, 7] == 70_000


@pytest.fixture
def little_memory(monkeypatch):
    """A network that takes a picture at a time, and none of 72x72."""
    real = MlspNetwork.__call__

    def call(self, pictures):
        if len(pictures) > 1 or pictures.shape[1] == 72:
            raise tf.errors.ResourceExhaustedError(None, None, "out of memory")
        return real(self, pictures)

    monkeypatch.setattr(MlspNetwork, "__call__", call)


def test_pictures_that_do_not_fit_into_memory_together_come_alone(made, folder, model, tmp_path, little_memory):
    finished = extract(folder / "m.csv", tmp_path / "out", model, dtype="float32", shard_pictures=5)
    assert [name.rpartition("/")[2] for name in finished.failures["picture"]] == ["p03.png", "p09.png"]
    assert set(finished.failures["error"]) == {"what is computed of it does not fit into the memory"}
    others = [number for number in range(COUNT) if number not in (3, 9)]
    wanted = load_mlsp(made[0]).features[others]
    np.testing.assert_allclose(load_mlsp(tmp_path / "out").features, wanted, **ANOTHER_BATCH)


def test_a_gpu_without_memory_ends_the_run(folder, model, tmp_path, little_memory, monkeypatch):
    settings = {"dtype": "float32", "device": "gpu", "shard_pictures": 5}
    with pytest.raises(
        TfiqaError, match=r"p03\.png: what is computed of it .* memory of the GPU; free it, and --resume"
    ):
        extract(folder / "m.csv", tmp_path / "out", model, **settings)
    assert not (tmp_path / "out/shards.json").exists()
    monkeypatch.undo()
    assert extract(folder / "m.csv", tmp_path / "out", model, resume=True, **settings).failures.empty


def test_pictures_that_cannot_be_used(model, tmp_path):
    path = save_pictures(tmp_path, 7, taken=[f"t{number}" for number in range(7)])
    pictures = tmp_path / "pictures"
    (pictures / "p01.png").unlink()
    (pictures / "p03.png").write_bytes((pictures / "p03.png").read_bytes()[:400])
    (pictures / "p06.png").write_bytes(b"no picture")
    finished = extract(path, tmp_path / "out", model, shard_pictures=4)
    assert [name.rpartition("/")[2] for name in finished.failures["picture"]] == ["p01.png", "p03.png", "p06.png"]
    assert finished.failures["error"].iloc[0] == "does not exist"
    pd.testing.assert_frame_equal(pd.read_csv(tmp_path / "out/failures.csv"), finished.failures, check_dtype=False)
    loaded = load_mlsp(tmp_path / "out")
    assert loaded.manifest.table["taken"].tolist() == ["t0", "t2", "t4", "t5"]
    assert loaded.pictures["path"].tolist() == [f"p{number:02}.png" for number in (0, 2, 4, 5)]
    assert finished.shard_list.skipped == 3
    for picture in pictures.iterdir():
        picture.unlink()
    with pytest.raises(InvalidInput, match=r"none of the pictures could be used \(first: .*p00\.png: does not exist\)"):
        extract(path, tmp_path / "none", model)


def test_pictures_too_small_for_the_body(model, tmp_path, monkeypatch):
    """InceptionResNetV2 takes 75 pixels, which 86 leave after cropping."""
    assert (smallest_side("inception_resnet_v2"), smallest_side("resnet18")) == (75, 1)
    monkeypatch.setattr(pictures, "smallest_side", lambda body: {"resnet18": 75}[body])
    sizes = ((74, 90), (85, 90), (90, 86))
    path = save_pictures(tmp_path, 3, sizes)
    finished = extract(path, tmp_path / "whole", model)
    text = "90x74 pixels are too few for resnet18 (sides of at least 75)"
    assert finished.failures["error"].tolist() == [text]
    finished = extract(path, tmp_path / "train", model, views="train")
    assert finished.failures["error"].tolist() == [
        "90x74 pixels are too few for resnet18 (sides of at least 75 in its smallest view, of 65)",
        "90x85 pixels are too few for resnet18 (sides of at least 75 in its smallest view, of 74)",
    ]


def test_a_packed_folder_gives_the_same_features(made, folder, model, tmp_path):
    pack_records(read_manifest(folder / "m.csv"), tmp_path / "packed", shuffle=3, shards=2)
    extract(tmp_path / "packed", tmp_path / "out", model, dtype="float32", shard_pictures=5)
    loaded, want = load_mlsp(tmp_path / "out"), load_mlsp(made[0])
    assert np.array_equal(loaded.features, want.features)
    pd.testing.assert_frame_equal(loaded.pictures, want.pictures)
    pd.testing.assert_frame_equal(loaded.manifest.table, want.manifest.table)


def test_rows_without_scores_and_a_head_on_the_model(folder, tmp_path):
    table = pd.read_csv(folder / "m.csv")[["image"]].head(2)
    table["image"] = [str(folder / name) for name in table["image"]]
    table.to_csv(tmp_path / "m.csv", index=False)
    model = save_model(tmp_path / "deepfl.keras", "deepfl")
    extract(tmp_path / "m.csv", tmp_path / "out", model)
    assert load_mlsp(tmp_path / "out").manifest.table.columns.tolist() == ["image"]


def test_models_without_mlsp_features(folder, tmp_path):
    tfiqa.build_model("spaq_bl", backbone="resnet18").save(tmp_path / "spaq.keras")
    with pytest.raises(InvalidInput, match="spaq_bl has no MLSP features; take a deepfl_mtl or a deepfl"):
        job(folder / "m.csv", tmp_path / "out", tmp_path / "spaq.keras")
    (tmp_path / "bad.keras").write_bytes(b"bad")
    with pytest.raises(CheckpointError, match=r"is no \.keras file that tfiqa wrote"):
        job(folder / "m.csv", tmp_path / "out", tmp_path / "bad.keras")
    with pytest.raises(CheckpointError, match="No such file"):
        job(folder / "m.csv", tmp_path / "out", tmp_path / "gone.keras")
    with pytest.raises(CheckpointError, match="is an exported model"):
        job(folder / "m.csv", tmp_path / "out", tmp_path)


def test_wrong_settings():
    for name in ("dtype", "views", "precision", "device"):
        with pytest.raises(UnknownName, match="'other'"):
            MlspSettings(**{name: "other"})
    with pytest.raises(InvalidInput, match="counted from 1"):
        MlspSettings(batch_size=0)
    assert (MlspSettings().batch, MlspSettings(device="gpu").batch) == (8, 32)


def test_shards_hold_a_batch_at_least(tmp_path, model):
    def shards(pictures, **options):
        pd.DataFrame({"image": [f"{number}.png" for number in range(pictures)]}).to_csv(tmp_path / "m.csv")
        return job(tmp_path / "m.csv", tmp_path / "out", model, **options).plan.shard_pictures

    assert [shards(count) for count in (1, 64, 1000)] == [8, 8, 15]
    assert shards(10, shard_pictures=3) == 3
    assert shards(10, views="test", batch_size=500) == 2048 // 18
    assert shards(10, batch_size=500) == 256
    with pytest.raises(InvalidInput, match="counted from 1"):
        shards(1, shard_pictures=0)
