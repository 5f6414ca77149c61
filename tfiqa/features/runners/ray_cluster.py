"""A Ray cluster: the machines that a `ray start` joined, or this one alone."""

from __future__ import annotations

import os
import re
import secrets
import socket
from collections.abc import Callable, Generator, Sequence
from itertools import islice
from typing import Any

from tfiqa.errors import InvalidInput, MissingPackage, TfiqaError
from tfiqa.features.runners.runner import Item, Result

# An item that has lost its process this often is more likely the cause than the victim: of a cluster of machines that may be
# taken away at any time, each loses one in hours, and an item takes minutes. Ray's own 3 would do in a quiet cluster.
MOST_RETRIES = 5
REACHED_WITHIN = 10.0  # seconds; Ray itself tries for minutes
ONE_THREAD = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}
AHEAD = 2  # items in flight per processor, so that none waits for its next one

Work = tuple[Callable[[Any], Any], Callable[[], None] | None]  # function and initializer


class RayRunner:
    """A `Runner` on the processors of a Ray cluster, one processor for each item.

    Where a process or its machine dies, Ray runs the item again, elsewhere if need be. Environment variables of this process
    that begin with TF_ hold on the cluster, too, since they change what TensorFlow computes; NumPy's libraries have one thread
    each. Ticks are not shown.

    Every machine needs the same Python, Ray and tfiqa. All paths in items and results, such as the manifest's pictures and
    the output folder, must lie on storage that all of them share under the same names.

    Args:
        address: of the cluster's head ("10.0.0.1:6379"), or "auto" for the cluster that this machine is part of; None
            starts Ray on this machine, for the time of a run. A program that is connected to Ray already stays so.
        workers: at most so many items at a time; by default as many as the cluster has processors, counted anew as it grows
            and shrinks.

    Raises:
        InvalidInput: fewer than one worker, or an address of another form.
        MissingPackage: Ray is not installed.
    """

    def __init__(self, address: str | None = None, workers: int | None = None) -> None:
        if workers is not None and workers < 1:
            raise InvalidInput(f"workers are counted from 1. Received: {workers}")
        if address not in (None, "auto") and not re.fullmatch(r"[^/]+:\d+", address):
            raise InvalidInput(f"a Ray cluster's address is HOST:PORT or auto. Received: {address!r}")
        _ray()
        self.address = address
        self.workers = workers

    def run(
        self,
        function: Callable[[Item], Result],
        items: Sequence[Item],
        *,
        initializer: Callable[[], None] | None = None,
    ) -> Generator[tuple[Item, Result], None, None]:
        """See `Runner.run`. At most `workers` items, or two for each processor, are in flight at a time.

        Raises:
            TfiqaError: the cluster cannot be reached, or an item lost its process more than MOST_RETRIES times. What
                `function` or `initializer` raises comes out as it is, and ends the rest.
        """
        ray = _ray()
        is_ours = not ray.is_initialized()
        if is_ours:
            _connect(self.address, self.workers)
        under_way: dict[Any, Item] = {}  # by Ray's reference to the result to come
        try:
            work = ray.put((function, initializer))
            variables = {name: value for name, value in os.environ.items() if name.startswith("TF_")} | ONE_THREAD
            remote = ray.remote(num_cpus=1, max_retries=MOST_RETRIES, runtime_env={"env_vars": variables})(_work)
            token = secrets.token_hex(8)
            waiting = iter(items)
            while True:
                wanted = max(self._most_in_flight() - len(under_way), 0)
                under_way.update((remote.remote(token, work, item), item) for item in islice(waiting, wanted))
                if not under_way:
                    return
                (done,), _ = ray.wait(list(under_way))
                item = under_way.pop(done)
                yield item, _result(done)
        finally:
            for each in under_way:
                ray.cancel(each, force=True)  # TensorFlow's graphs do not hear a mere interrupt
            if is_ours:
                ray.shutdown()

    def _most_in_flight(self) -> int:
        processors = int(_ray().cluster_resources().get("CPU", 0))
        return self.workers or max(AHEAD * processors, 1)


def _ray() -> Any:
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")  # it would report to its makers; read when a cluster starts
    try:
        import ray
    except ModuleNotFoundError as error:
        raise MissingPackage("Ray is not installed: pip install 'tfiqa[ray]'") from error
    return ray


def _connect(address: str | None, workers: int | None) -> None:
    """Raises TfiqaError when there is no such cluster, it cannot be reached, or it has another Python or Ray."""
    import ray._private.worker as driver

    # What Ray hears of lost machines it prints to standard output, twenty lines each, and has no option against it.
    driver.listen_error_messages = lambda worker, stopped: None
    quietly = {"logging_level": "ERROR", "log_to_driver": False}
    try:
        if address is None:
            _ray().init("local", num_cpus=workers, include_dashboard=False, **quietly)
        else:
            if address != "auto":
                host, _, port = address.rpartition(":")
                socket.create_connection((host, int(port)), REACHED_WITHIN).close()
            _ray().init(address, **quietly)
    except (OSError, RuntimeError, ValueError, OverflowError) as error:
        where = f"the Ray cluster at {address}" if address else "Ray"
        raise TfiqaError(f"cannot connect to {where}: {' '.join(str(error).split())}") from error


def _result(reference: Any) -> Any:
    from ray.exceptions import RayError, RayTaskError

    try:
        return _ray().get(reference)
    except RayTaskError as error:
        if isinstance(error.cause, RayError):  # the function could not be called at all
            reason = str(error.cause).split("\n", 1)[0]
            raise TfiqaError(
                f"an item failed on the cluster: {reason} (all its machines need the same tfiqa)"
            ) from error
        raise error.cause from error  # which holds the traceback that led to the cause
    except RayError as error:
        raise TfiqaError(
            f"an item failed on the cluster, tried up to {MOST_RETRIES + 1} times: {' '.join(str(error).split())}"
        ) from error


_ready: set[str] = set()  # runs for which this process of the cluster has called the initializer


def _work(run: str, work: Work, item: Any) -> Any:
    """One item, in a process of the cluster."""
    function, initializer = work
    if initializer and run not in _ready:
        initializer()
        _ready.add(run)
    return function(item)
