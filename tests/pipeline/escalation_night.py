"""One simulated night of one incident: the real check and the real files, with a clock that is handed in."""

from __future__ import annotations

import json
import os
import random
import signal
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timezone
from pathlib import Path
from typing import Any

from airflow_provider_dingpush.alerts.alert import Alert, Mailbox
from airflow_provider_dingpush.events import Event
from airflow_provider_dingpush.hooks import hook_of
from airflow_provider_dingpush.pipeline import escalation_circumstances, escalation_sends
from airflow_provider_dingpush.pipeline.escalations import check_store
from airflow_provider_dingpush.pipeline.incidents import claim, incidents_in
from airflow_provider_dingpush.pipeline.silences import add_silence
from airflow_provider_dingpush.pipeline.stores import Store
from airflow_provider_dingpush.rules.reading import read_rules
from airflow_provider_dingpush.storage.files.store import FileStore
from airflow_provider_dingpush.storage.outbox import Outbox
from airflow_provider_dingpush.timeouts import Deadline

START = 1_790_000_000.0
MINUTES = 75
"""How long a night lasts, with a tick a minute."""
ENDS = "recovered", "claimed", "silenced", "rerun"
_WAYS = "app", "sms", "phone"


@dataclass(frozen=True)
class Plan:
    """What happens in a night, as its seed says.

    :param steps: minutes after the failure -> the kind of DING, each for a person who is named after the minute.
    :param end: what ends the escalation, and in which minute; ``None`` if nothing does.
    :param kills: tick -> at which of the calls of its store and its network it is killed, from 1.
    """

    seed: int
    steps: Mapping[int, str]
    end: tuple[str, float] | None
    kills: Mapping[int, int]

    @classmethod
    def of(cls, seed: int) -> Plan:
        chance = random.Random(seed)  # noqa: S311 - no secret
        minutes = sorted(chance.sample(range(1, 60), 5))
        end = (chance.choice(ENDS), chance.uniform(0, 70)) if chance.random() < 0.6 else None
        # A tick with nothing to do has little to be killed in; the others have about ten calls.
        killed = chance.sample(minutes, chance.randint(1, 3)) if chance.random() < 0.6 else []
        return cls(
            seed,
            {each: chance.choice(_WAYS) for each in minutes},
            end,
            {each: chance.randint(1, 12) for each in killed},
        )

    def rules(self) -> str:
        people = "".join(f"  - {{name: p{each}, user_id: user{each}}}\n" for each in self.steps)
        steps = ", ".join(f"{{after: {at}m, ding: {way}, who: p{at}}}" for at, way in self.steps.items())
        return (
            f"people:\n{people}rules:\n  - {{name: core, receiver: dingtalk_default, app: dingtalk_app_default, "
            f"escalate: [{steps}]}}\n"
        )


class Night:
    """The world of a plan.

    :param folder: of the outbox.
    """

    def __init__(self, plan: Plan, folder: Path) -> None:
        self.plan = plan
        self.now = START
        self.outbox = Outbox(FileStore(folder, clock=lambda: self.now))
        self._store = Store(self.outbox, None, folder)  # type: ignore[arg-type]
        self._rules = read_rules(plan.rules(), "r", zone=timezone.utc, read_file=str, group_labels=())

    def fail(self) -> None:
        self._put(Event.TASK_FAILED)

    def end(self, how: str) -> None:
        if how == "recovered":
            self._put(Event.TASK_SUCCEEDED, resolved=True)
        elif how == "claimed":
            [incident] = incidents_in(self.outbox)
            claim(self.outbox, incident, "somebody", self.now)
        elif how == "silenced":
            add_silence(self.outbox, {"dag_id": ("etl",)}, seconds=86_400.0, why="", by="somebody")

    def tick(self, minute: int, *, rerun: bool, kill_at: int | None = None) -> None:
        """One tick.

        :param rerun: whether Airflow says that the task runs again.
        :param kill_at: the call at which this process is killed.
        """
        self.now = START + minute * 60
        # Airflow's database is not part of a simulated night.
        escalation_circumstances.running_again = lambda incidents: (
            frozenset(each.id for each in incidents) if rerun else frozenset()
        )
        if kill_at is not None:
            _kill_at(self.outbox, kill_at)
        check_store(self._store, [self._store], self._rules, Deadline.after(60))

    def _put(self, event: Event, **more: Any) -> None:
        self.outbox.put(
            Alert(
                f"{event.value} {self.now}",
                Mailbox("dingtalk_default"),
                event,
                self.now,
                dag_id="etl",
                run_id="r1",
                task_id="load",
                summary="no such table",
                rule={"name": "core"},
                **more,
            )
        )


def _kill_at(outbox: Outbox, count: int) -> None:
    """Kill this process before or after a call of the store or the network: each is two places."""
    left = count

    def counted(real: Any) -> Any:
        def call(*arguments: Any, **named: Any) -> Any:
            _point()
            result = real(*arguments, **named)
            _point()
            return result

        return call

    def _point() -> None:
        nonlocal left
        left -= 1
        if left == 0:
            os.kill(os.getpid(), signal.SIGKILL)

    store: Any = outbox.store
    for name in ("set_notes", "remove_notes"):
        setattr(store, name, counted(getattr(store, name)))
    escalation_sends.Sends.send = counted(escalation_sends.Sends.send)  # type: ignore[method-assign]


def serve() -> None:
    """Run ticks that may be killed, each in a process forked off this one, which has one thread and all modules.

    Reads a line of JSON for each: seed, folder, minute and whether the task runs again; answers with the exit code.
    """
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # where Airflow logs to
    for conn_id in "dingtalk_default", "dingtalk_app_default":
        hook_of(conn_id).settings  # noqa: B018 - loads what each tick would load
    for line in sys.stdin:
        seed, folder, minute, rerun = json.loads(line)
        child = os.fork()
        if child == 0:
            plan = Plan.of(seed)
            Night(plan, Path(folder)).tick(minute, rerun=rerun, kill_at=plan.kills[minute])
            os._exit(0)
        answers.write(f"{os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])}\n")
        answers.flush()


if __name__ == "__main__":
    serve()
