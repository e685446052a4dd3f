"""The page as HTML: every value is escaped by the template, and links lead to web addresses only."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime, tzinfo
from functools import lru_cache
from importlib import resources
from typing import TYPE_CHECKING, Any, NamedTuple

from jinja2 import Environment, StrictUndefined

from airflow_provider_dingpush.alerts.visible_text import as_shown
from airflow_provider_dingpush.delivery.reasons import words
from airflow_provider_dingpush.errors import RulesFileError, in_language
from airflow_provider_dingpush.pipeline.baseline_text import margin_text
from airflow_provider_dingpush.pipeline.composing import local_zone
from airflow_provider_dingpush.pipeline.page_actions import SILENCE_MINUTES
from airflow_provider_dingpush.pipeline.redaction import redact_text
from airflow_provider_dingpush.web.words import LANGUAGES, Words

if TYPE_CHECKING:
    from jinja2 import Template

    from airflow_provider_dingpush.errors import DingTalkError
    from airflow_provider_dingpush.pipeline.incidents import Incident
    from airflow_provider_dingpush.pipeline.page_actions import PageResult
    from airflow_provider_dingpush.pipeline.page_baselines import BaselineRow
    from airflow_provider_dingpush.pipeline.page_state import IncidentRow, PageState
    from airflow_provider_dingpush.pipeline.receiver_status import ReceiverStatus, Usage

_FOLDER = resources.files(__package__)
_MOST_MISTAKES = 5
_SECONDS_OF_A_MINUTE, _SECONDS_OF_AN_HOUR = 60.0, 3_600.0


class _Cell(NamedTuple):
    """A cell of a table.

    :param heading: of its column; a phone shows it beside the value.
    :param text: the value.
    :param more: further lines, smaller.
    :param links: name and address.
    :param kind: its CSS class.
    """

    heading: str
    text: str
    more: Sequence[str] = ()
    links: Sequence[tuple[str, str]] = ()
    kind: str = ""


class _Button(NamedTuple):
    """A form with one button.

    :param action: what it does.
    :param id: with what.
    :param text: on it.
    :param has_minutes: whether it asks for how long.
    """

    action: str
    id: str
    text: str
    has_minutes: bool = False


class _Row(NamedTuple):
    """A row of a table; the first cell names it."""

    cells: Sequence[_Cell]
    buttons: Sequence[_Button] = ()


def render_page(
    state: PageState,
    *,
    language: str,
    user: str,
    token: str,
    framework_token: str | None,
    result: PageResult | None,
    airflow_url: str,
    now: float,
) -> str:
    """The whole page.

    :param language: ``zh`` or ``en``.
    :param user: who looks at it.
    :param token: of its forms.
    :param framework_token: of its forms as well, if the web framework has its own.
    :param result: what a button has done.
    :param airflow_url: of Airflow's UI.
    :param now: in seconds since 1970.
    """
    text, zone = Words(language), local_zone()
    tables = _Tables(text, zone, now)
    return _template("page.html").render(
        t=text,
        languages=LANGUAGES,
        user=user,
        token=token,
        framework_token=framework_token,
        result=result,
        airflow_url=airflow_url,
        minutes=SILENCE_MINUTES,
        now=f"{datetime.fromtimestamp(now, zone):%Y-%m-%d %H:%M:%S}",
        zone=zone,
        flushed=None if state.flushed_at is None else tables.time(state.flushed_at),
        state=state,
        parts={
            "incidents": len(state.incidents) + state.more_incidents,
            "silences": len(state.silences),
            "baselines": len(state.baselines) + state.more_baselines,
            "receivers": len(state.receivers),
            "letters": len(state.letters) + state.more_letters,
        },
        problems=[redact_text(each.in_language(language)) for each in state.problems],
        incidents=[tables.incident(each) for each in state.incidents],
        silences=list(tables.silences(state)),
        receivers=[tables.receiver(each) for each in state.receivers],
        letters=list(tables.letters(state)),
        baselines=[tables.baseline(each) for each in state.baselines],
        baseline_problems=list(_lines_of(state.baselines_problem, language)),
    )


def render_denial(name: str, *, language: str, url: str) -> str:
    """A page with one sentence.

    :param name: of its text.
    :param url: of the page that the user can go on with.
    """
    return _template("denial.html").render(t=Words(language), name=name, url=url)


@lru_cache(maxsize=4)
def _template(name: str) -> Template:
    environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    return environment.from_string((_FOLDER / name).read_text(encoding="utf-8"))


def _lines_of(problem: DingTalkError | None, language: str) -> Iterator[str]:
    """A problem, or each mistake in a file."""
    if problem is not None:
        mistakes = problem.problems_in(language) if isinstance(problem, RulesFileError) else ()
        lines = mistakes or (problem.in_language(language),)
        yield from (as_shown(redact_text(each)) for each in lines[:_MOST_MISTAKES])
        if len(lines) > _MOST_MISTAKES:
            yield Words(language)("more_mistakes", count=len(lines) - _MOST_MISTAKES)


def _is_web_address(link: str) -> bool:
    return link.startswith(("https://", "http://"))


class _Tables:
    """The rows of the page's tables in one language.

    :param zone: of their times.
    :param now: in seconds since 1970.
    """

    def __init__(self, text: Words, zone: tzinfo, now: float) -> None:
        self._text = text
        self._zone = zone
        self._now = now

    def time(self, at: float) -> str:
        """A time of this year without the year."""
        moment, today = (datetime.fromtimestamp(each, self._zone) for each in (at, self._now))
        return f"{moment:%m-%d %H:%M}" if moment.year == today.year else f"{moment:%Y-%m-%d %H:%M}"

    def _cell(self, heading: str, value: str, **more: Any) -> _Cell:
        return _Cell(self._text(heading), as_shown(value), **more)

    def incident(self, row: IncidentRow) -> _Row:
        """An open incident."""
        incident, text = row.incident, self._text
        failure, claim = incident.failure, incident.claim
        links = [(text("log"), failure.log_link), (text("run"), failure.run_link)]
        cells = [
            self._cell(
                "what",
                failure.name,
                more=[as_shown(redact_text(each)) for each in (failure.summary, incident.short_id) if each],
                links=[(name, link) for name, link in links if link and _is_web_address(link)],
                kind="what",
            ),
            self._cell("severity", failure.urgency.value, kind=f"severity {failure.urgency.value.lower()}"),
            self._cell("since", self.time(failure.since), kind="time"),
            self._cell("failures", f"{failure.count:,}", kind="number"),
            self._cell("owner", ", ".join(failure.owners), kind="owner"),
            self._cell("connection", failure.conn_id, kind="name"),
            self._cell(
                "claimed",
                text("nobody") if claim is None else claim.by,
                more=list(self._of_claim(incident)),
                kind="nobody" if claim is None else "claim",
            ),
        ]
        buttons = []
        if row.may_edit:
            buttons.append(_Button("claim", incident.id, text("claim" if claim is None else "take_over")))
            if claim is not None:
                buttons.append(_Button("unclaim", incident.id, text("unclaim")))
        if row.may_silence:
            buttons.append(_Button("silence", incident.id, text("silence"), has_minutes=True))
        return _Row(cells, buttons)

    def _of_claim(self, incident: Incident) -> Iterator[str]:
        """Since when it is claimed, what was said about it, and the last step of the escalation."""
        if incident.claim is not None:
            yield self._text("claimed_since", time=self.time(incident.claim.at))
            if incident.claim.note:
                yield as_shown(redact_text(incident.claim.note))
        attempts = incident.progress.every_attempt if incident.progress is not None else []
        if attempts:
            last, language = attempts[-1], self._text.language
            way, outcome = last.way.words(language), last.outcome.words(language)
            yield self._text("last_step", way=way, time=self.time(last.at), outcome=outcome)

    def silences(self, state: PageState) -> Iterator[_Row]:
        """What is muted."""
        for row in state.silences:
            silence = row.silence
            cells = [
                self._cell("silenced_what", silence.what),
                self._cell("until", self.time(silence.until), kind="time"),
                self._cell("muted", f"{row.silenced.count:,}", kind="number"),
                self._cell("by", silence.by, kind="owner"),
                self._cell("why", redact_text(silence.why)),
            ]
            button = _Button("end_silence", silence.id, self._text("end_silence"))
            yield _Row(cells, [button] if row.may_edit else ())

    def receiver(self, status: ReceiverStatus) -> _Row:
        """A receiver."""
        name, *others = status.conn_ids or [self._text("receiver", receiver_id=status.receiver_id)]
        usage = status.usage
        return _Row(
            [
                self._cell("connection", name, more=[as_shown(each) for each in others], kind="name"),
                self._cell("pending", _number(status.pending), kind="number"),
                self._cell("window", self._window(usage), kind="number"),
                self._cell("today", self._used(usage, "today", "max_messages_per_day"), kind="number"),
                self._cell("month", self._used(usage, "this_month", "monthly_quota"), kind="number"),
                self._cell("dead_letters", _number(status.dead_letters), kind="number"),
                self._cell("state", self._state(status), more=list(self._waits(status)), kind=status.state.value),
            ]
        )

    def _window(self, usage: Usage | None) -> str:
        if usage is None:
            return ""
        return self._of(usage.last_minute, usage.rate_limit_per_minute if usage.has_limits else None)

    def _used(self, usage: Usage | None, count: str, most: str) -> str:
        if usage is None:
            return ""
        return self._of(getattr(usage, count), getattr(usage, most) if usage.has_limits else None)

    def _of(self, count: int, most: int | None) -> str:
        return f"{count:,}" if most is None else self._text("of", count=f"{count:,}", most=f"{most:,}")

    def _state(self, status: ReceiverStatus) -> str:
        values: dict[str, object] = {"problem": redact_text(status.problem or "")}
        if status.reason is not None and status.until is not None:
            detail = redact_text(in_language(status.detail, self._text.language))
            reason = words(status.reason, self._text.language, detail)
            values = {"time": self.time(status.until), "reason": reason}
        return self._text(status.state.value, **values)

    def _waits(self, status: ReceiverStatus) -> Iterator[str]:
        for verdict, count in (status.withheld or {}).items():
            if count:
                yield self._text(f"{verdict.value}_alerts", count=f"{count:,}")
        if status.folder:
            yield self._text("in_files", folder=status.folder)

    def letters(self, state: PageState) -> Iterator[_Row]:
        """Dead letters."""
        for row in state.letters:
            letter = row.letter
            cells = [
                self._cell("alert", letter.name),
                self._cell("refused_at", self.time(letter.at), kind="time"),
                self._cell("connection", letter.alert.mailbox.conn_id if letter.alert else "", kind="name"),
                self._cell("reason", redact_text(letter.problem)),
            ]
            button = _Button("retry", f"{row.receiver_id}/{letter.key}", self._text("retry"))
            yield _Row(cells, [button] if row.may_edit else ())

    def baseline(self, row: BaselineRow) -> _Row:
        """A baseline of today."""
        # Its times are those of its own zone, as in the rules file.
        text, zone = self._text, row.zone or self._zone
        is_elsewhere = str(zone) != str(self._zone)
        due = [] if row.due is None else [self._clock(row.due, zone), *([str(zone)] if is_elsewhere else [])]
        return _Row(
            [
                self._cell("baseline", row.name, kind="name"),
                self._cell("due", due[0] if due else "", more=due[1:], kind="time"),
                self._expected(row, zone),
                self._cell("margin", self._margin(row), kind="number"),
                self._cell("state", row.texts[text.language == "zh"], kind=_kind_of(row)),
            ]
        )

    def _expected(self, row: BaselineRow, zone: tzinfo) -> _Cell:
        text, name = self._text, "done" if row.is_done else "at"
        if row.due is None:
            return self._cell("expected", "", kind="time")
        shown = text("unknown") if row.expected is None else text(name, time=self._clock(row.expected, zone))
        is_late = row.worst is not None and row.worst - (row.expected or 0.0) >= _SECONDS_OF_A_MINUTE
        more = [text("at_worst", time=self._clock(row.worst, zone))] if is_late and row.worst is not None else []
        return self._cell("expected", shown, more=more, kind="time")

    def _margin(self, row: BaselineRow) -> str:
        if row.due is None or row.expected is None:
            return ""
        margin = row.due - row.expected
        if abs(margin) < _SECONDS_OF_AN_HOUR:
            return self._text("minutes", count=int(margin / _SECONDS_OF_A_MINUTE))
        return margin_text(margin, self._text.language)

    def _clock(self, at: float, zone: tzinfo) -> str:
        """The time of the day, with the day if that isn't today."""
        moment, today = (datetime.fromtimestamp(each, zone) for each in (at, self._now))
        return f"{moment:%H:%M}" if moment.date() == today.date() else f"{moment:%m-%d %H:%M}"


def _kind_of(row: BaselineRow) -> str:
    if row.outlook is None:
        return "held" if row.is_open else ""
    return f"state {row.outlook.value}"


def _number(number: int | None) -> str:
    return "" if number is None else f"{number:,}"
