"""Reading stored features, whole or as a stream, and folders that cannot be read."""

import json
import shutil
import subprocess
import sys

import numpy as np
import pytest
from mlsp_jobs import extract, save_model, save_pictures

import tfiqa.features
from tfiqa.errors import DatabaseLayoutError, InvalidInput, UnknownName
from tfiqa.features import load_mlsp, mlsp_dataset
from tfiqa.pipelines.labelled_pictures import read_labelled_pictures
from tfiqa.pipelines.records.reader import read_records

COUNT = 11


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """A folder of features in three shards, eight views a picture."""
    folder = tmp_path_factory.mktemp("whole")
    model = save_model(folder / "m.keras")
    path = save_pictures(folder, COUNT, ((40, 48),), group=[f"g{number}" for number in range(COUNT)])
    extract(path, folder / "out", model, views="train", shard_pictures=4)
    return folder / "out"


@pytest.fixture
def copy(whole, tmp_path):
    """The folder again, to be damaged."""
    return shutil.copytree(whole, tmp_path / "copy")


def test_progress_and_length(whole):
    told = []
    assert len(load_mlsp(whole, progress=lambda *counts: told.append(counts))) == COUNT
    assert told[-1] == (COUNT, COUNT)


def test_the_stream_has_what_the_array_has(whole):
    loaded = load_mlsp(whole)
    rows = list(loaded.dataset().as_numpy_iterator())
    assert len(rows) == COUNT == loaded.dataset().cardinality()
    for number, row in enumerate(rows):
        assert row["mlsp"].dtype == np.float32
        assert np.array_equal(row["mlsp"], loaded.features[number].astype(np.float32))
        assert (row["image/path"].decode(), row["image/row"]) == (f"p{number:02}.png", number)
        assert (row["score"], row["group"].decode()) == (loaded.manifest.table["score"][number], f"g{number}")


def test_batches_columns_and_shuffled_shards(whole):
    batches = list(mlsp_dataset(whole, ["score"], batch_size=4).as_numpy_iterator())
    assert [batch["mlsp"].shape for batch in batches] == [(4, 8, 1920), (4, 8, 1920), (3, 8, 1920)]
    assert set(batches[0]) == {"mlsp", "image/path", "image/row", "score"}
    orders = [
        [int(row["image/row"]) for row in mlsp_dataset(whole, [], shuffle_files=seed).as_numpy_iterator()]
        for seed in (1, 1, 2, 3)
    ]
    assert orders[0] == orders[1]
    assert all(sorted(order) == list(range(COUNT)) for order in orders)
    assert len(set(map(tuple, orders))) > 1
    with pytest.raises(UnknownName, match=r"'scor'.*'score'"):
        mlsp_dataset(whole, ["scor"])


def test_the_folder_is_one_of_records(whole):
    records = read_records(whole)
    records.check()
    with pytest.raises(DatabaseLayoutError, match="its records have no feature 'image/encoded'"):
        records.dataset()


def test_there_are_no_pictures_in_it(whole):
    with pytest.raises(DatabaseLayoutError, match=r"holds features in place of pictures, for regression heads"):
        read_labelled_pictures(whole)


def test_shards_that_are_missing_or_cut_short(copy):
    shard = copy / "m-00001-of-00003.tfrecord"
    data = shard.read_bytes()
    shard.write_bytes(data[:-1])
    with pytest.raises(DatabaseLayoutError, match=rf"{shard.name} has {len(data) - 1} bytes instead of {len(data)}"):
        load_mlsp(copy)
    shard.unlink()
    with pytest.raises(DatabaseLayoutError, match="1 shard is damaged or missing"):
        mlsp_dataset(copy)


def test_damaged_and_exchanged_records(copy):
    shard = copy / "m-00001-of-00003.tfrecord"
    data = bytearray(shard.read_bytes())
    data[len(data) // 2] ^= 1
    shard.write_bytes(data)
    with pytest.raises(InvalidInput, match="a record is damaged"):
        load_mlsp(copy)
    other = copy / "m-00000-of-00003.tfrecord"
    shard.write_bytes(other.read_bytes())
    with pytest.raises(InvalidInput) as raised:
        load_mlsp(copy)
    assert "\n" not in str(raised.value)


def test_the_model(copy):
    (copy / "model.keras").write_bytes(b"another")
    with pytest.raises(DatabaseLayoutError, match="is not the model that the features were made with"):
        load_mlsp(copy)
    (copy / "model.keras").unlink()
    with pytest.raises(DatabaseLayoutError, match=r"cannot read .*model\.keras"):
        load_mlsp(copy)


def test_schemas_that_say_something_else(copy):
    path = copy / "schema.json"
    schema = json.loads(path.read_text())
    layers = schema["mlsp"].pop("layers")
    path.write_text(json.dumps(schema))
    with pytest.raises(DatabaseLayoutError, match="is damaged: KeyError 'layers'"):
        load_mlsp(copy)
    schema["mlsp"]["layers"] = layers[::-1]
    path.write_text(json.dumps(schema))
    with pytest.raises(DatabaseLayoutError, match="its features are not those of resnet18 in this tfiqa"):
        load_mlsp(copy)
    schema["mlsp"]["layers"] = layers
    path.write_text(json.dumps(schema))
    with pytest.raises(DatabaseLayoutError, match="is not as it was packed"):
        load_mlsp(copy)
    del schema["mlsp"]
    path.write_text(json.dumps(schema))
    with pytest.raises(DatabaseLayoutError, match="is no folder of `tfiqa extract mlsp`: its records hold no MLSP"):
        load_mlsp(copy)


def test_folders_that_are_not_finished_or_something_else(copy, tmp_path):
    (copy / "parts").mkdir()
    with pytest.raises(DatabaseLayoutError, match="is not finished"):
        load_mlsp(copy)
    (copy / "parts").rmdir()
    (copy / "shards.json").unlink()
    with pytest.raises(DatabaseLayoutError, match="is not finished"):
        mlsp_dataset(copy)
    with pytest.raises(DatabaseLayoutError, match="is no folder of `tfiqa extract mlsp`"):
        load_mlsp(tmp_path / "gone")


def test_nothing_is_imported_before_it_is_needed():
    program = "import sys, tfiqa.features; tfiqa.features.__all__; print('tensorflow' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", program], capture_output=True, text=True).stdout == "False\n"
    with pytest.raises(AttributeError, match="no attribute 'other'"):
        tfiqa.features.other  # noqa: B018
