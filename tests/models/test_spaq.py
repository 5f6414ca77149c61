"""SPAQ's models: structure, saving, and parity with the authors' code where the vectors are at hand."""

import lzma
import subprocess
import sys

import keras
import numpy as np
import pytest
from PIL import Image

import tfiqa
from tfiqa.errors import CheckpointError, InvalidInput, UnknownName
from tfiqa.images.exif_encoding import normalise_exif
from tfiqa.models.model_info import ModelInfo, model_spec
from tfiqa.models.outputs import labels
from tfiqa.models.spaq import SCENES
from tfiqa.weights.build import read_model

ATTRIBUTES = ("brightness", "colorfulness", "contrast", "noisiness", "sharpness")


@pytest.fixture(scope="module")
def picture():
    return np.random.default_rng(0).uniform(0, 255, (2, 65, 97, 3)).astype(np.float32)


def test_outputs_and_information(picture):
    model = tfiqa.build_model("spaq_mt_a", backbone="resnet18")
    out = model(picture, training=False)
    assert {name: tuple(v.shape) for name, v in out.items()} == {"quality": (2, 1), "attributes": (2, 5)}
    assert model.info.columns["attributes"] == ATTRIBUTES
    assert (model.info.scale.low, model.info.scale.high, model.info.scale.higher_is_better) == (0, 100, True)
    assert (model.info.protocol.resize, model.info.protocol.patch_size, model.info.protocol.patch_stride) == (
        "shorter_side:512",
        224,
        112,
    )
    assert ModelInfo.from_dict(model.info.to_dict()) == model.info


def test_the_papers_model_is_a_resnet50_with_linear_heads():
    model = tfiqa.build_model("spaq_mt_a")
    assert model.get_layer("fc").kernel.shape == (2048, 6)
    assert model.get_layer("layer2_0_conv2").strides == (2, 2)
    assert model.get_layer("layer2_0_conv1").strides == (1, 1)


@pytest.mark.parametrize("name", ["spaq_bl", "spaq_mt_a", "spaq_mt_s"])
def test_saving_keeps_outputs_and_information(name, picture, tmp_path):
    model = tfiqa.build_model(name, backbone="resnet18")
    model.save(tmp_path / "m.keras")
    again = read_model(tmp_path / "m.keras")
    assert again.info == model.info
    for output, values in model(picture, training=False).items():
        np.testing.assert_array_equal(np.asarray(values), np.asarray(again(picture, training=False)[output]))


def test_weights_from_files(picture, tmp_path):
    model = tfiqa.build_model("spaq_bl", backbone="resnet18")
    model.save(tmp_path / "m.keras")
    model.save_weights(tmp_path / "m.weights.h5")
    want = np.asarray(model(picture, training=False)["quality"])
    for file in ("m.keras", "m.weights.h5"):
        again = tfiqa.build_model("spaq_bl", weights=tmp_path / file, backbone="resnet18")
        np.testing.assert_array_equal(np.asarray(again(picture, training=False)["quality"]), want)
    with pytest.raises(CheckpointError, match="other options"):
        tfiqa.build_model("spaq_bl", weights=tmp_path / "m.keras", backbone="resnet34")
    with pytest.raises(CheckpointError, match="does not fit spaq_mt_a"):
        tfiqa.build_model("spaq_mt_a", weights=tmp_path / "m.weights.h5", backbone="resnet18")


def test_a_foreign_or_broken_keras_file_is_one_error(tmp_path):
    keras.Sequential([keras.Input((3,)), keras.layers.Dense(1)]).save(tmp_path / "other.keras")
    with pytest.raises(CheckpointError, match="not one that tfiqa built"):
        read_model(tmp_path / "other.keras")
    (tmp_path / "broken.keras").write_bytes(b"PK\3\4 not really")
    with pytest.raises(CheckpointError, match="cannot be read as a Keras model"):
        read_model(tmp_path / "broken.keras")


def test_unknown_backbone_is_answered_with_near_names():
    with pytest.raises(UnknownName, match="resnet50"):
        tfiqa.build_model("spaq_bl", backbone="resnet-50")


