"""Runs that are really killed, and go on."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from weak_label_jobs import FEW, contents, pristine

PICTURES = 24
DEADLINE = 120  # seconds until a run must be where it is waited for
PROGRAM = f"""
import sys
from tfiqa.databases.manifest import read_manifest
from tfiqa.features.runners.local import LocalRunner
from tfiqa.features.weak_labels.job import WeakLabelJob
from tfiqa.features.weak_labels.settings import Settings

if __name__ == "__main__":
    manifest, folder, workers = sys.argv[1:]
    job = WeakLabelJob(read_manifest(manifest), folder, Settings({FEW!r}))
    job.run(LocalRunner(int(workers)), resume=True)
"""


class Run:
    """A run in a process group of its own."""

    def __init__(self, tmp_path, folder, workers=1):
        program = tmp_path / "program.py"
        program.write_text(PROGRAM)
        command = [sys.executable, program, tmp_path / "pristine.csv", folder, str(workers)]
        self.folder = folder
        self.process = subprocess.Popen(command, start_new_session=True, stderr=subprocess.DEVNULL)

    def finished_shards(self):
        return len(list(self.folder.glob("parts/*.json")))

    def wait_for(self, condition):
        deadline = time.monotonic() + DEADLINE
        while not condition():
            assert self.process.poll() is None, "it ended before it was where it was waited for"
            assert time.monotonic() < deadline
            time.sleep(0.001)

    def at_work(self):
        """Whether a worker is in the middle of a shard."""
        return any(self.folder.glob(".*.tfrecord"))

    def workers(self):
        """The processes that label, by what `multiprocessing` starts them with."""
        pid = self.process.pid
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
        return [int(child) for child in children if b"spawn_main" in Path(f"/proc/{child}/cmdline").read_bytes()]

    def kill_all(self):
        os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """The folder of the pictures, and in it what an uninterrupted run made of them."""
    folder = tmp_path_factory.mktemp("whole")
    pristine(folder, PICTURES)
    assert Run(folder, folder / "out").process.wait(DEADLINE) == 0
    return folder


def test_killed_again_and_again(whole, tmp_path):
    """A worker, its whole group, and the parent alone, each at another moment; the last run ends by itself."""
    folder = tmp_path / "out"
    run = Run(whole, folder)
    run.wait_for(run.at_work)
    (worker,) = run.workers()
    os.kill(worker, signal.SIGKILL)
    before = run.finished_shards()
    run.wait_for(lambda: run.finished_shards() > before + 1 and run.at_work())
    run.kill_all()
    before = run.finished_shards()
    assert before < PICTURES

    run = Run(whole, folder)
    run.wait_for(lambda: run.finished_shards() > before + 3 and run.at_work())
    run.process.kill()
    run.process.wait()
    assert run.finished_shards() < PICTURES

    assert Run(whole, folder, workers=2).process.wait(DEADLINE) == 0
    assert contents(folder) == contents(whole / "out")
