"""ResNets against hand-computed structure and, where at hand, the outputs of torchvision's code."""

import lzma

import keras
import numpy as np
import pytest

import tfiqa
from tfiqa.errors import InvalidInput, UnknownName

PARAMETERS = {"resnet18": 11_689_512, "resnet34": 21_797_672, "resnet50": 25_557_032}  # torchvision's documentation


@pytest.mark.parametrize("name", PARAMETERS)
def test_trainable_parameters_are_torchvisions(name):
    model = tfiqa.build_model(name)
    assert sum(int(np.prod(w.shape)) for w in model.trainable_weights) == PARAMETERS[name]


def test_each_stride_two_step_takes_the_ceiling():
    model = tfiqa.build_model("resnet18")
    taps = [model.get_layer(f"layer{i}_1_relu").output for i in (1, 2, 3, 4)]
    sizes = [tuple(t.shape[1:3]) for t in keras.Model(model.inputs, taps)(np.zeros((1, 97, 130, 3), np.float32))]
    assert sizes == [(25, 33), (13, 17), (7, 9), (4, 5)]


def test_strided_convolutions_pad_symmetrically():
    """A mirrored picture gives the mirrored map only when padding is symmetric; "same" with stride 2 is not, on even sizes."""
    model = tfiqa.build_model("resnet18")
    stem = keras.Model(model.inputs, model.get_layer("conv1").output)
    kernel = stem.get_layer("conv1").get_weights()[0]
    stem.get_layer("conv1").set_weights([kernel + kernel[:, ::-1]])  # a kernel that does not tell left from right
    picture = np.random.default_rng(0).uniform(0, 255, (1, 33, 33, 3)).astype(np.float32)
    there, back = np.asarray(stem(picture)), np.asarray(stem(picture[:, :, ::-1]))
    np.testing.assert_allclose(there, back[:, :, ::-1], atol=1e-4)
    assert stem(picture[:, :32, :32]).shape == (1, 16, 16, 64)


def test_batch_norm_constants():
    layer = tfiqa.build_model("resnet18").get_layer("layer2_0_downsample_1")
    assert (layer.epsilon, layer.momentum) == (1e-5, 0.9)


def test_imagenet_normalization_takes_mean_and_deviation_out():
    model = tfiqa.build_model("resnet18", normalization="imagenet", classes=3)
    seen = keras.Model(model.inputs, model.get_layer("imagenet").output)(np.full((1, 4, 4, 3), 255.0))
    np.testing.assert_allclose(np.asarray(seen)[0, 0, 0], [0.515 / 0.229, 0.544 / 0.224, 0.594 / 0.225], rtol=1e-5)


def test_wrong_names_and_options_are_refused():
    with pytest.raises(UnknownName, match="did you mean 'resnet18'"):
        tfiqa.build_model("resnet81")
    with pytest.raises(InvalidInput, match="did you mean 'classes'"):
        tfiqa.build_model("resnet18", clases=3)
    with pytest.raises(InvalidInput, match="normalization is"):
        tfiqa.build_model("resnet18", normalization="caffe")
    with pytest.raises(InvalidInput, match="import-weights"):
        tfiqa.build_model("resnet18", weights="resnet18.pth")


def test_parity_with_torchvision(shared, tmp_path):
    folder = shared / "parity" / "open" / "backbone_resnet18"
    (tmp_path / "r.pth").write_bytes(lzma.decompress((folder / "resnet18.pth.xz").read_bytes()))
    want = np.load(folder / "expected.npz")
    picture = np.load(shared / "parity" / "open" / "spaq_odd_uint8.npy").astype(np.float32)
    model = tfiqa.import_weights("resnet18", tmp_path / "r.pth")
    model.save(tmp_path / "r.keras")
    for network in (model, keras.models.load_model(tmp_path / "r.keras", compile=False)):
        out = network(picture, training=False)
        np.testing.assert_allclose(np.asarray(out["pooled"]), want["pooled"].reshape(1, -1), atol=1e-5, rtol=1e-5)
        np.testing.assert_allclose(np.asarray(out["logits"]), want["logits"].reshape(1, -1), atol=1e-5, rtol=1e-5)
