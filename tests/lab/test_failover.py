"""The whole lab: drills to the end, steps that find nothing to do, and processes that die."""

from __future__ import annotations

import http.client
import json
import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import psutil
import pytest

from gameday.errors import FaultError, GamedayError
from gameday.faults import postgresql as faults
from gameday.faults import process
from gameday.faults.postgresql import processes_in, wait_until
from gameday.faults.undolog import UndoLog
from gameday.lab import steps
from gameday.lab.failover import Cluster, FailoverLab

pytestmark = pytest.mark.usefixtures("postgresql")


class Customers:
    """Four customers that place orders until told to stop, and remember what was acknowledged."""

    def __init__(self, port: int) -> None:
        self.port = port
        self.acknowledged: list[str] = []
        self._stop = threading.Event()
        self._threads = [threading.Thread(target=self._order, args=(n,)) for n in range(4)]
        for thread in self._threads:
            thread.start()

    def _order(self, customer: int) -> None:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=3)
        number = 0
        while not self._stop.is_set():
            number += 1
            identity = f"{customer}-{id(self)}-{number}"
            body = json.dumps({"id": identity, "payload": "x" * 64})
            connection.request("POST", "/orders", body, {"Content-Type": "application/json"})
            response = connection.getresponse()
            response.read()
            if response.status == 201:
                self.acknowledged.append(identity)
            self._stop.wait(0.002)

    def has_placed(self, count: int) -> bool:
        goal = len(self.acknowledged) + count
        return wait_until(lambda: len(self.acknowledged) >= goal, 20)

    def stop(self) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join()


def lost(lab: FailoverLab, acknowledged: list[str]) -> int:
    leader = lab.cluster.primary()
    assert leader is not None
    query = "SELECT count(*) FROM unnest(%s::text[]) AS a(id) WHERE id NOT IN (SELECT id FROM orders)"
    return int(str(leader.ask(query, acknowledged)))


def fail_over(v: dict[str, str]) -> None:
    assert process.kill(pidfile=v["primary_pidfile"])["landed"]
    assert faults.fence(v["primary_data"], v["standby_dsn"])["landed"]
    assert faults.promote(v["standby_dsn"])["landed"]
    health = f"{v['service_url']}/health"
    assert steps.repoint(v["routing_file"], v["standby_dsn"], health_url=health)["landed"]


def fail_back(v: dict[str, str]) -> None:
    steps.rejoin(v["lab"], "primary")
    steps.switch_home(v["lab"])
    steps.rejoin(v["lab"], "standby")


def is_as_at_the_start(lab: FailoverLab) -> bool:
    home, away = lab.cluster.nodes
    state = home.ask("SELECT sync_state FROM pg_stat_replication WHERE state = 'streaming'")
    routed = lab.cluster.routing.read_text().strip()
    return (
        lab.cluster.primary() == home
        and away.is_running()
        and state == ("sync" if lab.is_synchronous else "async")
        and routed == home.dsn
        and not home.standby_signal.exists()
    )


def play_undos(log: UndoLog) -> None:
    """As the runner does: last in, first out, then verified."""
    functions = {**vars(faults), **vars(process), **vars(steps)}
    for entry in log.owed():
        functions[entry.call["func"]](**entry.call["arguments"])
        assert functions[entry.call["verify"]](**entry.call["arguments"])
        log.note(entry.id, "verified")


def test_a_synchronous_failover_and_the_way_home_lose_nothing(tmp_path: Path, undo_log: UndoLog) -> None:
    with FailoverLab(tmp_path / "lab", synchronous=True) as lab:
        assert is_as_at_the_start(lab)
        customers = Customers(lab.cluster.service_port)
        try:
            assert customers.has_placed(200)
            fail_over(lab.variables)
            assert customers.has_placed(100)
            fail_back(lab.variables)
            assert customers.has_placed(100)
        finally:
            customers.stop()
        assert lost(lab, customers.acknowledged) == 0
        play_undos(undo_log)
        assert is_as_at_the_start(lab)
        nodes = lab.cluster.nodes
    assert [processes_in(node.data) for node in nodes] == [[], []]


