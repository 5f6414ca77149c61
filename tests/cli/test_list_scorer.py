"""TensorFlow's threads when many pictures are scored."""

import os
import subprocess
import sys

import pytest

import tfiqa
from tfiqa.serving.shipped_model import shipped_model


@pytest.mark.parametrize(
    ("kind", "wanted", "threads"), [("exported", None, "1"), ("exported", "2", "0"), ("keras", None, "0")]
)
def test_an_operation_of_an_exported_folder_gets_one_thread(tmp_path, kind, wanted, threads):
    model = shipped_model()
    if kind == "keras":
        model = tmp_path / "model.keras"
        tfiqa.build_model("dcnns", weights=None).save(model)
    program = (
        "import pathlib, tensorflow as tf; from tfiqa.cli.list_scorer import list_scorer\n"
        f"list_scorer(pathlib.Path({str(model)!r}))\n"
        "print(tf.config.threading.get_intra_op_parallelism_threads())"
    )
    environment = {key: value for key, value in os.environ.items() if key != "TF_NUM_INTRAOP_THREADS"}
    environment |= {"TF_NUM_INTRAOP_THREADS": wanted} if wanted else {}
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, env=environment, check=True)
    assert done.stdout.split()[-1] == threads
