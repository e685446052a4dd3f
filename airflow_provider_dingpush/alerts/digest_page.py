"""Writing a digest: which lines it has at a given detail, and what stands in them."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timezone, tzinfo
from functools import cached_property, partial
from typing import TYPE_CHECKING, TypeVar

from airflow_provider_dingpush.alerts.alert import Alert
from airflow_provider_dingpush.alerts.digest_rows import (
    MARKS,
    ClassifiedAlert,
    Kind,
    Reason,
    Row,
    Section,
    count_kinds,
    merged,
    own_words_of,
    reason_of,
    reasons_of,
    rows_of,
    sections_of,
)
from airflow_provider_dingpush.alerts.digest_words import Words

if TYPE_CHECKING:
    from airflow_provider_dingpush.alerts.digest import Notes

MOST_LINES = 60
"""A longer digest is compacted: nobody reads more than that on a phone."""

_MOST_NAMES = 5
"""Of dead letters and skipped robots; ``dingpush status`` knows the rest."""

_MOST_INDICES = 3
"""Of the stretches of map indices."""

_NAME_CHARACTERS = 60
"""Of each name; a phone shows less than that."""

_CAUSE_CHARACTERS = 200
"""Of the reason that most alerts share."""

_LIST_CHARACTERS = 120
"""Of the options of a question, and of those who may answer."""

_MOST_CAUSES = 3
"""Reasons that the message's head names."""

_LINK_CHARACTERS = 2_000
"""A longer link is left out; browsers begin to cut there too."""

_LAST_MOMENT = 32_503_680_000.0  # The year 3000: a damaged file may hold any number, and no digest may fail at it.

_TITLE_KINDS = (Kind.LATE, Kind.ASKING, Kind.RETRYING, Kind.RECOVERED)
"""What a title counts besides the worst."""

_GOOD_EVENTS = ("task_succeeded", "dag_succeeded")
_NAMED_EVENTS = ("dag_failed", "deadline_missed", "task_started", "task_succeeded", "task_skipped", "dag_succeeded")


@dataclass(frozen=True)
class Detail:
    """How much is said.

    :param rows: the most rows of one section; ``None`` sets no bound, 0 makes one line of each section.
    :param reasons: the most reasons of one line.
    :param characters: the most characters of one reason.
    :param extras: the most rows of what has recovered, and of what else there is; ``None`` sets no bound.
    :param sections: the most sections; ``None`` sets no bound.
    """

    rows: int | None = 0
    reasons: int = 0
    characters: int = 0
    extras: int | None = 0
    sections: int | None = None


DETAILS = (
    Detail(rows=None, reasons=3, characters=120, extras=None),
    Detail(rows=None, reasons=1, characters=80, extras=20),
    Detail(rows=8, reasons=1, characters=80, extras=10),
    Detail(rows=5, reasons=1, characters=60, extras=10),
    Detail(rows=3, reasons=1, characters=60, extras=5),
    Detail(reasons=1, characters=60, extras=5),
    Detail(extras=5),
    *(
        Detail(extras=min(5, sections), sections=sections)
        for sections in (50, 40, 30, 25, 20, 15, 10, 7, 5, 3, 2, 1, 0)
    ),
)
"""From the fullest to the shortest."""

Line = Callable[[], str]
_Some = TypeVar("_Some")


def _shown(several: Sequence[_Some], at_most: int | None) -> tuple[Sequence[_Some], Sequence[_Some]]:
    """Those that are shown and those that are only counted; never a single one, whose count takes a line as well."""
    if at_most is None or len(several) <= at_most + (at_most > 0):
        return several, ()
    return several[:at_most], several[at_most:]


