"""Simulated nights: 200 seeds, a kill at every step, against a plain reference."""

from __future__ import annotations

import random
from contextlib import suppress
from dataclasses import dataclass, field

import pytest

from airflow_provider_dingpush.oncall.escalation import Attempt, Outcome, Progress, Situation, Verdict, next_step
from airflow_provider_dingpush.oncall.progress_notes import progress_from_bytes, progress_to_bytes
from airflow_provider_dingpush.rules.escalations import Escalation, Step, Way

TICK = 60.0
NIGHT = 3 * 3_600.0


class KilledError(Exception):
    """The process of the tick was killed."""


@dataclass
class Night:
    """One incident of one night, and the world around it."""

    seed: int
    chance: random.Random = field(init=False)
    note: bytes | None = None
    sent: list[tuple[float, str, Way]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.chance = chance = random.Random(self.seed)  # noqa: S311
        times = sorted(chance.sample(range(1, 60), 5))
        ways = [chance.choice([Way.APP, Way.SMS, Way.PHONE, Way.PERSON]) for _ in times]
        self.steps = Escalation(
            (Step(0, Way.GROUP), *(Step(at * 60, way, (f"p{at}",)) for at, way in zip(times, ways, strict=True)))
        )
        self.ends_at = chance.choice([chance.uniform(0, NIGHT), float("inf")])
        self.ends_by = chance.choice(["recovered", "claimed", "rerun"])
        self.kills = chance.random() < 0.5
        self.fails = chance.random() < 0.3

    def situation(self, now: float) -> Situation:
        return Situation(**{self.ends_by: now >= self.ends_at})

    def maybe_killed(self) -> None:
        if self.kills and self.chance.random() < 0.1:
            raise KilledError

    def tick(self, now: float) -> None:
        progress = progress_from_bytes(self.note) if self.note else Progress(0.0)
        while True:
            self.maybe_killed()
            decision = next_step(self.steps, progress, self.situation(now), now)
            if decision.verdict is not Verdict.DO or decision.step is None or decision.way is None:
                return
            progress = progress.with_attempt(decision.step, Attempt(decision.way, now))
            self.note = progress_to_bytes(progress)
            self.maybe_killed()
            self.sent.append((now, decision.step.key, decision.way))
            self.maybe_killed()
            failed = self.fails and self.chance.random() < 0.5
            outcome = self.chance.choice([Outcome.NO_CREDIT, Outcome.EDITION]) if failed else Outcome.DONE
            progress = progress.with_attempt(decision.step, Attempt(decision.way, now, outcome))
            self.note = progress_to_bytes(progress)

    def run(self) -> None:
        now = 0.0
        while now <= NIGHT:
            with suppress(KilledError):
                self.tick(now)
            now += TICK


@pytest.mark.parametrize("seed", range(200))
def test_a_night(seed: int) -> None:
    night = Night(seed)
    night.run()
    by_step: dict[str, list[tuple[float, Way]]] = {}
    for at, key, way in night.sent:
        by_step.setdefault(key, []).append((at, way))
    progress = progress_from_bytes(night.note) if night.note else Progress(0.0)
    for step in night.steps.steps[1:]:
        sent = by_step.get(step.key, [])
        # Each way of a step at most once, the highest first, and none before its time or after the end.
        ways = [way for _, way in sent]
        assert len(set(ways)) == len(ways)
        assert all(step.after_seconds <= at < night.ends_at for at, _ in sent)
        # None is missing: what was due before the end was begun.
        was_due = step.after_seconds + 2 * TICK < min(night.ends_at, NIGHT)
        attempts = progress.attempts.get(step.key, ())
        if was_due and not night.kills:
            assert sent
            assert ways[0] is step.way
            # In the first tick that it was due.
            assert sent[0][0] - step.after_seconds < TICK
        if was_due and step.after_seconds + 30 * TICK < min(night.ends_at, NIGHT):
            assert attempts, "a kill delays a step, and doesn't lose it"
    if not night.kills and not night.fails:
        expected = [
            (step.key, step.way)
            for step in night.steps.steps[1:]
            # The tick that finds it due is before the end.
            if -(-step.after_seconds // TICK) * TICK < night.ends_at
        ]
        assert [(key, way) for _, key, way in night.sent] == expected
    phones = [at for at, _, way in night.sent if way is Way.PHONE]
    assert all(any(each.way is Way.PHONE and each.after_seconds <= at for each in night.steps.steps) for at in phones)
