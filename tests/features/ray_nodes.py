"""Ray clusters of several nodes on this machine."""

from contextlib import contextmanager

import pytest

NODES = 3
TRIES = 3  # on a busy machine Ray's own time limit for the start of a node, 30 s, can pass


@contextmanager
def nodes(import_path):
    """A cluster of NODES nodes of one processor each, whose processes also import from a folder; without Ray the test
    is skipped."""
    pytest.importorskip("ray", reason="the extra [ray] is not installed")
    from ray.cluster_utils import Cluster

    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("RAY_USAGE_STATS_ENABLED", "0")
        patch.setenv("PYTHONPATH", str(import_path))
        patch.setenv("RAY_gcs_server_port_wait_time_s", "120")
        for last in [False] * (TRIES - 1) + [True]:
            cluster = Cluster()
            try:
                cluster.add_node(num_cpus=1, include_dashboard=False)  # the first is the head
                for _ in range(NODES - 1):
                    cluster.add_node(num_cpus=1)
                cluster.wait_for_nodes()
                break
            except Exception:  # Ray raises its plainest for a node that is late
                cluster.shutdown()
                if last:
                    raise
    yield cluster
    cluster.shutdown()


def kill(cluster, node):
    """Kills a node as a power failure would."""
    cluster.remove_node(node, allow_graceful=False)
