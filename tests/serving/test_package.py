"""Exported models: signatures, and that bytes in give what the model in memory gives."""

import io
import json
import lzma
import struct
import subprocess
import sys
import zlib

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

import tfiqa
from tfiqa.errors import CheckpointError, InvalidInput
from tfiqa.models.model_info import ModelInfo
from tfiqa.serving.package import CARD, export_model, read_card
from tfiqa.serving.picture_graph import PATCHES_PER_PASS


def picture(height, width, seed):
    rng = np.random.default_rng(seed)
    coarse = rng.integers(0, 256, (height // 8 + 1, width // 8 + 1, 3), np.uint8)
    return Image.fromarray(coarse).resize((width, height), Image.Resampling.BICUBIC)


def encoded(image, form, **options):
    stream = io.BytesIO()
    image.save(stream, form, **options)
    return stream.getvalue()


def png_header(width, height):
    """A PNG of a few bytes that states its size and ends where the pixels should be."""

    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + header + chunk(b"IDAT", zlib.compress(bytes(100))) + chunk(b"IEND", b"")


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    import keras

    keras.utils.set_random_seed(3)
    model = tfiqa.build_model("spaq_mt_a", backbone="resnet18")
    model.save(tmp_path_factory.mktemp("model") / "m.keras")
    return model


@pytest.fixture(scope="module")
def version(model, tmp_path_factory):
    return export_model(model, tmp_path_factory.mktemp("saved_models") / "mt_a")


@pytest.fixture(scope="module")
def signatures(version):
    loaded = tf.saved_model.load(str(version))
    yield loaded.signatures
    del loaded


@pytest.fixture(scope="module")
def pictures():
    """Encoded pictures of mixed sizes and formats, one of them smaller than a patch and one with an orientation."""
    exif = Image.Exif()
    exif[0x0112] = 6
    return [
        encoded(picture(300, 400, 0), "JPEG", quality=92),
        encoded(picture(120, 90, 1), "PNG"),
        encoded(picture(600, 900, 2), "JPEG", progressive=True, exif=exif),
        encoded(picture(256, 256, 3).convert("L"), "PNG"),
        encoded(picture(230, 250, 4).quantize(64), "GIF"),
        encoded(picture(224, 224, 5).convert("RGBA"), "PNG"),
        encoded(picture(260, 240, 6), "BMP"),
    ]


def test_mixed_pictures_in_one_request_equal_the_scorer(model, signatures, pictures, tmp_path):
    from tfiqa.pipelines.scoring import PicturePredictor

    served = signatures["serving_default"](image_bytes=tf.constant(pictures))
    assert served["quality"].shape == (len(pictures),)
    assert served["attributes"].shape == (len(pictures), 5)
    predictor = PicturePredictor(model)
    for i, data in enumerate(pictures):
        want = predictor.predict(data)
        np.testing.assert_allclose(served["quality"][i], want["quality"][0], atol=1e-5, rtol=1e-5)
        np.testing.assert_allclose(served["attributes"][i], want["attributes"], atol=1e-5, rtol=1e-5)


def test_a_batch_equals_single_requests(signatures, pictures):
    together = signatures["serving_default"](image_bytes=tf.constant(pictures))["quality"].numpy()
    alone = [signatures["serving_default"](image_bytes=tf.constant([data]))["quality"].numpy()[0] for data in pictures]
    np.testing.assert_array_equal(together, alone)


def test_an_empty_request_has_an_empty_answer(signatures):
    assert signatures["serving_default"](image_bytes=tf.constant([], tf.string))["quality"].shape == (0,)


def test_a_panorama_takes_several_passes(model, signatures):
    from tfiqa.pipelines.scoring import PicturePredictor

    wide = encoded(picture(230, 224 + 112 * PATCHES_PER_PASS, 7), "PNG")
    patches = model.info.protocol.prepare(np.asarray(Image.open(io.BytesIO(wide))))
    assert len(patches) > PATCHES_PER_PASS
    served = signatures["serving_default"](image_bytes=tf.constant([wide]))["quality"].numpy()[0]
    assert served == pytest.approx(PicturePredictor(model).predict(wide)["quality"][0], abs=1e-5, rel=1e-5)


def test_a_picture_that_cannot_be_used_has_a_reason_and_spoils_no_other(signatures, pictures):
    tiff, cmyk = encoded(picture(40, 40, 0), "TIFF"), encoded(Image.new("CMYK", (50, 50)), "JPEG")
    bad = {
        b"": "is empty",
        b"text": "is no JPEG, PNG, GIF, BMP or WebP picture; others have to be converted, to PNG for example",
        tiff: "is no JPEG, PNG, GIF, BMP or WebP picture; others have to be converted, to PNG for example",
        cmyk: "is a JPEG that is damaged, or of a kind not decoded here: such have to be converted, to PNG for example",
        png_header(10_000, 10_000): "is damaged or truncated",
        png_header(20_000, 10_001): "has 20000 x 10001 pixels, more than the limit of 200000000",
        pictures[0][: len(pictures[0]) // 2]: "is damaged or truncated",
    }
    mixed = [data for pair in zip(pictures, bad, strict=True) for data in pair]
    together = signatures["serving_default"](image_bytes=tf.constant(mixed))
    alone = [signatures["serving_default"](image_bytes=tf.constant([data])) for data in pictures]
    assert [text.decode() for text in together["error"].numpy()[1::2]] == list(bad.values())
    assert set(together["error"].numpy()[::2]) == {b""}
    for name in ("quality", "attributes"):
        scores = together[name].numpy()
        np.testing.assert_array_equal(scores[::2], [each[name].numpy()[0] for each in alone])
        assert np.isnan(scores[1::2]).all()


def test_the_image_signature_gives_the_raw_outputs(model, signatures):
    images = np.random.default_rng(0).uniform(0, 255, (2, 64, 96, 3)).astype(np.float32)
    raw, want = signatures["image"](image=tf.constant(images)), model(images, training=False)
    for name in ("quality", "attributes"):
        np.testing.assert_allclose(raw[name], want[name], atol=1e-5)


def test_the_card_says_what_the_scores_mean(model, version):
    assert read_card(version) == model.info
    (version / CARD).rename(version / "aside")
    try:
        with pytest.raises(CheckpointError, match="not one that `tfiqa export` wrote"):
            read_card(version)
    finally:
        (version / "aside").rename(version / CARD)


def test_the_card_is_served_too(model, signatures):
    cards = signatures["card"](request=tf.constant(["", "any"]))["card"].numpy()
    assert [ModelInfo.from_dict(json.loads(card)) for card in cards] == [model.info, model.info]


def test_the_requests_for_warm_up_are_answered(version, signatures):
    prediction_log_pb2 = pytest.importorskip("tensorflow_serving.apis.prediction_log_pb2")
    records = tf.data.TFRecordDataset(str(version / "assets.extra" / "tf_serving_warmup_requests"))
    logs = [prediction_log_pb2.PredictionLog.FromString(record.numpy()) for record in records]
    for log, count in zip(logs, (1, 2, 4, 8), strict=True):
        request = log.predict_log.request
        assert (request.model_spec.name, request.model_spec.signature_name) == ("mt_a", "serving_default")
        answer = signatures["serving_default"](image_bytes=tf.make_ndarray(request.inputs["image_bytes"]))
        assert answer["error"].numpy().tolist() == [b""] * count


def test_the_model_card_lies_beside_the_card(model, version):
    text = (version / "assets.extra" / "MODEL_CARD.md").read_text()
    assert text.startswith("# mt_a, version 1\n")
    for name in ("image_bytes", "quality", "attributes", "error", "image", "card"):
        assert f"| `{name}` |" in text


def test_the_graph_holds_no_python_and_no_path(version):
    graph = (version / "saved_model.pb").read_bytes()
    for operation in (b"PyFunc", b"EagerPyFunc", b"ReadFile"):
        assert operation not in graph
    assert list((version / "assets").glob("*")) == []


def test_loads_in_the_runtime_of_tf_serving(version, pictures):
    """The C++ session that TensorFlow Serving uses, through the v1 loader."""
    code = """
import json
import sys
import tensorflow as tf
with tf.compat.v1.Session(graph=tf.Graph()) as session:
    meta = tf.compat.v1.saved_model.loader.load(session, ["serve"], sys.argv[1])
    signature = meta.signature_def["serving_default"]
    feed = {signature.inputs["image_bytes"].name: [open(sys.argv[2], "rb").read(), b"text"]}
    quality, error = session.run([signature.outputs[name].name for name in ("quality", "error")], feed)
    print(json.dumps([quality.tolist(), [text.decode() for text in error]]))
"""
    (version.parent / "a.jpg").write_bytes(pictures[0])
    command = [sys.executable, "-c", code, str(version), str(version.parent / "a.jpg")]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-500:]
    quality, error = json.loads(done.stdout)
    assert np.isfinite(quality).tolist() == [True, False]
    assert [bool(reason) for reason in error] == [False, True]


def test_the_weights_are_written_once(model, version):
    written = tf.train.list_variables(str(version / "variables" / "variables"))
    assert sum(int(np.prod(shape)) for name, shape in written if "/" in name) == model.count_params()


def test_what_cannot_be_exported(model, tmp_path):
    with pytest.raises(InvalidInput, match="does not score pictures"):
        export_model(tfiqa.build_model("resnet18"), tmp_path / "m")
    for version in (0, 2**63):  # beyond int64 no server takes it for a version
        with pytest.raises(InvalidInput, match="positive number"):
            export_model(model, tmp_path / "m", version=version)
    for warm_up in ([0], [8, 9]):  # batching.config has requests of 9 refused, those for warm-up too
        with pytest.raises(InvalidInput, match="holds 1 to 8 pictures"):
            export_model(model, tmp_path / "m", warm_up=warm_up)
    assert not (tmp_path / "m").exists()


@pytest.mark.parametrize(
    ("name", "folder", "file"), [("spaq_bl", "spaq_bl", "BL_release.pt"), ("spaq_mt_a", "spaq_mta", "MT-A_release.pt")]
)
def test_parity_through_the_exported_model(name, folder, file, shared, tmp_path):
    vectors = shared / "parity" / "open"
    (tmp_path / file).write_bytes(lzma.decompress((vectors / folder / f"{file}.xz").read_bytes()))
    want = np.load(vectors / folder / "expected.npz")
    version = export_model(tfiqa.import_weights(name, tmp_path / file), tmp_path / name)
    loaded = tf.saved_model.load(str(version))
    data = (vectors / "spaq_640x720.png").read_bytes()
    served = loaded.signatures["serving_default"](image_bytes=tf.constant([data]))["quality"].numpy()[0]
    assert served == pytest.approx(float(want["image_quality"]), abs=3e-4, rel=1e-5)
    resized = np.asarray(Image.open(vectors / "spaq_resized.png").convert("RGB"), np.float32)
    patches = np.stack([resized[y : y + 224, x : x + 224] for y, x in want["patch_yx"]])
    raw = loaded.signatures["image"](image=tf.constant(patches))
    outputs = [raw[output].numpy() for output in ("quality", "attributes") if output in raw]
    np.testing.assert_allclose(np.concatenate(outputs, axis=1), want["patch_outputs"], atol=2e-4, rtol=1e-5)
