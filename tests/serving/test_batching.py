"""Merging requests into batches: which run together, and when."""

import threading
import time

import numpy as np
import pytest
from batching_requests import Model, Requests, batching, row

from tfiqa.serving.server.batching import Batching
from tfiqa.serving.server.batching_parameters import MODEL_FILE, BatchingParameters
from tfiqa.serving.server.metrics import Metrics
from tfiqa.serving.server.status import Code, StatusError


def sizes(model):
    """The rows of each batch but the one that blocked."""
    return [len(x) for x in model.runs[1:]]


def test_requests_that_wait_run_together_and_each_gets_its_own_rows():
    model = Model()
    with batching(max_batch_size=8) as batcher:
        answers = Requests(batcher, model).block().send(row(1, 2)).send(row(3)).send(row(4, 5, 6)).finish()
    assert answers == [[-1], [1, 2], [3], [4, 5, 6]]
    assert sizes(model) == [6]


def test_a_request_that_does_not_fit_closes_the_batch():
    model = Model()
    with batching(max_batch_size=8) as batcher:
        requests = Requests(batcher, model).block()
        answers = requests.send(row(1, 1, 1)).send(np.full(6, 2, np.float32)).send(row(3, 3, 3)).send(row(4)).finish()
    assert answers[1:] == [[1] * 3, [2] * 6, [3] * 3, [4]]
    assert sizes(model) == [3, 6, 4]  # the second batch had room for the last request, but was closed


def test_a_full_batch_does_not_wait_for_its_timeout():
    model = Model()
    with batching(max_batch_size=2, batch_timeout_micros=60_000_000) as batcher:
        answers = Requests(batcher, model).send(row(1)).send(row(2)).finish()
    assert answers == [[1], [2]]


def test_draining_lets_open_batches_run():
    model = Model()
    with batching(max_batch_size=2, batch_timeout_micros=60_000_000) as batcher:
        requests = Requests(batcher, model).send(row(1))
        batcher.drain()
        assert requests.finish() == [[1]]


def test_a_lone_request_runs_after_the_timeout():
    with batching(max_batch_size=8, batch_timeout_micros=20_000) as batcher:
        assert Requests(batcher, Model()).send(row(1, 2)).finish() == [[1, 2]]


def test_the_queue_is_full():
    model = Model()
    with batching(max_batch_size=4, max_enqueued_batches=2) as batcher:
        requests = Requests(batcher, model).block().send(row(1, 1, 1)).send(row(2, 2, 2)).send(row(3, 3)).send(row(4))
        answers = requests.finish()
    assert answers[3].code is Code.UNAVAILABLE
    assert answers[3].message == (
        "The batch scheduling queue to which this task was submitted is full; "
        "currently 2 batches enqueued and max_enqueued_batches is 2"
    )
    assert answers[4] == [4]  # it still fitted into the open batch


def test_no_enqueued_batches_are_taken_as_one():
    with batching(max_batch_size=4, max_enqueued_batches=0) as batcher:
        assert Requests(batcher, Model()).send(row(1)).finish() == [[1]]


@pytest.mark.parametrize(
    ("x", "message"),
    [
        (np.zeros(9, np.float32), "Task size 9 is larger than maximum input batch size 8"),
        (np.float32(1).reshape(()), "Batching Run() input tensors must have at least one dimension"),
        (np.zeros(1), "Expects arg[0] to be float but double is provided"),
    ],
)
def test_requests_that_are_refused(x, message):
    with batching(max_batch_size=8) as batcher:
        (answer,) = Requests(batcher, Model()).send(x).finish()
    assert (answer.code, answer.message) == (Code.INVALID_ARGUMENT, message)


def test_a_failing_run_fails_its_batch_and_no_other():
    model = Model()
    with batching(max_batch_size=4) as batcher:
        requests = Requests(batcher, model).block().send(row(-2, 1)).send(row(2, 2)).send(row(3))
        answers = requests.finish()
    assert [answer.message for answer in answers[1:3]] == ["the op says no"] * 2
    assert answers[3] == [3]


def test_a_fault_of_the_server_fails_its_batch_and_no_other(caplog):
    model = Model(change=lambda x: x if x[0] else 1 / 0)
    with batching(max_batch_size=4) as batcher:
        answers = Requests(batcher, model).block().send(row(0, 1, 2, 3)).send(row(3)).finish()
    assert answers[1].code is Code.INTERNAL
    assert answers[2] == [3]
    assert "ZeroDivisionError" in caplog.text


def test_requests_whose_time_is_over_are_not_run():
    model = Model()
    with batching(max_batch_size=4) as batcher:
        answers = Requests(batcher, model).block().send(row(1), seconds=0).send(row(2), seconds=-1).finish()
    assert {(answer.code, answer.message) for answer in answers[1:]} == {
        (Code.RESOURCE_EXHAUSTED, "Run() timeout exceeded while waiting in batching queue")
    }
    assert sizes(model) == []