@dataclass(frozen=True)
class Page:
    """A digest on its way to being written."""

    told: tuple[ClassifiedAlert, ...]
    notes: Notes
    group_by: tuple[str, ...]
    say: Words
    zone: tzinfo
    environment: str
    escape: Callable[[str], str]

    # What there is to say

    @cached_property
    def troubles(self) -> tuple[ClassifiedAlert, ...]:
        """What went wrong and isn't over."""
        return tuple(each for each in self.told if each.kind not in (Kind.ASKING, Kind.RECOVERED, Kind.OTHER))

    @cached_property
    def questions(self) -> tuple[ClassifiedAlert, ...]:
        """What people are asked."""
        return tuple(each for each in self.told if each.kind is Kind.ASKING)

    @cached_property
    def sections(self) -> tuple[Section, ...]:
        return sections_of(self.troubles, self.group_by)

    @cached_property
    def recovered(self) -> tuple[Row, ...]:
        return rows_of(each for each in self.told if each.kind is Kind.RECOVERED)

    @cached_property
    def others(self) -> tuple[Row, ...]:
        return rows_of(each for each in self.told if each.kind is Kind.OTHER)

    @cached_property
    def causes(self) -> Sequence[Reason]:
        """Reasons that the head names: those of the only row, or those that half of what went wrong has in common."""
        total = len(self.troubles)
        reasons = reasons_of(each.alert for each in self.troubles)
        if self._has_one_row:
            return reasons[:_MOST_CAUSES] if len(reasons) > 1 else ()
        if not reasons or len(reasons[0].alerts) * 2 < total or not reasons[0].is_shared:
            return ()
        return [each for each in reasons[:_MOST_CAUSES] if len(each.alerts) * 10 >= total and each.is_shared]

    @property
    def _has_one_row(self) -> bool:
        return sum(len(each.rows) for each in self.sections) == 1

    @property
    def _is_titled(self) -> bool:
        """Whether the only section needs no heading, because the title says what it is called."""
        return len(self.sections) == 1 and self.group_by in ((), ("dag_id",))

    # In which order

    def layout(self, detail: Detail) -> list[Line]:
        """The lines between the message's head and its foot, not written yet."""
        shown, left_out = _shown(self.sections, detail.sections)
        lines: list[Line] = []
        if self.questions and len(self.questions) < len(self.told):
            lines.append(partial(self._extras_heading, [Row(self.questions)]))
        lines += [partial(self._question, each.alert, detail) for each in self.questions]
        # A section with a heading of its own needs no other.
        is_list = detail.rows == 0 or self._is_titled or (self.sections and len(self.sections[0].rows) == 1)
        if self.questions and self.sections and is_list:
            lines.append(partial(self._extras_heading, [each.whole for each in self.sections]))
        if detail.rows == 0:
            lines += [partial(self._flat, each, detail) for each in shown]
        else:
            lines += self._section_lines(shown, detail)
        if left_out:
            where = "in_dags" if self.group_by == ("dag_id",) else "in_groups"
            lines.append(partial(self._more, [each.whole for each in left_out], where))
        if self.notes.overflow_count:
            lines.append(partial(self.say, "overflown", self.notes.overflow_count))
        for rows, write in ((self.recovered, self._recovered), (self.others, partial(self._other, detail=detail))):
            kept, rest = _shown(rows, detail.extras)
            # What is all there is needs no heading: the title says it.
            if rows and not (kept and sum(len(each.told) for each in rows) == len(self.told)):
                lines.append(partial(self._extras_heading, rows))
            lines += [partial(write, each) for each in kept]
            if kept and rest:
                lines.append(partial(self._more, rest, "in_tasks"))
        return lines

    def _section_lines(self, sections: Sequence[Section], detail: Detail) -> list[Line]:
        lines: list[Line] = []
        # Sections of a single row share one list at the end: a heading for each would be half of the message.
        large = [each for each in sections if len(each.rows) > 1 or len(sections) == 1]
        small = [each for each in sections if not (len(each.rows) > 1 or len(sections) == 1)]
        for section in large:
            if not self._is_titled:
                lines.append(partial(self._group_heading, section))
            kept, rest = _shown(section.rows, detail.rows)
            lines += [partial(self._row, each, detail) for each in kept]
            if rest:
                lines.append(partial(self._more, rest, "in_tasks"))
        if large and small:
            lines.append(partial(self._others_heading, small))
        return [*lines, *(partial(self._flat, each, detail) for each in small)]

    def text(self, lines: Iterable[Line], detail: Detail) -> str:
        """The whole message with these lines in its middle."""
        blocks = [f"### {self._mark} {self.escape(self.title)}", *self._head()]
        if self.causes and detail.sections != 0:
            blocks.append(self._why())
        for line in (each() for each in lines):
            if line.startswith("- ") and blocks[-1].startswith("- "):
                blocks[-1] += f"\n{line}"
            else:
                blocks.append(line)
        return "\n\n".join([*blocks, *self._foot()])

    # Head and foot

    @cached_property
    def title(self) -> str:
        """What the conversation list and a locked phone show; no Markdown."""
        kinds = count_kinds(self.told)
        clauses = []
        if kinds:
            clauses.append(self._where(Row(tuple(each for each in self.told if each.kind is kinds[0][0]))))
        if self.notes.overflow_count:
            clauses.append(self.say("not_listed", self.notes.overflow_count))
        rest = [(kind, n) for kind, n in kinds[1:] if kind in _TITLE_KINDS]
        if rest:
            clauses.append(self._counted(rest))
        place = f"[{_name(self.environment)}] " if self.environment else ""
        again = self.say("may_repeat_in_title", number=_name(self.notes.may_repeat)) if self.notes.may_repeat else ""
        return f"{place}{self.say('semicolon').join(clauses) or self.say('nothing')}{again}"

    def _where(self, row: Row) -> str:
        """How many of what, and where: the DAG, and the task if it is but one."""
        counted = self._counted(row.kinds)
        if row.dags > 1:
            return self.say("in_dags", row.dags, counts=counted)
        task = f" · {self._task(row)}" if row.tasks == 1 and row.newest.task_id else ""
        return self.say("of", counts=counted, name=f"{self._dag(row)}{task}")

    @property
    def _mark(self) -> str:
        kinds = count_kinds(self.told)
        return MARKS[kinds[0][0]] if kinds else "⚪"

    def _head(self) -> Iterable[str]:
        """When it happened, and what is to be known before reading on."""
        if self.told:
            first, last = self._moment(self.told[0].alert.at), self._moment(self.told[-1].alert.at)
            offset = last.isoformat(timespec="seconds")[19:]
            when = f"{first:%Y-%m-%d %H:%M}"
            if f"{last:%Y-%m-%d %H:%M}" != when:
                when += f"–{last:%H:%M}" if first.date() == last.date() else f" – {last:%Y-%m-%d %H:%M}"
            runs = self._folded(self.sections[0].whole) if self._is_titled else ""
            yield " · ".join(each for each in (f"{when} {offset}", runs) if each)
        notes = self.notes
        said = []
        if notes.may_repeat:
            said.append(self.say("may_repeat", number=self.escape(_name(notes.may_repeat))))
        if notes.paused:
            since, until, reason = notes.paused
            said.append(
                self.say(
                    "paused",
                    since=self._clock(since),
                    until=self._clock(until),
                    reason=self.escape(_cut(self.say.reason(reason), _CAUSE_CHARACTERS)),
                )
            )
        if notes.merged_until_tomorrow:
            said.append(self.say("merged_until_tomorrow"))
        if said:
            yield _quote(said)

    def _why(self) -> str:
        """What most of it comes from."""
        total = len(self.troubles)
        cause, *more = self.causes
        text = self.escape(_cut(cause.text, _CAUSE_CHARACTERS))
        if more:
            named = [self._reason(each, _CAUSE_CHARACTERS) for each in self.causes]
            rest = total - sum(len(each.alerts) for each in self.causes)
            return _quote([self.say("reasons"), *named, *([self.say("other_reasons", rest)] if rest else [])])
        alike = "same_reason" if cause.is_same else "similar_reason"
        name = f"all_{alike}" if len(cause.alerts) == total else alike
        return _quote([self.say(name, len(cause.alerts), total=total), text])

    def _foot(self) -> Iterable[str]:
        """What became of others, and the message's number."""
        dead, skipped = self.notes.dead, self.notes.skipped
        if dead:
            names = self.say("comma").join(self.escape(_name(each)) for each in dead[:_MOST_NAMES])
            if len(dead) > _MOST_NAMES:
                names = self.say("and_more_names", names=names)
            yield self.say("dead", len(dead), names=names)
        if skipped:
            said = [
                self.say(
                    "skipped",
                    conn_id=self.escape(_name(conn_id)),
                    reason=self.escape(_cut(self.say.reason(reason), _CAUSE_CHARACTERS)),
                )
                for conn_id, reason in skipped[:_MOST_NAMES]
            ]
            if len(skipped) > _MOST_NAMES:
                said.append(self.say("skipped_more", len(skipped) - _MOST_NAMES))
            yield from said
        if self.notes.number:
            yield self.say("number", number=self.escape(_name(self.notes.number)))

    # Headings and lines

    def _group_heading(self, section: Section) -> str:
        """``etl_daily · 3 failures · run failed``."""
        name = self.escape(" · ".join(self._label(section)))
        return f"#### {_joined([name, self._counted(section.whole.kinds), self._folded(section.whole)])}"

    def _others_heading(self, sections: Sequence[Section]) -> str:
        return f"#### {self.say('others')} · {self._counted(merged(each.whole for each in sections).kinds)}"

    def _extras_heading(self, rows: Sequence[Row]) -> str:
        whole = merged(rows)
        return f"#### {MARKS[whole.worst]} {self._counted(whole.kinds)}"

    def _more(self, rows: Sequence[Row], where: str) -> str:
        """``…and another 18 failures in 9 tasks``."""
        counts = self._counted(merged(rows).kinds)
        return f"- {self.say('more', counts=self.say(where, len(rows), counts=counts))}"

    def _row(self, row: Row, detail: Detail, *, label: Sequence[str] = ()) -> str:
        """``load_orders ×3 log · 03:04–03:09 · after 4 tries · TimeoutError``."""
        names = [*label, *([] if "dag_id" in self.group_by else [self._dag(row)])]
        if not names or "task_id" not in self.group_by or not row.newest.task_id:
            names += self._of_dag(row)
        several_runs = row.runs > 1 and len(row.told) > 1
        parts = [
            self._subject(row, names or [self._dag(row)]),
            self._counted(row.kinds) if len(row.kinds) > 1 else "",
            self._times(row),
            self._tries(row),
            self.say("runs", row.runs) if several_runs and row.newest.task_id else "",
            self._repeats(row),
            self._folded(row) if label else "",
            self._reasons(row, detail),
        ]
        return f"- {_joined(parts)}"

    def _flat(self, section: Section, detail: Detail) -> str:
        """A section in one line."""
        whole, label = section.whole, self._label(section)
        if len(section.rows) == 1:
            return self._row(whole, detail, label=label)
        parts = [
            self._subject(whole, label),
            self._counted(whole.kinds) if len(whole.kinds) > 1 else "",
            self.say("tasks", whole.tasks) if whole.tasks < len(whole.told) else "",
            self._times(whole),
            self._repeats(whole),
            self._folded(whole),
            self._reasons(whole, detail),
        ]
        return f"- {_joined(parts)}"

    def _recovered(self, row: Row) -> str:
        """``etl_daily · load_orders · failed 10:02, recovered 10:09 · after 3 tries``."""
        known = [self.notes.recovered[each.key] for each in row.alerts if each.key in self.notes.recovered]
        since = self._clock(min(at for at, _ in known)) if len(known) == len(row.alerts) else ""
        said = f"{'failed_' if since else ''}recovered{'_all' if len(row.alerts) > 1 else ''}"
        parts = [
            self._subject(row, [self._dag(row), *self._of_dag(row)]),
            self.say(f"{said}_at", since=since, until=self._clock(row.newest.at)),
            self._after(tries for _, tries in known),
            self._repeats(row),
        ]
        return f"- {_joined(parts)}"

    def _other(self, row: Row, detail: Detail) -> str:
        """``etl_daily · load_orders · succeeded``."""
        event = row.newest.event
        parts = [
            self._subject(row, [self._dag(row), *self._of_dag(row)]),
            # Words of the user's own say what happened; a notifier may be called in the middle of a task as well.
            "" if own_words_of(row.newest) else self._event(event),
            self._times(row),
            self._reasons(row, detail),
        ]
        return f"- {'🟢' if event in _GOOD_EVENTS else '⚪'} {_joined(parts)}"

    def _question(self, alert: Alert, detail: Detail) -> str:
        """A whole question: what is asked where, until when, and the link to the page where to answer."""
        row = Row((ClassifiedAlert(alert, Kind.ASKING),))
        known, own = alert.facts, " ".join(own_words_of(alert).split())
        until = known.get("answer_by")
        options, users = (_listed(known.get(name), self.say("comma")) for name in ("options", "assigned_users"))
        names = [f"**{self.escape(self._dag(row))}**", self.escape(self._task(row))]
        conditions = [
            self.say("options", options=self.escape(_cut(options, _LIST_CHARACTERS))) if options else "",
            self.say("answer_by", until=self._clock(_seconds_of(until))) if _seconds_of(until) else "",
            self.say("assigned", users=self.escape(_cut(users, _LIST_CHARACTERS))) if users else "",
        ]
        body = own or known.get("body") if own or detail.reasons else None
        lines = [
            f"{_joined([each for each in names if each])}{self._indices(row)}",
            self.escape(_cut(reason_of(alert), _CAUSE_CHARACTERS)),
            self.escape(_cut(" ".join(body.split()), _CAUSE_CHARACTERS)) if isinstance(body, str) else "",
            _joined(conditions),
            _link(self.say("answer"), alert.answer_link) or self._link(alert).strip(),
        ]
        return "  \n".join(each for each in lines if each)

    # Parts of a line

    def _subject(self, row: Row, names: Sequence[str]) -> str:
        """What the line speaks of, the first name in bold, and how often."""
        first, *rest = map(self.escape, names)
        mark = f"{MARKS[row.worst]} " if row.worst in (Kind.LATE, Kind.RETRYING, Kind.EARLIER) else ""
        often = f" ×{len(row.told):,}" if len(row.told) > 1 else ""
        # Where the eye finds it: at the end of each line it would be somewhere else.
        link = self._link(row.newest, run_first=row.tasks > 1)
        if rest and row.tasks == 1 and not row.newest.task_id and row.newest.run_link:
            # "run failed" is what the link is called already.
            rest[-1], link = _link(rest[-1], row.newest.run_link) or rest[-1], ""
        return f"{mark}{_joined([f'**{first}**', *rest])}{self._indices(row)}{often}{link}"

    def _label(self, section: Section) -> list[str]:
        """What the section is called."""
        named = [
            self._label_of(section.whole, each, value) for each, value in zip(self.group_by, section.label, strict=True)
        ]
        return [each for each in named if each] or [self.say("all")]

    def _label_of(self, row: Row, label: str, value: str) -> str:
        if label == "dag_id":
            return self._dag(row)
        if label == "task_id":
            return self._task(row) or self.say("whole_run")
        if label == "summary":
            return _cut(reason_of(row.newest), _NAME_CHARACTERS) or self.say("no_reason")
        return _name(value) or self.say("nobody" if label == "owner" else "none")

    def _dag(self, row: Row) -> str:
        name = row.newest.facts.get("dag_name")
        return _name(name if isinstance(name, str) and name else row.newest.dag_id) or self.say("unknown_dag")

    def _task(self, row: Row) -> str:
        name = row.newest.facts.get("task_name")
        return _name(name if isinstance(name, str) and name else row.newest.task_id or "")

    def _of_dag(self, row: Row) -> list[str]:
        """The task, or what happened to the run."""
        if row.newest.task_id:
            return [self._task(row)]
        wrong = row.worst in (Kind.FAILED, Kind.LATE) and row.newest.event in _NAMED_EVENTS
        return [self.say(row.newest.event)] if wrong else []

    def _event(self, event: str) -> str:
        return self.say(event) if event in _NAMED_EVENTS else self.escape(_name(event))

    def _counted(self, kinds: Iterable[tuple[Kind, int]]) -> str:
        return self.say("comma").join(self.say(kind.value, n) for kind, n in kinds)

    def _indices(self, row: Row) -> str:
        """Which of the mapped instances, of one run: ``[0–3, 7]``."""
        indices = sorted({each.map_index for each in row.alerts if each.map_index is not None})
        if not indices or row.runs > 1 or row.tasks > 1:
            return ""
        label = row.newest.facts.get("map_label")
        if len(indices) == 1 and isinstance(label, str) and label:
            return " " + self.escape(f"[{_name(label)}]")
        stretches = _stretches(indices)
        texts = [str(first) if first == last else f"{first}–{last}" for first, last in stretches[:_MOST_INDICES]]
        more = ["…"] if len(stretches) > _MOST_INDICES else []
        return " " + self.escape(f"[{', '.join([*texts, *more])}]")

    def _times(self, row: Row) -> str:
        """First and last time, unless they are those in the message's head."""
        first, last = self._clock(row.alerts[0].at), self._clock(row.newest.at)
        if (first, last) == (self._clock(self.told[0].alert.at), self._clock(self.told[-1].alert.at)):
            return ""
        return first if first == last else f"{first}–{last}"

    def _tries(self, row: Row) -> str:
        """After how many tries it failed, or which try will be repeated."""
        if row.worst is Kind.FAILED:
            return self._after(alert.try_number for alert, kind in row.told if kind is Kind.FAILED)
        if row.worst is not Kind.RETRYING:
            return ""
        number, total = row.newest.try_number, row.newest.facts.get("max_tries")
        if len(row.told) > 1 or number is None:
            return self.say("will_retry")
        return self.say("try_retried", tries=f"{number}/{total}" if isinstance(total, int) else number)

    def _after(self, tries: Iterable[int | None]) -> str:
        known = {each for each in tries if each}
        if max(known, default=1) == 1:
            return ""
        least, most = min(known), max(known)
        return self.say("tries", tries=most if least == most else f"{least}–{most}")

    def _repeats(self, row: Row) -> str:
        again = sum(self.notes.repeats.get(each, 0) for each in {alert.incident for alert in row.alerts})
        return self.say("repeats", again) if again else ""

    def _folded(self, row: Row) -> str:
        """That the run itself has failed, if its own alert isn't told."""
        runs = {(each.dag_id, each.run_id or ""): each for each in row.alerts}
        failed = [each for run, each in runs.items() if run in self.notes.folded]
        if not failed:
            return ""
        said = self.say("runs_failed", len(failed)) if len(runs) > 1 else self.say("run_failed")
        return _link(said, failed[-1].run_link) or said

    def _reasons(self, row: Row, detail: Detail) -> str:
        """Why, the most frequent reason first, except for what the message's head or the section's name says."""
        if not detail.reasons or self.group_by == ("summary",):
            return ""
        # A line of one task without a reason has that of most; which one of several would stay open.
        is_whole = row.tasks > 1 or self._has_one_row
        told = {each.likeness for each in (self.causes if is_whole else self.causes[:1])}
        every = reasons_of(row.alerts)
        news = [each for each in every if each.likeness not in told]
        said = [self._reason(each, detail.characters, counted=len(every) > 1) for each in news[: detail.reasons]]
        rest = sum(len(each.alerts) for each in news[detail.reasons :])
        if rest:
            said.append(self.say("other_reasons", rest))
        return self.say("semicolon").join(said)

    def _reason(self, reason: Reason, characters: int, *, counted: bool = True) -> str:
        text = self.escape(_cut(reason.text, characters))
        if not reason.is_same:
            text = self.say("similar", reason=text)
        return f"{len(reason.alerts):,}× {text}" if counted else text

    def _link(self, alert: Alert, *, run_first: bool = False) -> str:
        """To the log, or to the run where there is none."""
        links = [_link(self.say("log"), alert.log_link), _link(self.say("run"), alert.run_link)]
        return next((f" {each}" for each in (reversed(links) if run_first else links) if each), "")

    def _moment(self, at: float) -> datetime:
        return datetime.fromtimestamp(at if 0 <= at <= _LAST_MOMENT else 0, timezone.utc).astimezone(self.zone)

    def _clock(self, at: float) -> str:
        """The time of day, with the day if it isn't that of the newest alert."""
        moment = self._moment(at)
        today = self._moment(self.told[-1].alert.at if self.told else at)
        return f"{moment:%H:%M}" if moment.date() == today.date() else f"{moment:%m-%d %H:%M}"


