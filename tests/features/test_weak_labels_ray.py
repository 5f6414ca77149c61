"""Weak labels made on a Ray cluster that loses a node."""

from pathlib import Path

from ray_nodes import kill, nodes
from weak_label_jobs import contents, job, pristine

from tfiqa.features.runners.local import LocalRunner
from tfiqa.features.runners.ray_cluster import RayRunner

REFERENCES = 8
LEVELS = 5


def test_the_same_bytes_as_here_although_a_node_is_killed(tmp_path):
    manifest = pristine(tmp_path, REFERENCES)
    with nodes(Path(__file__).parent) as cluster:
        victim = cluster.list_all_nodes()[-1]
        done = []

        def kill_one(pictures, _):
            done.append(pictures)
            if len(done) == 2:  # a shard is finished, and every node has been given one
                kill(cluster, victim)

        job(manifest, tmp_path / "there").run(RayRunner(cluster.address), progress=kill_one)
    assert done == list(range(0, LEVELS * REFERENCES + 1, LEVELS))
    job(manifest, tmp_path / "here").run(LocalRunner(1))
    assert contents(tmp_path / "there") == contents(tmp_path / "here")
