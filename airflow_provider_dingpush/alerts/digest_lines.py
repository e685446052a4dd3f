"""The lines of a digest: the text of a row, a section, a recovery or a question."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timezone, tzinfo
from functools import cached_property

from airflow_provider_dingpush.alerts.alert import Alert
from airflow_provider_dingpush.alerts.digest_contents import (
    FAILED_TASKS,
    ClassifiedAlert,
    Contents,
    Reason,
    Row,
    own_text_of,
    reason_of,
)
from airflow_provider_dingpush.alerts.digest_groups import Group
from airflow_provider_dingpush.alerts.digest_names import Names
from airflow_provider_dingpush.alerts.follower_text import followers_in
from airflow_provider_dingpush.alerts.kinds import MARKS, URGENT_MARK, Kind
from airflow_provider_dingpush.alerts.markdown import (
    broken_lines,
    cut,
    dotted,
    escape_markdown,
    plain_name,
)
from airflow_provider_dingpush.alerts.words import LAST_MOMENT, Words
from airflow_provider_dingpush.events import Urgency
from airflow_provider_dingpush.messages.browser_links import MAX_LINK_CHARACTERS

CAUSE_CHARACTERS = 200
"""Of the reason that most alerts share."""

_LIST_CHARACTERS = 120
"""Of the options of a question, and of the people who may answer."""

_WORTH_SHORTENING = 12
"""A shorter text of reasons is repeated rather than replaced by a remark."""

_MARKED = (Kind.LATE, Kind.AT_RISK, Kind.RETRYING, Kind.EARLIER)
"""The kinds whose lines begin with a mark; most lines are failures."""


@dataclass(frozen=True)
class Detail:
    """How much a digest shows.

    :param rows: the most rows of one section; ``None``: no limit, 0: one line for each section.
    :param reasons: the most reasons of one line.
    :param characters: the most characters of one reason.
    :param extras: the most rows of recoveries, and of other events; ``None``: no limit.
    :param sections: the most sections; ``None``: no limit.
    :param group_from: how many sections with the same picture share a line.
    :param tasks_from: how many tasks of a DAG with the same picture share a line.
    :param name_characters: the most characters of their names.
    :param causes: whether the head names the reasons that most alerts share.
    """

    rows: int | None = 0
    reasons: int = 0
    characters: int = 0
    extras: int | None = 0
    sections: int | None = None
    group_from: int = 3
    tasks_from: int = 3
    name_characters: int = 120
    causes: bool = True


@dataclass(frozen=True)
class LineWriter:
    """Writes the lines of a digest.

    :param contents: of the digest.
    :param words: the texts of a language.
    :param zone: the time zone of all times.
    """

    contents: Contents
    words: Words
    zone: tzinfo

    @cached_property
    def names(self) -> Names:
        """The names of its lines."""
        return Names(self.contents, self.words)

    def row(self, row: Row, detail: Detail, *, label: Sequence[str] = (), above: Row | None = None) -> str:
        """``load_orders ×3 log · 03:04–03:09 · after 4 tries · TimeoutError``.

        :param above: the row of the line above; the same reason isn't repeated.
        """
        names = [*label, *([] if "dag_id" in self.contents.group_by else [self.names.dag(row)])]
        if not names or "task_id" not in self.contents.group_by or not row.newest.task_id:
            names += self.names.of_dag(row)
        several_runs = row.runs > 1 and len(row.classified) > 1
        parts = [
            self._subject(row, names or [self.names.dag(row)]),
            self.counted(row.kinds) if len(row.kinds) > 1 else "",
            self._times(row),
            self._tries(row),
            self.words("runs", row.runs) if several_runs and row.newest.task_id else "",
            self._repeats(row),
            followers_in(row.alerts, self.contents.notes, self.words),
            self.folded(row) if label else "",
            _pausing(row, self.words),
            self._reasons_below(row, above, detail),
        ]
        return f"- {dotted(parts)}"

    def flat(self, group: Group, detail: Detail) -> str:
        """A section, or sections with the same picture, in one line."""
        if len(group.sections) > 1:
            labels = [self.words("comma").join(self.names.label(each)) for each in group.sections]
            return self._group(group, labels, self.words("dags", len(labels)), detail)
        section = group.sections[0]
        whole, label = section.whole, self.names.label(section)
        if len(section.rows) == 1:
            return self.row(whole, detail, label=label)
        parts = [
            self._subject(whole, label),
            self.counted(whole.kinds) if len(whole.kinds) > 1 else "",
            self.words("tasks", whole.tasks) if whole.tasks < len(whole.classified) else "",
            self._times(whole),
            self._repeats(whole),
            followers_in(whole.alerts, self.contents.notes, self.words),
            self.folded(whole),
            _pausing(whole, self.words),
            self._reasons(whole, detail),
        ]
        return f"- {dotted(parts)}"

    def tasks(self, group: Group, detail: Detail) -> str:
        """``load_01–12 (12 tasks) each ×1 log · TimeoutError``."""
        labels = [self.names.task(each.whole) for each in group.sections]
        return self._group(group, labels, self.words("tasks", len(labels)), detail)

    def _group(self, group: Group, labels: Sequence[str], counted: str, detail: Detail) -> str:
        """``ods_sync_04–22 (19 DAGs) each ×40 run · 8 tasks · TimeoutError``."""
        whole, first = group.whole, group.sections[0].whole
        names = self.names.together(labels, detail.name_characters)
        name = self.words("group_name", name=f"**{names}**", counted=counted, each=len(first.classified))
        is_dag = whole.dags > 1 and len(group.sections[0].rows) == 1
        of_dag = self.names.of_dag(first) if is_dag else []
        parts = [
            dotted([name, *map(escape_markdown, of_dag)]) + self._link_of(first.newest, run_first=first.tasks > 1),
            self.counted(whole.kinds) if len(whole.kinds) > 1 else "",
            self.words("tasks", first.tasks) if 1 < first.tasks < len(first.classified) else "",
            self._times(whole),
            self._tries(whole) if len(first.classified) == 1 else "",
            self._repeats(whole),
            followers_in(whole.alerts, self.contents.notes, self.words),
            self.folded(whole) if whole.dags > 1 else "",
            self._reasons(whole, detail),
        ]
        mark = _mark(whole)
        return f"- {mark}{dotted(parts)}"

    def recovered(self, row: Row) -> str:
        """``etl_daily · load_orders · failed 10:02, recovered 10:09 · after 3 tries``."""
        known = [
            self.contents.notes.recovered[each.key] for each in row.alerts if each.key in self.contents.notes.recovered
        ]
        since = self.clock(min(at for at, _ in known)) if len(known) == len(row.alerts) else ""
        name = f"{'failed_' if since else ''}recovered{'_all' if len(row.alerts) > 1 else ''}"
        parts = [
            self._subject(row, [self.names.dag(row), *self.names.of_dag(row)]),
            self.words(f"{name}_at", since=since, until=self.clock(row.newest.at)),
            self._after(tries for _, tries in known),
            self._repeats(row),
        ]
        return f"- {dotted(parts)}"

    def other(self, row: Row, detail: Detail) -> str:
        """``etl_daily · load_orders · succeeded``."""
        parts = [
            self._subject(row, [self.names.dag(row), *self.names.of_dag(row)]),
            # A notifier's own message describes the event; it may also come from a running task.
            "" if own_text_of(row.newest) else escape_markdown(plain_name(self.words.event_in_line(row.newest.event))),
            self._times(row),
            self._reasons(row, detail),
        ]
        return f"- {row.newest.event.mark} {dotted(parts)}"

    def question(self, alert: Alert, detail: Detail) -> str:
        """A whole question: task, text, deadline, and the link to the page where it is answered."""
        row = Row((ClassifiedAlert(alert, Kind.QUESTION),))
        known, own = alert.facts, " ".join(own_text_of(alert).split())
        until = known.get("answer_by")
        options, users = (_listed(known.get(name), self.words("comma")) for name in ("options", "assigned_users"))
        names = [f"**{escape_markdown(self.names.dag(row))}**", escape_markdown(self.names.task(row))]
        conditions = [
            self.words("options", options=escape_markdown(cut(options, _LIST_CHARACTERS))) if options else "",
            self.words("answer_by", until=self.clock(_seconds_of(until))) if _seconds_of(until) else "",
            self.words("assigned", users=escape_markdown(cut(users, _LIST_CHARACTERS))) if users else "",
        ]
        body = own or known.get("body") if own or detail.reasons else None
        lines = [
            f"{dotted([each for each in names if each])}{self.names.indices(row)}",
            escape_markdown(cut(reason_of(alert), CAUSE_CHARACTERS)),
            escape_markdown(cut(" ".join(body.split()), CAUSE_CHARACTERS)) if isinstance(body, str) else "",
            dotted(conditions),
            link(self.words("answer"), alert.answer_link) or self._link_of(alert).strip(),
        ]
        return broken_lines(each for each in lines if each)

    def _subject(self, row: Row, names: Sequence[str]) -> str:
        """The subject of a line, the first name in bold, with its count."""
        first, *rest = map(escape_markdown, names)
        mark = _mark(row)
        often = f" ×{len(row.classified):,}" if len(row.classified) > 1 else ""
        # Next to the name, where it is found quickly: the ends of the lines are at different columns.
        log = self._link_of(row.newest, run_first=row.tasks > 1)
        if rest and row.tasks == 1 and not row.newest.task_id and row.newest.run_link:
            # "run failed" becomes the label of the link.
            rest[-1], log = link(rest[-1], row.newest.run_link) or rest[-1], ""
        return f"{mark}{dotted([f'**{first}**', *rest])}{self.names.indices(row)}{often}{log}"

    def counted(self, kinds: Iterable[tuple[Kind, int]]) -> str:
        return self.words("comma").join(self.words(kind.value, n) for kind, n in kinds)

    def _times(self, row: Row) -> str:
        """First and last time, unless they are in the message's head."""
        first, last = self.clock(row.alerts[0].at), self.clock(row.newest.at)
        if (first, last) == (
            self.clock(self.contents.classified[0].alert.at),
            self.clock(self.contents.classified[-1].alert.at),
        ):
            return ""
        return first if first == last else f"{first}–{last}"

    def _tries(self, row: Row) -> str:
        """After how many tries it failed, or which try will be repeated."""
        if row.worst is Kind.FAILED:
            return self._after(alert.try_number for alert, kind in row.classified if kind is Kind.FAILED)
        if row.worst is not Kind.RETRYING:
            return ""
        number, total = row.newest.try_number, row.newest.facts.get("max_tries")
        if len(row.classified) > 1 or number is None:
            return self.words("will_retry")
        return self.words("try_retried", tries=f"{number}/{total}" if isinstance(total, int) else number)

    def _after(self, tries: Iterable[int | None]) -> str:
        known = {each for each in tries if each}
        if max(known, default=1) == 1:
            return ""
        least, most = min(known), max(known)
        return self.words("tries", tries=most if least == most else f"{least}–{most}")

    def _repeats(self, row: Row) -> str:
        if not self.contents.notes.repeats:
            return ""
        again = sum(self.contents.notes.repeats.get(each, 0) for each in {alert.incident for alert in row.alerts})
        return self.words("repeats", again) if again else ""

    def folded(self, row: Row) -> str:
        """A remark that the run itself failed, if its own alert isn't listed."""
        runs = {(each.dag_id, each.run_id or ""): each for each in row.alerts}
        failed = [each for run, each in runs.items() if run in self.contents.notes.folded]
        if not failed:
            return ""
        label = self.words("runs_failed", len(failed)) if len(runs) > 1 else self.words("run_failed")
        return link(label, failed[-1].run_link) or label

    def _reasons(self, row: Row, detail: Detail) -> str:
        """The reasons, the most frequent first, without those in the message's head or the section's name."""
        if self.contents.group_by == ("summary",):
            return ""
        every = row.reasons
        named = {each.likeness for each in self.contents.causes} if detail.causes else set()
        marks = self.contents.cause_marks if named else {}
        reasons = ["".join(sorted(marks[each.likeness] for each in every if each.likeness in marks))]
        if detail.reasons:
            others = [each for each in every if each.likeness not in named]
            # One more than that, because the count of others takes as much room.
            shown = others if len(others) <= detail.reasons + 1 else others[: detail.reasons]
            reasons += [self.reason(each, detail.characters, counted=len(every) > 1) for each in shown]
            more = sum(len(each.alerts) for each in others[len(shown) :])
            reasons += [self.words("other_reasons", more)] if more else []
        return self.words("semicolon").join(filter(None, reasons))

    def _reasons_below(self, row: Row, above: Row | None, detail: Detail) -> str:
        """The reasons, or a remark that they are those of the line above."""
        reasons = self._reasons(row, detail)
        is_same = above is not None and reasons == self._reasons(above, detail)
        return self.words("same_as_above") if is_same and len(reasons) > _WORTH_SHORTENING else reasons

    def reason(self, reason: Reason, characters: int, *, counted: bool = True) -> str:
        text = self.text_of(reason, characters)
        if not reason.is_same:
            text = self.words("similar", reason=text)
        return self.words("counted_reason", len(reason.alerts), reason=text) if counted else text

    def text_of(self, reason: Reason, characters: int) -> str:
        """The text of a reason, in Markdown; those of Airflow for a run have one in each language."""
        text = self.words.known("reason", reason.text)
        if reason.text.startswith(FAILED_TASKS):
            names = reason.text.removeprefix(FAILED_TASKS).replace(", ", self.words("comma"))
            text = self.words("failed_tasks_named", names=names)
        if self.words.is_chinese:
            text = _own_chinese_text(reason.alerts[-1]) or text
        return escape_markdown(cut(text, characters))

    def _link_of(self, alert: Alert, *, run_first: bool = False) -> str:
        """The link to the log, or to the run if there is none."""
        page = self.words("import_errors" if alert.event.is_about_file else "run")
        links = [link(self.words("log"), alert.log_link), link(page, alert.run_link)]
        return next((f" {each}" for each in (reversed(links) if run_first else links) if each), "")

    def moment(self, at: float) -> datetime:
        return datetime.fromtimestamp(at if 0 <= at <= LAST_MOMENT else 0, timezone.utc).astimezone(self.zone)

    def clock(self, at: float) -> str:
        """The time of day, with the day if it isn't that of the newest alert."""
        moment = self.moment(at)
        today = self.moment(self.contents.classified[-1].alert.at if self.contents.classified else at)
        return f"{moment:%H:%M}" if moment.date() == today.date() else f"{moment:%m-%d %H:%M}"