def test_an_asynchronous_failover_loses_what_the_standby_never_got(tmp_path: Path, undo_log: UndoLog) -> None:
    with FailoverLab(tmp_path / "lab", synchronous=False) as lab:
        assert is_as_at_the_start(lab)
        customers = Customers(lab.cluster.service_port)
        try:
            assert customers.has_placed(100)
            assert faults.cut_replication(lab.variables["standby_dsn"])["landed"]
            before = len(customers.acknowledged)
            assert customers.has_placed(300)
            fail_over(lab.variables)
        finally:
            customers.stop()
        missing = lost(lab, customers.acknowledged)
        assert 250 < missing <= len(customers.acknowledged) - before + 20
        fail_back(lab.variables)
        assert lost(lab, customers.acknowledged) == missing
        play_undos(undo_log)
        assert is_as_at_the_start(lab)


def test_steps_of_a_failback_leave_a_lab_at_home_as_it_is(tmp_path: Path) -> None:
    with FailoverLab(tmp_path / "lab", synchronous=False) as lab:
        v = lab.variables
        pids = [node.pidfile.read_text() for node in lab.cluster.nodes]
        fail_back(v)
        assert [node.pidfile.read_text() for node in lab.cluster.nodes] == pids
        with pytest.raises(FaultError, match="still a standby"):
            steps.repoint(v["routing_file"], v["standby_dsn"])
        with pytest.raises(GamedayError, match="no node 'third'"):
            steps.rejoin(v["lab"], "third")
        # a failover that stopped before the promotion: the old primary simply leads again
        process.kill(pidfile=v["primary_pidfile"])
        faults.fence(v["primary_data"], v["standby_dsn"])
        fail_back(v)
        assert wait_until(lambda: is_as_at_the_start(lab), 10)
        # nobody goes home to a server that does not stream
        fail_over(v)
        with pytest.raises(GamedayError, match="rejoin it first"):
            steps.switch_home(v["lab"])


def test_a_lab_that_cannot_start_leaves_no_process(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(self: Cluster) -> None:
        raise GamedayError("not healthy")

    monkeypatch.setattr(Cluster, "wait_until_healthy", fail)
    with pytest.raises(GamedayError, match="not healthy"), FailoverLab(tmp_path / "lab", synchronous=False):
        pass
    assert leftovers(tmp_path) == []


def test_a_lab_whose_process_dies_is_stopped_by_its_keeper(tmp_path: Path) -> None:
    code = (
        "import sys, time; from pathlib import Path; from gameday.lab.failover import FailoverLab\n"
        "with FailoverLab(Path(sys.argv[1]), synchronous=False): print('up', flush=True); time.sleep(60)"
    )
    owner = subprocess.Popen([sys.executable, "-c", code, str(tmp_path / "lab")], stdout=subprocess.PIPE)
    assert owner.stdout is not None
    assert owner.stdout.readline() == b"up\n"
    assert len(leftovers(tmp_path)) > 4
    owner.send_signal(signal.SIGKILL)
    owner.wait()
    owner.stdout.close()
    assert wait_until(lambda: leftovers(tmp_path) == [] and not (tmp_path / "lab").exists(), 15)


def test_no_lab_in_a_folder_is_said(tmp_path: Path) -> None:
    with pytest.raises(GamedayError, match="there is no lab in"):
        steps.switch_home(str(tmp_path))


def leftovers(folder: Path) -> list[int]:
    """Live processes that work in the folder or were told of it."""
    found = []
    for each in psutil.process_iter():
        try:
            is_here = str(folder) in " ".join([each.cwd(), *each.cmdline()])
            if is_here and each.status() != psutil.STATUS_ZOMBIE and each.pid != os.getpid():
                found.append(each.pid)
        except (psutil.NoSuchProcess, psutil.AccessDenied):
            continue
    return found
