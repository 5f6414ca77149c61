"""Running a signature for the protocols."""

import time
from types import SimpleNamespace

import pytest

from tfiqa.serving.server.inference import Inference
from tfiqa.serving.server.status import Code, StatusError


def test_a_request_past_its_deadline_is_not_run_though_a_run_is_free():
    runs = []
    model = SimpleNamespace(is_cheap=False, run=lambda *arguments, **settings: runs.append(settings) or {})
    inference = Inference(None, max_runs=1)
    with pytest.raises(StatusError) as caught:
        inference.run(model, "serving_default", {}, deadline=time.monotonic() - 1)
    assert (caught.value.code, runs) == (Code.DEADLINE_EXCEEDED, [])
    assert inference.run(model, "serving_default", {}, deadline=time.monotonic() + 60) == {}
    assert len(runs) == 1