def _pausing(row: Row, words: Words) -> str:
    """A remark that Airflow pauses the DAG, because so many runs failed in a row."""
    known = [after for each in row.alerts if isinstance(after := each.facts.get("pausing_after"), int)]
    return words("pausing_in_line", known[-1]) if known else ""


def _mark(row: Row) -> str:
    """The mark at the start of a line; most lines are failures and have none."""
    if row.is_urgent:
        return f"{URGENT_MARK} {Urgency.P1.value} "
    return f"{MARKS[row.worst]} " if row.worst in _MARKED else ""


def _own_chinese_text(alert: Alert) -> str:
    """The first line of an error of ours in Chinese; empty if it is another one."""
    text = alert.facts.get("exception_text_zh")
    return text.partition("\n")[0] if isinstance(text, str) and not alert.also else ""


def _listed(names: object, comma: str) -> str:
    """Names from a file, which may contain anything."""
    return comma.join(plain_name(str(each)) for each in names) if isinstance(names, (list, tuple)) else ""


def _seconds_of(time: object) -> float:
    """A time of the facts, in seconds since 1970; 0 if it can't be read."""
    try:
        return datetime.fromisoformat(time).timestamp() if isinstance(time, str) else 0.0
    except ValueError:
        return 0.0


def link(label: str, address: str | None) -> str:
    """A link, if the address is valid in Markdown and not too long."""
    if not address or len(address) > MAX_LINK_CHARACTERS or re.search(r"[\s()<>]", address):
        return ""
    return f"[{label}]({address})"
