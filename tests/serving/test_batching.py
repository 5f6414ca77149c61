"""Merging requests into batches. A model that says when it runs makes the order of things certain."""

import contextlib
import threading
import time

import numpy as np
import pytest
import tensorflow as tf

from tfiqa.serving.server.batching import Batching
from tfiqa.serving.server.batching_parameters import MODEL_FILE, BatchingParameters
from tfiqa.serving.server.loaded_model import Signature, TensorInfo
from tfiqa.serving.server.metrics import Metrics
from tfiqa.serving.server.status import Code, StatusError, invalid_argument


def signature(name="s", feed="x:0", outputs=("y",)):
    infos = {output: TensorInfo(f"{output}:0", tf.float32, None) for output in outputs}
    return Signature(name, {"x": TensorInfo(feed, tf.float32, None)}, infos)


class Model:
    """y is x; a run whose first value is -1 waits for `gate`, one whose first value is -2 fails."""

    def __init__(self, folder=None, change=lambda x: x):
        self.folder = folder
        self.change = change
        self.gate, self.waiting = threading.Event(), threading.Event()
        self.runs = []  # the arrays that were run
        self.seconds = []
        self.signatures = {
            "s": signature(),
            "alias": signature("alias"),
            "other": signature("other", feed="z:0"),
            "two": signature("two", outputs=("y", "w")),
        }

    def signature(self, name):
        return self.signatures[name]

    def run(self, name, inputs, outputs, *, seconds):
        x = inputs["x"]
        self.runs.append(x)
        self.seconds.append(seconds)
        if x.size and x.flat[0] == -1:
            self.waiting.set()
            assert self.gate.wait(20)
        if x.size and x.flat[0] == -2:
            raise invalid_argument("the op says no")
        return {output: self.change(x) for output in outputs}


@contextlib.contextmanager
def batching(**parameters):
    settings = {"num_batch_threads": 1, **parameters}
    found = Batching(BatchingParameters(**settings), Metrics())
    try:
        yield found
    finally:
        found.stop()


def row(*values):
    return np.array(values, np.float32)


class Requests:
    """Requests in threads, each sent when the one before waits in its queue."""

    def __init__(self, batcher, model):
        self.batcher, self.model = batcher, model
        self.threads, self.answers = [], []

    def send(self, x, name="s", outputs=None, seconds=60.0):
        self.answers.append(None)
        thread = threading.Thread(target=self._run, args=(len(self.answers) - 1, x, name, outputs, seconds))
        self.threads.append(thread)
        before = self._waiting()
        thread.start()
        end = time.monotonic() + 20
        while self._waiting() == before and thread.is_alive() and not self.model.waiting.is_set():
            assert time.monotonic() < end
            time.sleep(0.001)
        return self

    def block(self):
        """Occupies the only batch thread."""
        self.send(row(-1))
        assert self.model.waiting.wait(20)
        while self._waiting():
            time.sleep(0.001)
        self.model.waiting.clear()
        return self

    def finish(self):
        """The answers in the order of the requests, each a list of y or a StatusError."""
        self.model.gate.set()
        for thread in self.threads:
            thread.join(20)
            assert not thread.is_alive()
        return self.answers

    def _waiting(self):
        with self.batcher._changed:
            return sum(len(batch.tasks) for queue in self.batcher._queues.values() for batch in queue._batches)

    def _run(self, number, x, name, outputs, seconds):
        try:
            found = self.batcher.run(
                self.model,
                name,
                {"x": x},
                outputs,
                deadline=time.monotonic() + seconds,
                parameters=self.batcher.parameters_of(self.model),
            )
            self.answers[number] = found["y"].tolist()
        except StatusError as error:
            self.answers[number] = error


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
