import subprocess
import sys

import pytest

COUNT_FAULTS = """
import resource
from tfiqa.cli.tensorflow_start import keep_freed_memory_in_training, load_tensorflow
load_tensorflow()
keep_freed_memory_in_training()
import tensorflow as tf
for _ in tf.data.Dataset.from_generator(lambda: iter([0]), output_signature=tf.TensorSpec((), tf.int32)):
    pass
bytearray(8 << 20)
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for _ in range(10):
    bytearray(8 << 20)
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="only glibc can be told to keep memory")
def test_freed_memory_is_kept_though_datasets_come_from_generators():
    done = subprocess.run([sys.executable, "-c", COUNT_FAULTS], capture_output=True, text=True, check=True)
    assert int(done.stdout) < 2048  # of the 20,480 pages that were written
