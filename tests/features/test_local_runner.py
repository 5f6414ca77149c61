"""Processes that work, fail, die and are left behind."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tfiqa.errors import BrokenPicture, InvalidInput, TfiqaError
from tfiqa.features.runners.local import LocalRunner
from tfiqa.features.runners.runner import tick

THIS_FOLDER = Path(__file__).parent


def square(number):
    tick(number)
    return number**2


def refuse_three(number):
    if number == 3:
        raise BrokenPicture("three.png", "is odd")
    return number


def end_of_file(number):
    raise EOFError("the picture's, not the pipe's")


def die_once(path):
    """Dies at the first try of each path."""
    if not Path(path).exists():
        Path(path).touch()
        os.kill(os.getpid(), signal.SIGKILL)
    return path


def die(_):
    os.kill(os.getpid(), signal.SIGKILL)


def set_variable():
    os.environ["TFIQA_TEST"] = "set"


def variable(_):
    return os.environ.get("TFIQA_TEST")


def refuse_to_start():
    raise InvalidInput("not here")


def who(_):
    time.sleep(0.05)
    return os.getpid()


def write_pid_and_sleep(folder):
    (Path(folder) / str(os.getpid())).touch()
    time.sleep(60)


def is_running(pid):
    status = Path(f"/proc/{pid}/stat")
    return status.exists() and status.read_text().split()[2] != "Z"


def wait_for(condition, seconds=20):
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_every_item_comes_back_with_its_result():
    assert sorted(LocalRunner(2).run(square, range(7))) == [(number, number**2) for number in range(7)]
    assert list(LocalRunner(2).run(square, [])) == []


def test_several_processes_work_none_of_them_this_one():
    workers = {pid for _, pid in LocalRunner(2).run(who, range(40))}
    assert len(workers) == 2
    assert os.getpid() not in workers


def test_ticks_are_those_of_the_items_at_hand():
    told = []
    done = [item for item, _ in LocalRunner(1, under_way=told.append).run(square, [5, 6])]
    assert (done, told) == ([5, 6], [5, 0, 6, 0])


def test_the_initializer_comes_first():
    assert list(LocalRunner(1).run(variable, [1, 2], initializer=set_variable)) == [(1, "set"), (2, "set")]
    assert list(LocalRunner(1).run(variable, [1])) == [(1, None)]
    assert "TFIQA_TEST" not in os.environ


def test_an_error_comes_out_as_it_was_raised():
    with pytest.raises(BrokenPicture, match=r"three\.png: is odd") as caught:
        list(LocalRunner(2).run(refuse_three, range(5)))
    assert "refuse_three" in str(caught.value.__cause__)
    with pytest.raises(EOFError, match="not the pipe's"):
        list(LocalRunner(1).run(end_of_file, [1]))
    with pytest.raises(InvalidInput, match="not here"):
        list(LocalRunner(1).run(square, [1], initializer=refuse_to_start))


def test_the_item_of_a_process_that_dies_is_run_again(tmp_path):
    paths = [str(tmp_path / name) for name in "abcde"]
    assert sorted(LocalRunner(2).run(die_once, paths)) == [(path, path) for path in paths]


def test_deaths_without_progress_end_the_run():
    with pytest.raises(TfiqaError, match="3 worker processes died in a row; the last one was killed"):
        list(LocalRunner(2).run(die, range(5)))


def test_workers_are_counted_from_one():
    with pytest.raises(InvalidInput, match="counted from 1"):
        LocalRunner(0)
    assert LocalRunner().workers == len(os.sched_getaffinity(0))


def test_closing_the_iterator_ends_the_processes(tmp_path):
    results = LocalRunner(2).run(who, range(1000))
    pid = next(results)[1]
    assert is_running(pid)
    results.close()
    assert not is_running(pid)


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
def test_no_process_outlives_the_one_that_started_it(how, tmp_path):
    program = (
        f"import signal, sys; sys.path.insert(0, {str(THIS_FOLDER)!r})\n"
        "signal.signal(signal.SIGINT, signal.default_int_handler)\n"  # in the background a shell lets tests ignore it
        "from test_local_runner import write_pid_and_sleep\n"
        "from tfiqa.features.runners.local import LocalRunner\n"
        f"if __name__ == '__main__': list(LocalRunner(2).run(write_pid_and_sleep, [{str(tmp_path)!r}] * 2))\n"
    )
    script = tmp_path / "program.py"
    script.write_text(program)
    parent = subprocess.Popen([sys.executable, script], stderr=subprocess.DEVNULL)
    wait_for(lambda: len(list(tmp_path.iterdir())) == 3)
    parent.send_signal(how)
    assert parent.wait(20) != 0
    pids = [path.name for path in tmp_path.iterdir() if path.name.isdigit()]
    wait_for(lambda: not any(map(is_running, pids)))