def test_scores_stay_float32_when_training_in_bfloat16(picture):
    keras.mixed_precision.set_dtype_policy("mixed_bfloat16")
    try:
        model = tfiqa.build_model("spaq_bl", backbone="resnet18")
    finally:
        keras.mixed_precision.set_dtype_policy("float32")
    assert model.get_layer("layer1_0_conv1").compute_dtype == "bfloat16"
    assert model.get_layer("unit_range").compute_dtype == "float32"
    assert keras.backend.standardize_dtype(model(picture, training=False)["quality"].dtype) == "float32"


def released(name, shared, tmp_path):
    """The model of a released checkpoint's stand-in, through a `.keras` file, with what the authors' code makes of it."""
    folder, file = {
        "spaq_bl": ("spaq_bl", "BL_release.pt"),
        "spaq_mt_a": ("spaq_mta", "MT-A_release.pt"),
        "spaq_mt_e": ("spaq_mte", "MT-E_release.pt"),
        "spaq_mt_s": ("spaq_mts", "MT-S_release.pt"),
    }[name]
    vectors = shared / "parity" / "open"
    (tmp_path / file).write_bytes(lzma.decompress((vectors / folder / f"{file}.xz").read_bytes()))
    tfiqa.import_weights(name, tmp_path / file).save(tmp_path / "m.keras")
    want = np.load(vectors / folder / "expected.npz")
    picture = np.asarray(Image.open(vectors / "spaq_resized.png").convert("RGB"), np.float32)
    patches = np.stack([picture[y : y + 224, x : x + 224] for y, x in want["patch_yx"]])
    odd = np.load(vectors / "spaq_odd_uint8.npy").astype(np.float32)
    return read_model(tmp_path / "m.keras"), want, patches, odd


def close(got, want):
    np.testing.assert_allclose(np.asarray(got), want, atol=2e-4, rtol=1e-5)


@pytest.mark.parametrize("name", ["spaq_bl", "spaq_mt_a"])
def test_parity_with_the_authors_code(name, shared, tmp_path):
    model, want, patches, odd = released(name, shared, tmp_path)
    for images, key in ((patches, "patch_outputs"), (odd, "odd_outputs")):
        out = model(images, training=False)
        close(np.concatenate([np.asarray(values) for values in out.values()], axis=1), want[key])
    score = tfiqa.Scorer.load(tmp_path / "m.keras").score(shared / "parity" / "open" / "spaq_640x720.png")
    assert score["quality"] == pytest.approx(float(want["image_quality"]), abs=3e-4, rel=1e-5)


def test_mt_e_parity_with_the_authors_code(shared, tmp_path):
    model, want, patches, odd = released("spaq_mt_e", shared, tmp_path)
    exif = normalise_exif(want["exif_raw"]).astype(np.float32)
    np.testing.assert_allclose(exif, want["exif_normalised"], atol=1e-6)
    with_exif = model({"image": patches, "exif": np.tile(exif, (len(patches), 1))}, training=False)
    close(with_exif["quality"], want["patch_outputs"])
    close(with_exif["generic_quality"], want["patch_outputs_no_exif"])
    close(model({"image": odd, "exif": exif[None]}, training=False)["quality"], want["odd_outputs"])
    without = model({"image": patches, "exif": np.zeros((len(patches), 8), np.float32)}, training=False)
    np.testing.assert_array_equal(without["quality"], without["generic_quality"])
    picture = shared / "parity" / "open" / "spaq_640x720.png"
    score = tfiqa.Scorer.load(tmp_path / "m.keras").score(picture)
    assert score["quality"] == pytest.approx(float(want["image_quality_no_exif"]), abs=3e-4, rel=1e-5)


def test_mt_s_parity_with_the_authors_code(shared, tmp_path):
    model, want, patches, odd = released("spaq_mt_s", shared, tmp_path)
    out = model(patches, training=False)
    close(out["quality"], want["patch_quality"])
    close(out["scene_logits"], want["patch_semantic_logits"])
    close(model(odd, training=False)["scene_logits"], want["odd_semantic_logits"])
    score = tfiqa.Scorer.load(tmp_path / "m.keras").score(shared / "parity" / "open" / "spaq_640x720.png")
    assert score["quality"] == pytest.approx(float(want["image_quality"]), abs=3e-4, rel=1e-5)
    votes = np.bincount(want["top1"], minlength=9) / len(want["top1"])
    np.testing.assert_allclose(list(score["scene_votes"].values()), votes, atol=1e-6)
    assert score["scene"] == SCENES[votes.argmax()]


