"""`tfiqa data pack` as a user types it."""

import pytest
from click.testing import CliRunner

from tfiqa.cli.data.pack import pack
from tfiqa.errors import DatabaseLayoutError, InvalidInput, StorageError


def run(*arguments):
    """The result of a command line; what it raises is for the caller, as in `main`."""
    return CliRunner().invoke(pack, [str(argument) for argument in arguments], catch_exceptions=False)


def test_pack_and_check(photo_folder, tmp_path):
    result = run(photo_folder / "photos.csv", "--output", tmp_path / "out", "--shards", 3, "--verify", "--shuffle", 1)
    assert result.exit_code == 0
    assert "16 pictures, 0 left out, 3 shards" in result.output
    assert len(list((tmp_path / "out").glob("photos-*-of-00003.tfrecord"))) == 3
    result = run("--check", tmp_path / "out", "--workers", 2)
    assert result.exit_code == 0
    assert "16 pictures in 3 shards, as packed" in result.output


def test_shard_size_is_in_megabytes(photo_folder, tmp_path):
    assert "1 shards" in run(photo_folder / "photos.csv", "--output", tmp_path / "out", "--shard-size", 1).output


def test_damage_is_found(photo_folder, tmp_path):
    run(photo_folder / "photos.csv", "--output", tmp_path / "out")
    (shard,) = (tmp_path / "out").glob("*.tfrecord")
    data = bytearray(shard.read_bytes())
    data[1000] ^= 1
    shard.write_bytes(data)
    with pytest.raises(InvalidInput, match=shard.name):
        run("--check", tmp_path / "out")


def test_bad_pictures(photo_folder, tmp_path):
    manifest = tmp_path / "m.csv"
    manifest.write_text(f"image,score\n{photo_folder / 'photo 0.png'},1\nmissing.jpg,2\n")
    with pytest.raises(InvalidInput, match=r"1 of 2 pictures.*missing.jpg: does not exist"):
        run(manifest, "--output", tmp_path / "out")
    assert not (tmp_path / "out").exists()
    result = run(manifest, "--output", tmp_path / "out", "--skip-bad")
    assert result.exit_code == 3
    assert "left out: " in result.output
    assert "1 pictures, 1 left out" in result.output


def test_a_folder_in_the_way(photo_folder, tmp_path):
    with pytest.raises(StorageError, match="exists already"):
        run(photo_folder / "photos.csv", "--output", tmp_path)


def test_checking_what_is_not_packed(photo_folder):
    with pytest.raises(DatabaseLayoutError, match="is no folder that"):
        run("--check", photo_folder)


@pytest.mark.parametrize(
    "arguments",
    [
        ["m.csv"],
        ["--check"],
        ["m", "--check", "--output", "out"],
        ["m", "--check", "--skip-bad"],
        ["m.csv", "--output", "out", "--shards", "2", "--shard-size", "3"],
        ["m.csv", "--output", "out", "--shards", "0"],
    ],
)
def test_wrong_usage(arguments):
    assert run(*arguments).exit_code == 2