def _joined(parts: Iterable[str]) -> str:
    return " · ".join(each for each in parts if each)


def _quote(lines: Iterable[str]) -> str:
    # DingTalk swallows a lone newline; with two blanks before it, it breaks the line.
    return "  \n".join(f"> {each}" for each in lines)


def _link(words: str, address: str | None) -> str:
    """A link, if the address is one that Markdown and browsers can hold."""
    if not address or len(address) > _LINK_CHARACTERS or re.search(r"[\s()<>]", address):
        return ""
    return f"[{words}]({address})"


def _cut(text: str, characters: int) -> str:
    return text if len(text) <= characters else f"{text[:characters].rstrip()}…"


def _name(text: str) -> str:
    """A name on one line, without what can't be seen, and not too long."""
    visible = "".join(each for each in text if each.isprintable() or each.isspace())
    return _cut(" ".join(visible.split()), _NAME_CHARACTERS)


def _listed(names: object, comma: str) -> str:
    """Names out of a file, which may hold anything."""
    return comma.join(_name(str(each)) for each in names) if isinstance(names, (list, tuple)) else ""


def _seconds_of(time: object) -> float:
    """A time of the facts, in seconds since 1970; 0 if it is none."""
    try:
        return datetime.fromisoformat(time).timestamp() if isinstance(time, str) else 0.0
    except ValueError:
        return 0.0


def _stretches(numbers: Sequence[int]) -> list[tuple[int, int]]:
    """First and last of each stretch without a gap, of sorted numbers."""
    stretches: list[tuple[int, int]] = []
    for number in numbers:
        if stretches and stretches[-1][1] == number - 1:
            stretches[-1] = (stretches[-1][0], number)
        else:
            stretches.append((number, number))
    return stretches
