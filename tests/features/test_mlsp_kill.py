"""Runs that are really killed, and go on."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from mlsp_jobs import save_model, save_pictures
from weak_label_jobs import contents

PICTURES = 24
DEADLINE = 120  # seconds until a run must be where it is waited for
PROGRAM = """
import sys
from pathlib import Path
from tfiqa.features.mlsp.job import MlspJob
from tfiqa.features.mlsp.settings import MlspSettings
from tfiqa.features.runners.local import LocalRunner
from tfiqa.pipelines.labelled_pictures import read_labelled_pictures

if __name__ == "__main__":
    source, folder, workers = sys.argv[1:]
    pictures = read_labelled_pictures(Path(source) / "m.csv")
    job = MlspJob(pictures, folder, Path(source) / "m.keras", MlspSettings(batch_size=1), shard_pictures=1)
    job.run(LocalRunner(int(workers)), resume=True)
"""


class Run:
    """A run in a process group of its own."""

    def __init__(self, source, program, folder, workers=1):
        program.write_text(PROGRAM)
        self.folder = folder
        command = [sys.executable, program, source, folder, str(workers)]
        self.process = subprocess.Popen(command, start_new_session=True, stderr=subprocess.DEVNULL)

    def finished_shards(self):
        return len(list(self.folder.glob("parts/*.json")))

    def wait_for(self, shards):
        deadline = time.monotonic() + DEADLINE
        while self.finished_shards() < shards:
            assert self.process.poll() is None, "it ended before it was where it was waited for"
            assert time.monotonic() < deadline
            time.sleep(0.001)

    def workers(self):
        """The processes that extract, by what `multiprocessing` starts them with."""
        pid = self.process.pid
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
        return [int(child) for child in children if b"spawn_main" in Path(f"/proc/{child}/cmdline").read_bytes()]


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """A folder of pictures and a model, and what an uninterrupted run made of them."""
    folder = tmp_path_factory.mktemp("whole")
    save_model(folder / "m.keras")
    save_pictures(folder, PICTURES, ((160, 224), (224, 160)))
    assert Run(folder, folder / "program.py", folder / "out").process.wait(DEADLINE) == 0
    return folder


def test_killed_again_and_again(whole, tmp_path):
    """The whole group at the model's copy, a worker alone, the whole group in the middle; the last run ends by itself."""
    folder, program = tmp_path / "out", tmp_path / "program.py"
    run = Run(whole, program, folder)
    deadline = time.monotonic() + DEADLINE
    while not (folder / "plan.json").exists():
        assert time.monotonic() < deadline
    os.killpg(run.process.pid, signal.SIGKILL)
    run.process.wait()
    assert run.finished_shards() == 0

    run = Run(whole, program, folder)
    run.wait_for(2)
    (worker,) = run.workers()
    os.kill(worker, signal.SIGKILL)
    run.wait_for(run.finished_shards() + 2)
    os.killpg(run.process.pid, signal.SIGKILL)
    run.process.wait()
    assert 4 <= run.finished_shards() < PICTURES

    assert Run(whole, program, folder, workers=2).process.wait(DEADLINE) == 0
    assert contents(folder) == contents(whole / "out")
