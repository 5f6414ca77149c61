"""The tensors of a batch: put together, filled up and cut apart."""

import numpy as np
import pytest
from batching_requests import Model, Requests, batching, row

from tfiqa.serving.server.status import Code


def test_batches_are_filled_up_with_the_first_row_of_the_last_request():
    model = Model()
    with batching(max_batch_size=8, allowed_batch_sizes=(4, 8)) as batcher:
        answers = Requests(batcher, model).block().send(row(1, 2)).send(row(3, 4, 5)).finish()
    assert answers[1:] == [[1, 2], [3, 4, 5]]
    assert model.runs[1].tolist() == [1, 2, 3, 4, 5, 3, 3, 3]


def test_requests_without_rows():
    model = Model()
    with batching(max_batch_size=8, allowed_batch_sizes=(4, 8)) as batcher:
        answers = Requests(batcher, model).block().send(row(7)).send(row()).finish()
    assert answers[1:] == [[7], []]
    assert model.runs[1].tolist() == [7, 7, 7, 7]


def test_different_shapes_fail_the_whole_batch():
    model = Model()
    with batching(max_batch_size=8) as batcher:
        requests = (
            Requests(batcher, model).block().send(np.zeros((1, 3), np.float32)).send(np.zeros((1, 5), np.float32))
        )
        answers = requests.finish()
    assert {answer.code for answer in answers[1:]} == {Code.FAILED_PRECONDITION}
    assert answers[1].message.startswith(
        "Tensors with name 'x:0' from different tasks have different shapes and padding is turned off."
    )
    assert answers[1] is not answers[2]


def test_padding_repeats_a_requests_own_first_element():
    model = Model()
    with batching(max_batch_size=8, pad_variable_length_inputs=True) as batcher:
        requests = Requests(batcher, model).block()
        requests.send(np.array([[[1, 2]], [[3, 4]]], np.float32)).send(np.array([[[5], [6]]], np.float32))
        answers = requests.finish()
    assert model.runs[1].tolist() == [[[1, 2], [1, 1]], [[3, 4], [1, 1]], [[5, 5], [6, 5]]]
    assert answers[1] == [[[1, 2], [1, 1]], [[3, 4], [1, 1]]]


@pytest.mark.parametrize(
    ("first", "second", "message"),
    [
        ((1, 1, 1, 1, 1, 1, 2), (1, 1, 1, 1, 1, 1, 3), "Only tensors with rank from 1 to 6 can be padded."),
        ((1, 2), (1, 2, 3), "have different ranks"),
        ((1, 2), (1, 0), "Got empty tensor in batch of non-empty tensors."),
    ],
)
def test_what_cannot_be_padded(first, second, message):
    model = Model()
    with batching(max_batch_size=8, pad_variable_length_inputs=True) as batcher:
        requests = Requests(batcher, model).block().send(np.ones(first, np.float32)).send(np.ones(second, np.float32))
        answers = requests.finish()
    assert all(answer.code is Code.INVALID_ARGUMENT and message in answer.message for answer in answers[1:])


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (np.sum, "Batched output tensor has 0 dimensions"),
        (
            lambda x: x[:1],
            "Batched output tensor's 0th dimension does not equal the sum of the 0th dimension sizes of the input tensors",
        ),
    ],
)
def test_outputs_that_do_not_belong_to_rows(change, message):
    with batching(max_batch_size=8) as batcher:
        (answer,) = Requests(batcher, Model(change=change)).send(row(1, 2)).finish()
    assert (answer.code, answer.message) == (Code.FAILED_PRECONDITION, message)


def test_a_large_request_is_cut():
    model = Model()
    parts = {"max_batch_size": 8, "enable_large_batch_splitting": True, "max_execution_batch_size": 4}
    with batching(**parts) as batcher:
        answers = Requests(batcher, model).block().send(row(1, 2, 3)).send(row(4, 5, 6, 7, 8, 9)).send(row(10)).finish()
    assert answers[1:] == [[1, 2, 3], [4, 5, 6, 7, 8, 9], [10]]
    assert [x.tolist() for x in model.runs[1:]] == [[1, 2, 3, 4], [5, 6, 7, 8], [9, 10]]


def test_a_cut_request_fails_as_a_whole():
    model = Model()
    parts = {"max_batch_size": 8, "enable_large_batch_splitting": True, "max_execution_batch_size": 2}
    with batching(**parts) as batcher:
        answers = Requests(batcher, model).block().send(row(1, 2, -2, 4)).finish()
    assert answers[1].message == "the op says no"


def test_a_large_request_beyond_the_queue():
    model = Model()
    parts = {"max_batch_size": 8, "enable_large_batch_splitting": True, "max_execution_batch_size": 2}
    with batching(**parts, max_enqueued_batches=2) as batcher:
        answers = Requests(batcher, model).block().send(row(1)).send(row(2, 3, 4, 5)).send(row(6, 7, 8)).finish()
    assert answers[2].code is Code.UNAVAILABLE
    assert "task size is 4 but scheduling capacity is only 3 (num_enqueued_batches=1," in answers[2].message
    assert answers[3] == [6, 7, 8]
