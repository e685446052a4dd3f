"""200 simulated nights: the real check and files, DINGs to a real server, and SIGKILL at any call of a tick."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from airflow_provider_dingpush.sandbox import DingPlan, Person, Robot, Sandbox
from tests.pipeline import escalation_night
from tests.pipeline.escalation_night import MINUTES, START, Night, Plan

NIGHTS = 200
AT_ONCE = 20
ROOT = Path(__file__).parents[2]


@pytest.fixture
def organisation(monkeypatch: pytest.MonkeyPatch) -> Iterator[Sandbox]:
    people = tuple(Person(user_id=f"user{each}", name=f"p{each}", mobile=f"138000000{each:02}") for each in range(60))
    with Sandbox(people=people, ding=DingPlan(sms=None, phone=None)) as sandbox:
        monkeypatch.setenv("AIRFLOW_CONN_DINGTALK_DEFAULT", f"{sandbox.webhook_url}&group_interval_seconds=0")
        monkeypatch.setenv("AIRFLOW_CONN_DINGTALK_APP_DEFAULT", sandbox.connection_of(sandbox.app))
        yield sandbox


@pytest.fixture
def killed_ticks(organisation: Sandbox) -> Iterator[subprocess.Popen[str]]:
    """Where ticks run that are killed; started after the connections are known."""
    command = [sys.executable, "-m", escalation_night.__name__]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=ROOT) as server:
        yield server
        assert server.stdin is not None
        server.stdin.close()


class Observed:
    """A night, and what arrived in it.

    :param folder: of its outbox.
    """

    def __init__(self, plan: Plan, folder: Path, organisation: Sandbox, killed_ticks: subprocess.Popen[str]) -> None:
        self.plan = plan
        self.killed = 0
        self.dings: list[tuple[int, str, str]] = []
        self.told: list[tuple[int, str]] = []
        self._folder = folder
        self._organisation = organisation
        self._killed_ticks = killed_ticks

    def run(self) -> None:
        night = Night(self.plan, self._folder)
        night.fail()
        how, when = self.plan.end or ("", float("inf"))
        is_over = False
        for minute in range(1, MINUTES):
            if not is_over and minute > when:
                night.now = START + when * 60
                night.end(how)
                is_over = True
            dings, messages = len(self._organisation.dings), len(self._organisation.messages)
            rerun = is_over and how == "rerun"
            if minute in self.plan.kills:
                self._tick_that_is_killed(minute, rerun=rerun)
            else:
                night.tick(minute, rerun=rerun)
            self.dings += [(minute, each.person.user_id, each.kind) for each in self._organisation.dings[dings:]]
            self.told += [
                (minute, str(each.payload))
                for each in self._organisation.messages[messages:]
                if isinstance(each.sender, Robot)
            ]

    def _tick_that_is_killed(self, minute: int, *, rerun: bool) -> None:
        server = self._killed_ticks
        assert server.stdin is not None
        assert server.stdout is not None
        server.stdin.write(json.dumps([self.plan.seed, str(self._folder), minute, rerun]) + "\n")
        server.stdin.flush()
        exit_code = int(server.stdout.readline())
        assert exit_code in (0, -signal.SIGKILL)
        self.killed += exit_code != 0


@pytest.mark.parametrize("first", range(0, NIGHTS, AT_ONCE))
def test_nights(first: int, tmp_path: Path, organisation: Sandbox, killed_ticks: subprocess.Popen[str]) -> None:
    kills = 0
    for seed in range(first, first + AT_ONCE):
        plan = Plan.of(seed)
        night = Observed(plan, tmp_path / str(seed), organisation, killed_ticks)
        night.run()
        kills += night.killed
        ends_at = plan.end[1] if plan.end else float("inf")
        # The oracle: each step whose minute comes before the end, in that minute, once, to its own person, in its way.
        wanted = [(at, f"user{at}", way) for at, way in plan.steps.items() if at <= ends_at]
        if not night.killed:
            assert (seed, night.dings) == (seed, wanted)
            assert night.told == []
            continue
        arrived = Counter((user_id, way) for _, user_id, way in night.dings)
        assert set(arrived.values()) <= {1}, (seed, "none twice")
        due = {user_id: at for at, user_id, _ in wanted}
        for minute, user_id, way in night.dings:
            assert plan.steps[int(user_id.removeprefix("user"))] == way
            assert due[user_id] <= minute <= due[user_id] + night.killed, (seed, "in its minute, or after the kill")
            assert minute <= ends_at + 1
        # What a kill may have swallowed, the group is told, unless the end came first.
        missing = [each for each in wanted if (each[1], each[2]) not in arrived and each[0] + night.killed < ends_at]
        uncertain = [text for _, text in night.told if "不清楚是否送达" in text]
        assert len(missing) <= len(uncertain) <= night.killed, (seed, missing, night.told)
    assert kills > AT_ONCE / 5, "the kills hit"
