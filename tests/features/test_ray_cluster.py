"""Ray clusters of this machine's processes: three nodes, one of which is killed."""

import os
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import pytest
from ray_nodes import NODES, kill, nodes

from tfiqa.errors import BrokenPicture, InvalidInput, MissingPackage, TfiqaError
from tfiqa.features.runners import ray_cluster
from tfiqa.features.runners.ray_cluster import RayRunner

THIS_FOLDER = Path(__file__).parent


@pytest.fixture(scope="module")
def cluster():
    with nodes(THIS_FOLDER) as cluster:  # so that they find the functions below
        yield cluster


def where(number):
    """The node that it runs on, after a while."""
    import ray

    time.sleep(0.3)
    return number**2, ray.get_runtime_context().get_node_id()


def refuse_three(number):
    if number == 3:
        raise BrokenPicture("three.png", "is odd")
    return number


def end_of_file(number):
    raise EOFError("of the picture")


def die_once(path):
    """Dies at the first try of each path."""
    if not Path(path).exists():
        Path(path).touch()
        os.kill(os.getpid(), signal.SIGKILL)
    return path


def die(path):
    with open(path, "a") as tries:
        tries.write("x")
    os.kill(os.getpid(), signal.SIGKILL)


def count_start():
    os.environ["TFIQA_STARTS"] = str(int(os.environ.get("TFIQA_STARTS", 0)) + 1)


def starts(_):
    return os.getpid(), os.environ["TFIQA_STARTS"], os.environ.get("TF_TFIQA_TEST")


def refuse_to_start():
    raise InvalidInput("not here")


def leave_a_file(path):
    Path(path).touch()
    time.sleep(0.2)


def test_errors_come_out_as_they_are(cluster):
    with pytest.raises(BrokenPicture, match=r"^three\.png: is odd$") as caught:
        list(RayRunner(cluster.address).run(refuse_three, range(6)))
    assert (type(caught.value), caught.value.name) == (BrokenPicture, "three.png")
    with pytest.raises(EOFError, match="of the picture"):
        list(RayRunner(cluster.address).run(end_of_file, range(2)))
    with pytest.raises(InvalidInput, match="not here"):
        list(RayRunner(cluster.address).run(refuse_three, range(2), initializer=refuse_to_start))


def test_the_initializer_is_called_once_in_every_process_with_tensorflows_variables(cluster, monkeypatch):
    monkeypatch.setenv("TF_TFIQA_TEST", "here, too")
    results = list(RayRunner(cluster.address).run(starts, range(30), initializer=count_start))
    assert [item for item, _ in sorted(results)] == list(range(30))
    assert {result[1:] for _, result in results} == {("1", "here, too")}
    assert len({result[0] for _, result in results}) <= 2 * NODES  # processes are used again


def test_items_whose_process_died_run_again(cluster, tmp_path):
    paths = [str(tmp_path / name) for name in "abcd"]
    assert dict(RayRunner(cluster.address).run(die_once, paths)) == {path: path for path in paths}


def test_an_item_that_kills_its_process_every_time_ends_the_run(cluster, tmp_path, monkeypatch):
    monkeypatch.setattr(ray_cluster, "MOST_RETRIES", 1)
    with pytest.raises(TfiqaError, match=r"an item failed on the cluster, tried up to 2 times: .*died") as caught:
        list(RayRunner(cluster.address).run(die, [str(tmp_path / "tries")]))
    assert "\n" not in str(caught.value)
    assert (tmp_path / "tries").read_text() == "xx"


def test_few_items_are_in_flight_and_closing_cancels_them(cluster, tmp_path):
    taken = []

    class Items(list):
        def __iter__(self):
            for path in super().__iter__():
                taken.append(path)
                yield path

    paths = Items(str(tmp_path / f"{number:02}") for number in range(50))
    results = RayRunner(cluster.address, workers=2).run(leave_a_file, paths)
    for count in range(5):
        next(results)
        assert len(taken) == count + 2
    results.close()
    left = len(list(tmp_path.iterdir()))
    time.sleep(1)
    assert len(list(tmp_path.iterdir())) == left <= 6


def test_every_result_comes_once_although_a_node_is_killed(cluster, capfd):
    """The cluster has one node less afterwards."""
    capfd.readouterr()
    results = []
    victim = cluster.list_all_nodes()[-1]
    for result in RayRunner(cluster.address).run(where, range(40)):
        results.append(result)
        if len(results) == 12:
            kill(cluster, victim)
    assert sorted((item, square) for item, (square, _) in results) == [(number, number**2) for number in range(40)]
    nodes = Counter(node for _, (_, node) in results)
    assert 0 < nodes[victim.node_id] <= 12 + 2
    assert len(nodes) == NODES
    assert capfd.readouterr() == ("", "")


def test_what_the_machines_cannot_import_is_told_in_one_line(cluster, tmp_path, monkeypatch):
    (tmp_path / "only_here.py").write_text("def double(number):\n    return 2 * number\n")
    monkeypatch.syspath_prepend(tmp_path)
    from only_here import double

    with pytest.raises(TfiqaError, match=r"on the cluster: .*No module named 'only_here'") as caught:
        list(RayRunner(cluster.address).run(double, [1]))
    assert "\n" not in str(caught.value)


def test_ray_on_this_machine_keeps_the_terminal_clean_and_hears_ctrl_c():
    pytest.importorskip("ray", reason="the extra [ray] is not installed")
    program = (
        "import signal, time\n"
        "signal.signal(signal.SIGINT, signal.default_int_handler)\n"  # in the background a shell lets tests ignore it
        "from tfiqa.features.runners.ray_cluster import RayRunner\n"
        "for item, _ in RayRunner(workers=2).run(time.sleep, [0.1, 600.0, 600.0]): print(item, flush=True)\n"
    )
    running = subprocess.Popen(
        [sys.executable, "-c", program], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=THIS_FOLDER
    )
    assert running.stdout.readline() == "0.1\n"
    running.send_signal(signal.SIGINT)
    rest, told = running.communicate(timeout=30)
    assert rest == ""
    assert told.startswith("Traceback")
    assert told.endswith("KeyboardInterrupt\n")


@pytest.mark.parametrize("address", ["nonsense", "ray://10.0.0.1:10001", "10.0.0.1:head"])
def test_other_addresses_are_refused(address):
    with pytest.raises(InvalidInput, match="address is HOST:PORT or auto"):
        RayRunner(address)


def test_an_address_where_nothing_listens(unused_port):
    pytest.importorskip("ray", reason="the extra [ray] is not installed")
    with pytest.raises(TfiqaError, match=rf"^cannot connect to the Ray cluster at 127\.0\.0\.1:{unused_port}: "):
        list(RayRunner(f"127.0.0.1:{unused_port}").run(refuse_three, [1]))


@pytest.fixture
def unused_port():
    import socket

    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def test_no_workers_and_no_ray(monkeypatch):
    with pytest.raises(InvalidInput, match="workers are counted from 1"):
        RayRunner(workers=0)
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(MissingPackage, match=r"^Ray is not installed: pip install 'tfiqa\[ray\]'$"):
        ray_cluster.RayRunner()