def test_mt_e_takes_exif_and_without_it_is_the_baseline(picture):
    model = tfiqa.build_model("spaq_mt_e", backbone="resnet18")
    exif = np.array([[1, 0, 0, 0, 0, 0, 0, 0], [0, 2, 0, 0, 0, 0, 0, 0]], np.float32)
    out = model({"image": picture, "exif": exif}, training=False)
    offset = np.asarray(model.get_layer("exif_offset").kernel)[:2, 0] * [1, 2]
    np.testing.assert_allclose(np.ravel(out["quality"]) - np.ravel(out["generic_quality"]), offset, atol=1e-5)
    assert len(model.get_layer("exif_offset").weights) == 1  # no bias


@pytest.mark.parametrize(
    ("backbone", "split", "first_own_layer"),
    [
        ("resnet50", None, "layer4_0_conv1"),
        ("resnet50", 40, "layer4_0_conv1"),
        ("resnet50", 22, "layer3_0_conv1"),
        ("resnet50", 10, "layer2_0_conv1"),
        ("resnet50", 1, "layer1_0_conv1"),
        ("resnet50", 49, "fc"),
        ("resnet18", 9, "layer3_0_conv1"),
        ("resnet34", None, "layer4_0_conv1"),
    ],
)
def test_mt_s_parts_after_the_convolution_asked_for(backbone, split, first_own_layer):
    model = tfiqa.build_model("spaq_mt_s", backbone=backbone, split=split)
    names = [layer.name for layer in model.layers]
    weighted = [name for name in names if name.startswith("semantic_") and model.get_layer(name).weights]
    assert weighted[0] == f"semantic_{first_own_layer}"
    shared = names[: names.index(first_own_layer)]
    main_path = [name for name in shared if "conv" in name and not name.endswith("_pad")]
    assert split is None or len([name for name in main_path if not name.startswith("semantic_")]) == split
    assert set(names) >= {name.removeprefix("semantic_") for name in weighted}


def test_mt_s_refuses_a_split_within_a_stage():
    with pytest.raises(InvalidInput, match=r"split of a resnet50 is one of 1, 10, 22, 40, 49\. Received: 41"):
        tfiqa.build_model("spaq_mt_s", split=41)


def test_a_process_that_built_no_model_reads_one(tmp_path):
    tfiqa.build_model("spaq_mt_s", backbone="resnet18").save(tmp_path / "m.keras")
    code = "import sys; from tfiqa.weights.build import read_model; print(read_model(sys.argv[1]).name)"
    done = subprocess.run(
        [sys.executable, "-c", code, tmp_path / "m.keras"], capture_output=True, text=True, check=False
    )
    assert done.stdout.strip() == "spaq_mt_s", done.stderr


def test_scenes_are_decided_by_votes(tmp_path):
    model = tfiqa.build_model("spaq_mt_s", backbone="resnet18")
    model.save(tmp_path / "m.keras")
    picture = np.random.default_rng(3).integers(0, 256, (300, 520, 3)).astype(np.uint8)
    Image.fromarray(picture).save(tmp_path / "p.png")
    scorer = tfiqa.Scorer.load(tmp_path / "m.keras")
    (row,) = scorer.rows([tmp_path / "p.png"])
    patches = model.info.protocol.prepare(picture).astype(np.float32)
    logits = np.asarray(model(patches, training=False)["scene_logits"])
    votes = np.bincount(logits.argmax(axis=1), minlength=9) / len(patches)
    np.testing.assert_allclose([row[f"votes_{name}"] for name in SCENES], votes, atol=1e-6)
    assert row["scene"] == SCENES[votes.argmax()]
    assert sum(row[f"scene_{name}"] for name in SCENES) == pytest.approx(1, abs=1e-5)
    assert tuple(row) == ("path", *scorer.columns, "error")


def test_equal_votes_go_to_the_more_probable_scene():
    info = model_spec("spaq_mt_s")
    votes, probabilities = np.zeros(9), np.full(9, 0.1)
    votes[[2, 5]], probabilities[5] = 0.5, 0.2
    assert labels({"scene_votes": votes, "scene_probabilities": probabilities}, info) == {"scene": "night_scene"}
