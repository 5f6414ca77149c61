"""What regression heads are trained on."""

import pytest
import tensorflow as tf

from tfiqa.cli.heads import head_device, head_runner


@pytest.mark.parametrize(
    ("kind", "workers", "with_gpu"),
    [("network", None, "gpu"), ("network", 1, "gpu"), ("network", 2, "cpu"), ("svr", None, "cpu")],
)
def test_the_device_is_that_of_the_runner(monkeypatch, kind, workers, with_gpu):
    for devices, wanted in ((["a GPU"], with_gpu), ([], "cpu")):
        monkeypatch.setattr(tf.config, "list_physical_devices", lambda _, found=devices: found)
        assert head_device(kind, workers) == wanted
        start = head_runner(kind, workers)[1]
        assert start.func.__name__ == {"gpu": "start_gpu_worker", "cpu": "start_worker"}[wanted]
