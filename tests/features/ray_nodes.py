"""Ray clusters of several nodes on this machine."""

from contextlib import contextmanager

import pytest

NODES = 3


@contextmanager
def nodes(import_path):
    """A cluster of NODES nodes of one processor each, whose processes also import from a folder; without Ray the test
    is skipped."""
    pytest.importorskip("ray", reason="the extra [ray] is not installed")
    from ray.cluster_utils import Cluster

    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("RAY_USAGE_STATS_ENABLED", "0")
        patch.setenv("PYTHONPATH", str(import_path))
        cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 1, "include_dashboard": False})
        for _ in range(NODES - 1):
            cluster.add_node(num_cpus=1)
        cluster.wait_for_nodes()
    yield cluster
    cluster.shutdown()


def kill(cluster, node):
    """Kills a node as a power failure would."""
    cluster.remove_node(node, allow_graceful=False)
