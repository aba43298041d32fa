"""The pool over a real Ray cluster of two nodes, both on this machine."""

import os
import re
import socket
import sys
import time
from pathlib import Path

import pytest

from audionas.core.errors import UserError
from audionas.core.extras import install
from audionas.core.pool.pool import MOST_DEATHS, Pool
from tests.unit.core import _pool_workers

ray = pytest.importorskip("ray", reason="the extra cluster is not installed")

ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture(scope="module")
def cluster():
    """The address of a cluster of two nodes with 1 and 2 CPUs."""
    from ray.cluster_utils import Cluster

    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(ROOT)
        patch.setenv("RAY_USAGE_STATS_ENABLED", "0")
        made = Cluster(initialize_head=True, head_node_args={"num_cpus": 1, "include_dashboard": False})
        made.add_node(num_cpus=2)
        yield made.address
        made.shutdown()


def pool(address, function, workers=2, **args):
    return Pool(getattr(_pool_workers, function), args, workers=workers, backend="ray", address=address)


@pytest.mark.story
@pytest.mark.parametrize("workers", [1, 3])
def test_results_are_those_of_processes(cluster, workers):
    items = [{"x": x} for x in range(20)]
    with pool(cluster, "square", workers, offset=1) as some:
        assert list(some.map(items)) == [x * x + 1 for x in range(20)]
        assert list(some.map(items[:3])) == [1, 2, 5]
    assert not ray.is_initialized()


@pytest.mark.story
def test_auto_is_the_cluster_of_this_machine(cluster, monkeypatch):
    monkeypatch.setenv("RAY_ADDRESS", cluster)  # there may be others here
    with pool("auto", "square") as some:
        assert list(some.map([{"x": 3}])) == [9]
        assert len(ray.nodes()) == 2


@pytest.mark.story
def test_a_killed_actor_is_replaced_and_nothing_is_lost(cluster, tmp_path):
    with pool(cluster, "dies", folder=str(tmp_path), item=5, times=1) as some:
        assert list(some.map(range(12))) == list(range(12))
    assert len(list(tmp_path.iterdir())) == 1


@pytest.mark.story
def test_more_workers_than_the_cluster_has_room_for_do_no_harm(cluster):
    with pool(cluster, "square", workers=5) as some:
        assert list(some.map([{"x": x} for x in range(8)])) == [x * x for x in range(8)]


@pytest.mark.story
def test_errors_are_those_of_processes(cluster, tmp_path):
    with pool(cluster, "fails") as some:
        given = []
        with pytest.raises(UserError) as error:
            given.extend(some.map([0, 1, "user", "bug"]))
        assert (error.value.problems, error.value.hint) == (
            ["space: unknown", "method: unknown"],
            "Try another.",
        )
        assert given == [0, 1]
        with pytest.raises(RuntimeError, match="KeyError: 'missing'"):
            list(some.map([0, "bug"]))
    with (
        pool(cluster, "dies", folder=str(tmp_path), item=1, times=99) as some,
        pytest.raises(UserError, match="item 1 killed 3 workers"),
    ):
        list(some.map([0, 1]))
    assert len(list(tmp_path.iterdir())) == MOST_DEATHS


@pytest.mark.story
def test_an_actor_is_killed_by_the_pool_that_ends(cluster):
    with pool(cluster, "pids") as some:
        pids = set(some.map(range(4)))
    limit = time.monotonic() + 20
    while any(alive(pid) for pid in pids):
        assert time.monotonic() < limit
        time.sleep(0.05)


def alive(pid):
    """Whether there is such a process."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


@pytest.mark.story
def test_a_worker_that_no_node_can_hold_is_refused(cluster):
    with pytest.raises(UserError, match=r"99 CPUs.*1 CPUs and 0 GPUs, 2 CPUs"):
        Pool(_pool_workers.facts, {}, backend="ray", threads=99, address=cluster).__enter__()
    assert not ray.is_initialized()


@pytest.mark.parametrize("told", ["by the config", "by the environment", "by Ray's note"])
def test_no_cluster_at_the_address(monkeypatch, tmp_path, told):
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))  # bound, but nobody listens
        address = f"127.0.0.1:{closed.getsockname()[1]}"
        monkeypatch.setenv("RAY_ADDRESS", address if told == "by the environment" else "")
        monkeypatch.setenv("RAY_TMPDIR", str(tmp_path))
        note = tmp_path / "ray" / "ray_current_cluster"
        note.parent.mkdir()
        note.write_text(address, encoding="utf-8")
        asked = address if told == "by the config" else "auto"
        with pytest.raises(UserError, match=rf"nobody answers at {address}[\s\S]*ray start --head"):
            Pool(_pool_workers.facts, {}, backend="ray", address=asked).__enter__()


def test_an_address_that_is_none():
    with pytest.raises(UserError, match="address: 'nonsense': Invalid address"):
        Pool(_pool_workers.facts, {}, backend="ray", address="nonsense").__enter__()


def test_without_ray_the_extra_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "ray", None)  # what an import of it then does: ModuleNotFoundError
    monkeypatch.delitem(sys.modules, "audionas.core.pool.ray", raising=False)
    with pytest.raises(UserError, match=re.escape(install("cluster"))):
        Pool(_pool_workers.facts, {}, backend="ray").__enter__()
