"""The text file of batching parameters."""

import pytest

from tfiqa.serving.errors import ServerStartError
from tfiqa.serving.server.batching_parameters import BatchingParameters, read_batching_parameters


def read(folder, text):
    path = folder / "batching.config"
    path.write_text(text)
    return read_batching_parameters(path)


def test_defaults_are_those_of_tensorflow_serving(tmp_path):
    found = read(tmp_path, "")
    assert (found.max_batch_size, found.batch_timeout_micros, found.max_enqueued_batches) == (1000, 0, 10)
    assert (found.thread_pool_name, found.allowed_batch_sizes, found.pad_variable_length_inputs) == (
        "batch_threads",
        (),
        False,
    )


def test_every_field(tmp_path):
    text = """
        max_batch_size { value: 128 }   # rows
        batch_timeout_micros { value: 2000 } max_enqueued_batches { value: 7 }
        num_batch_threads { value: 3 }
        thread_pool_name { value: "pool" }
        allowed_batch_sizes: 8 allowed_batch_sizes: [32]
        pad_variable_length_inputs: true
        enable_large_batch_splitting { value: true } max_execution_batch_size { value: 32 }
    """
    assert read(tmp_path, text) == BatchingParameters(128, 2000, 7, 3, "pool", (8, 32), True, True, 32)


def test_padding_may_be_wrapped_like_the_other_fields(tmp_path):
    assert read(tmp_path, "pad_variable_length_inputs { value: true }").pad_variable_length_inputs


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("max_batch_size: 8", "Invalid protobuf file: "),
        ("no_such_field { value: 8 }", 'no field named "no_such_field"'),
        ("max_batch_size { value: 0 }", "max_batch_size must be positive; was 0"),
        ("num_batch_threads { value: -1 }", "num_batch_threads must be positive; was -1"),
        ("batch_timeout_micros { value: -1 }", "batch_timeout_micros must be non-negative; was -1"),
        (
            "max_batch_size { value: 8 } allowed_batch_sizes: 4",
            "Last entry in allowed_batch_sizes must match max_batch_size; last entry was 4; expected 8",
        ),
        (
            "max_batch_size { value: 8 } allowed_batch_sizes: [4, 4, 8]",
            "allowed_batch_sizes entries must be monotonically increasing",
        ),
        (
            "max_batch_size { value: 8 } allowed_batch_sizes: 8 enable_large_batch_splitting { value: true } "
            "max_execution_batch_size { value: 4 }",
            "Last entry in allowed_batch_sizes must be equal to max_execution_batch_size; last entry was 8; expected 4",
        ),
    ],
)
def test_wrong_files_are_one_line(tmp_path, text, reason):
    with pytest.raises(ServerStartError) as caught:
        read(tmp_path, text)
    assert reason in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_missing_file(tmp_path):
    with pytest.raises(ServerStartError, match="cannot read"):
        read_batching_parameters(tmp_path / "none")
