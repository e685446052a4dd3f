"""Title, head and foot of a digest."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

from airflow_provider_dingpush.alerts.claim_text import claim_remarks, how_to_claim
from airflow_provider_dingpush.alerts.digest_contents import Contents, Row, count_kinds
from airflow_provider_dingpush.alerts.digest_lines import CAUSE_CHARACTERS, LineWriter
from airflow_provider_dingpush.alerts.hints import Hint
from airflow_provider_dingpush.alerts.kinds import MARKS, URGENT_MARK, Kind
from airflow_provider_dingpush.alerts.markdown import cut, dotted, escape_markdown, plain_name, quoted
from airflow_provider_dingpush.alerts.withheld_text import withheld_remarks
from airflow_provider_dingpush.alerts.words import Words, duration_text
from airflow_provider_dingpush.events import Subject, Urgency

_MOST_NAMES = 5
"""Of dead letters and skipped robots; ``dingpush status`` lists all."""

_ONE_OF_CAUSES_CHARACTERS = 100
"""Of each reason in the head, if there are several."""

_LEAST_STORM = 10
"""Fewer failures are no storm."""

_TITLE_KINDS = (Kind.LATE, Kind.AT_RISK, Kind.QUESTION, Kind.RETRYING, Kind.RECOVERED)
"""The kinds that a title counts besides the worst one."""


@dataclass(frozen=True)
class Frame:
    """Title, head and foot of a digest.

    :param contents: of the digest.
    :param write: writes the parts that its lines have as well.
    :param environment: label of the Airflow installation; empty without one.
    """

    contents: Contents
    write: LineWriter
    environment: str

    @property
    def words(self) -> Words:
        """The texts of its language."""
        return self.write.words

    @cached_property
    def title(self) -> str:
        """The title, as the conversation list and a locked phone show it; no Markdown."""
        kinds = count_kinds(self.contents.classified)
        clauses = []
        if kinds:
            clauses.append(
                self._where(Row(tuple(each for each in self.contents.classified if each.kind is kinds[0][0])))
            )
        if self.contents.notes.overflow_count:
            clauses.append(self.words("not_listed", self.contents.notes.overflow_count))
        rest = [(kind, n) for kind, n in kinds[1:] if kind in _TITLE_KINDS]
        if rest:
            clauses.append(self.write.counted(rest))
        prefix = f"[{plain_name(self.environment)}] " if self.environment else ""
        if self.contents.urgent:
            prefix = f"[{Urgency.P1.value}] {prefix}"
        again = (
            self.words("may_repeat_in_title", number=plain_name(self.contents.notes.may_repeat))
            if self.contents.notes.may_repeat
            else ""
        )
        return f"{prefix}{self.words('semicolon').join(clauses) or self.words('nothing')}{again}"

    def _where(self, row: Row) -> str:
        """The counts by kind, and the DAG, and the task if there is only one; of several, how many DAGs and files."""
        counted = self.write.counted(row.kinds)
        if row.dags > 1:
            if any(each.event.subject is Subject.AIRFLOW for each in row.alerts):
                return counted
            dags = len({each.dag_id for each in row.alerts if not each.event.is_about_file})
            if not row.files:
                return self.words("in_dags", dags, counts=counted)
            if not dags:
                return self.words("in_files", row.files, counts=counted)
            named = self.words("dags", dags), self.words("files_total", row.files)
            return self.words("in_dags_and_files", counts=counted, dags=named[0], files=named[1])
        task = f" · {self.write.names.task(row)}" if row.tasks == 1 and row.newest.task_id else ""
        return self.words("where", counts=counted, name=f"{self.write.names.dag(row)}{task}")

    @property
    def mark(self) -> str:
        """The mark of the worst kind, or that of P1."""
        if self.contents.urgent:
            return URGENT_MARK
        kinds = count_kinds(self.contents.classified)
        return MARKS[kinds[0][0]] if kinds else "⚪"

    def head(self) -> Iterator[str]:
        """The time, and the remarks that readers need first."""
        if self.contents.classified:
            first, last = (
                self.write.moment(self.contents.classified[0].alert.at),
                self.write.moment(self.contents.classified[-1].alert.at),
            )
            offset = last.isoformat(timespec="seconds")[19:]
            when = f"{first:%Y-%m-%d %H:%M}"
            if f"{last:%Y-%m-%d %H:%M}" != when:
                when += f"–{last:%H:%M}" if first.date() == last.date() else f" – {last:%Y-%m-%d %H:%M}"
            runs = self.write.folded(self.contents.sections[0].whole) if self.contents.is_titled else ""
            storm, state = self._storm()
            yield dotted([f"{when} {offset}", runs, "" if storm else state])
            if storm:
                yield storm
        notes = self.contents.notes
        remarks = []
        if notes.may_repeat:
            remarks.append(self.words("may_repeat", number=escape_markdown(plain_name(notes.may_repeat))))
        if notes.paused:
            since, until, reason = notes.paused
            remarks.append(
                self.words(
                    "paused",
                    since=self.write.clock(since),
                    until=self.write.clock(until),
                    reason=escape_markdown(cut(self.words.known("hold", reason), CAUSE_CHARACTERS)),
                )
            )
        remarks += withheld_remarks((each for each in notes.withheld if each.is_over), self.words, self.write.clock)
        if notes.merged_until_tomorrow:
            remarks.append(self.words("merged_until_tomorrow"))
        if remarks:
            yield quoted(remarks)

    def _storm(self) -> tuple[str, str]:
        """The failures since the storm began, if there were earlier messages; and whether they go on."""
        storm = self.contents.notes.storm
        if storm is None or storm.failures < _LEAST_STORM:
            return "", ""
        state = self.words("going_on")
        if storm.quiet_seconds is not None:
            state = self.words("quiet_for", duration=duration_text(storm.quiet_seconds, self.words))
        if storm.failures <= sum(each.kind is Kind.FAILED for each in self.contents.classified):
            return "", f"**{state}**"
        text = self.words(
            "storm",
            failures=self.words("failed", storm.failures),
            dags=self.words("dags", storm.dags),
            since=self.write.clock(storm.since),
            state=state,
        )
        return f"**{text}**", state

    def causes(self) -> str:
        """The reasons that most unresolved alerts share."""
        total = len(self.contents.unresolved)
        cause, *more = self.contents.causes
        text = self.write.text_of(cause, CAUSE_CHARACTERS)
        if more:
            marks = self.contents.cause_marks
            named = [
                f"{marks.get(each.likeness, '')} {self.write.reason(each, _ONE_OF_CAUSES_CHARACTERS)}".strip()
                for each in self.contents.causes
            ]
            rest = total - sum(len(each.alerts) for each in self.contents.causes)
            return quoted([self.words("reasons"), *named, *([self.words("other_reasons", rest)] if rest else [])])
        alike = "same_reason" if cause.is_same else "similar_reason"
        name = f"all_{alike}" if len(cause.alerts) == total else alike
        return quoted([self.words(name, len(cause.alerts), total=total), text])

    def foot(self) -> Iterator[str]:
        """Claims, dead letters, skipped robots, hints, and the message's number."""
        dead, skipped = self.contents.notes.dead, self.contents.notes.skipped
        still = (each for each in self.contents.notes.withheld if not each.is_over)
        yield from withheld_remarks(still, self.words, self.write.clock)
        yield from claim_remarks(self.contents.notes.claims, self.words, self.write.clock)
        escalating = how_to_claim(
            (each.alert for each in self.contents.unresolved), self.contents.notes.claims, self.words
        )
        if escalating:
            yield escalating
        if dead:
            names = self.words("comma").join(escape_markdown(plain_name(each)) for each in dead[:_MOST_NAMES])
            if len(dead) > _MOST_NAMES:
                names = self.words("and_more_names", names=names)
            yield self.words("dead_letters", len(dead), names=names)
        if skipped:
            robots = [
                self.words(
                    "skipped",
                    conn_id=escape_markdown(plain_name(conn_id)),
                    reason=escape_markdown(cut(self.words.known("hold", reason), CAUSE_CHARACTERS)),
                )
                for conn_id, reason in skipped[:_MOST_NAMES]
            ]
            if len(skipped) > _MOST_NAMES:
                robots.append(self.words("skipped_more", len(skipped) - _MOST_NAMES))
            yield from robots
        for hint in Hint:
            if hint in self.contents.notes.hints:
                yield escape_markdown(self.words(f"hint_{hint.value}"))
        if self.contents.notes.number:
            yield self.words("number", number=escape_markdown(plain_name(self.contents.notes.number)))
