"""A model that says when it runs, and requests to it whose order is certain."""

import contextlib
import threading
import time

import numpy as np
import tensorflow as tf

from tfiqa.serving.server.batching import Batching
from tfiqa.serving.server.batching_parameters import BatchingParameters
from tfiqa.serving.server.loaded_model import Signature, TensorInfo
from tfiqa.serving.server.metrics import Metrics
from tfiqa.serving.server.status import StatusError, invalid_argument


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