def test_a_batch_has_the_longest_time_of_its_requests():
    model = Model()
    with batching(max_batch_size=4) as batcher:
        answers = Requests(batcher, model).block().send(row(1), seconds=0).send(row(2), seconds=1e6).finish()
    assert answers[1:] == [[1], [2]]
    assert 9e5 < model.seconds[1] <= 1e6


def test_what_merges_is_what_feeds_and_fetches_the_same_tensors():
    model = Model()
    with batching(max_batch_size=8) as batcher:
        requests = Requests(batcher, model).block().send(row(1)).send(row(2), "alias").send(row(3), "other")
        answers = requests.send(row(4), "two").send(row(5), "two", ["y"]).finish()
    assert answers[1:] == [[1], [2], [3], [4], [5]]
    assert sorted(x.tolist() for x in model.runs[1:]) == [[1, 2, 5], [3], [4]]


def test_queues_are_served_in_turn():
    model = Model()
    with batching(max_batch_size=1) as batcher:
        requests = Requests(batcher, model).block().send(row(1)).send(row(2)).send(row(3)).send(row(4), "other")
        requests.finish()
    assert [x.tolist() for x in model.runs[1:]] == [[1], [4], [2], [3]]


def test_models_do_not_merge():
    one, other = Model(), Model()
    with batching(max_batch_size=8) as batcher:
        requests = Requests(batcher, one).block().send(row(1))
        requests.model = other
        requests.send(row(2))
        other.gate.set()
        one.gate.set()
        assert requests.finish()[1:] == [[1], [2]]
    assert [x.tolist() for x in other.runs] == [[2]]


def test_a_stopped_batching_refuses():
    with batching() as batcher:
        pass
    (answer,) = Requests(batcher, Model()).send(row(1)).finish()
    assert answer.code is Code.UNAVAILABLE


def test_parameters_of_each_model(tmp_path):
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / MODEL_FILE).write_text("max_batch_size { value: 3 }")
    (tmp_path / "b").mkdir()
    (tmp_path / "c").mkdir()
    (tmp_path / "c" / MODEL_FILE).write_text("max_batch_size { value: 3 } allowed_batch_sizes: 2")
    batcher = Batching(BatchingParameters(max_batch_size=99, num_batch_threads=1), Metrics(), per_model=True)
    try:
        assert batcher.parameters_of(Model(tmp_path / "a")).max_batch_size == 3
        assert batcher.parameters_of(Model(tmp_path / "b")) is None
        with pytest.raises(
            StatusError, match=r"INVALID_ARGUMENT: .*must match max_batch_size; last entry was 2; expected 3"
        ):
            batcher.parameters_of(Model(tmp_path / "c"))
    finally:
        batcher.stop()


def test_what_is_measured():
    model, metrics = Model(), Metrics()
    parameters = BatchingParameters(
        max_batch_size=8, num_batch_threads=1, allowed_batch_sizes=(4, 8), thread_pool_name="pool"
    )
    batcher = Batching(parameters, metrics)
    try:
        Requests(batcher, model).block().send(row(1, 2)).send(row(3, 4, 5)).finish()
    finally:
        batcher.stop()
    page = metrics.page()
    prefix = ":tensorflow:serving:batching_session:"
    assert f"{prefix}wrapped_run_count{{}} 2\n" in page
    assert f"{prefix}input_batch_size_sum{{}} 6\n" in page
    assert f"{prefix}processed_batch_size_sum{{}} 12\n" in page
    assert f'{prefix}padding_size_sum{{execution_batch_size="8"}} 3\n' in page
    assert f'{prefix}queuing_latency_count{{thread_pool_name="pool"}} 3\n' in page


@pytest.mark.parametrize("splitting", [False, True])
def test_thousands_of_requests_from_many_threads_each_get_their_own_rows(splitting):
    model = Model(change=lambda x: x * 3)
    limits = {"max_batch_size": 16, "allowed_batch_sizes": (2, 5, 16), "max_enqueued_batches": 1000}
    if splitting:
        limits = {**limits, "max_batch_size": 40, "enable_large_batch_splitting": True, "max_execution_batch_size": 16}
    wrong = []

    def ask(seed):
        random = np.random.default_rng(seed)
        for number in range(150):
            x = (seed * 10000 + number + np.arange(random.integers(0, 17 + 24 * splitting)) / 64).astype(np.float32)
            name = "other" if random.random() < 0.2 else "s"
            found = batcher.run(
                model, name, {"x": x}, None, deadline=time.monotonic() + 60, parameters=batcher.parameters
            )
            if not np.array_equal(found["y"], x * 3):
                wrong.append((seed, number))

    with batching(num_batch_threads=3, **limits) as batcher:
        threads = [threading.Thread(target=ask, args=(seed,)) for seed in range(1, 25)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(60)
            assert not thread.is_alive()
    assert wrong == []
    assert splitting or len(model.runs) < 24 * 150
    assert {len(x) for x in model.runs} <= {0, 2, 5, 16}
