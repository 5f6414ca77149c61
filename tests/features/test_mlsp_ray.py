"""MLSP features extracted on a Ray cluster that loses a node."""

from pathlib import Path

from mlsp_jobs import job, save_model, save_pictures
from ray_nodes import kill, nodes
from weak_label_jobs import contents

from tfiqa.features.runners.local import LocalRunner
from tfiqa.features.runners.ray_cluster import RayRunner

SHARDS = 8


def test_the_same_bytes_as_here_although_a_node_is_killed(tmp_path):
    model = save_model(tmp_path / "m.keras")
    path = save_pictures(tmp_path, 2 * SHARDS)
    with nodes(Path(__file__).parent) as cluster:
        victim = cluster.list_all_nodes()[-1]
        done = []

        def kill_one(pictures, _):
            done.append(pictures)
            if len(done) == 2:  # a shard is finished, and every node has been given one
                kill(cluster, victim)

        there = job(path, tmp_path / "there", model, shard_pictures=2)
        there.run(RayRunner(cluster.address), progress=kill_one)
    assert done == list(range(0, 2 * SHARDS + 1, 2))
    job(path, tmp_path / "here", model, shard_pictures=2).run(LocalRunner(1))
    assert contents(tmp_path / "there") == contents(tmp_path / "here")
