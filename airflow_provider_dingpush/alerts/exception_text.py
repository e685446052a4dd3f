"""What went wrong, as an alert shows it: of an exception, or of the str that Airflow 2 gives instead.

The reason isn't always the exception's own text, and not always its beginning. An ``ExceptionGroup`` has it in its
sub-exceptions, ``raise … from`` in the cause, ``add_note`` in a note, ``CalledProcessError`` in what the command wrote,
and a notebook, Spark or dbt in its last lines. So all of these are read, and what is too long keeps head and tail.

Nothing here is of one language: ``… 120 …`` alone in a line stands for 120 lines that are left out, and
:func:`gap_in` finds it for whoever writes the alert.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple, TypeVar

from airflow_provider_dingpush.alerts.visible_text import as_shown

MAX_EXCEPTION_LINES = 7
"""Of the exception's own text."""
MAX_EXCEPTION_CHARACTERS = 600
"""Of the exception's own text, the notes of gaps not counted."""
MAX_SUMMARY_CHARACTERS = 200

_HEAD_LINES = 3
_MOST_PARTS = 5  # sub-exceptions that are named
_MOST_CAUSES = 2
_MOST_NOTE_LINES = 3
_MOST_STEPS = 50  # of a chain or group that is looked at
_MOST_LOOKED_AT = 500
_MOST_TYPE_CHARACTERS = 120
_SHORTEST_LINE = 20
_LONG_SUMMARY = 120
_LINE_CHARACTERS = 160  # of a line about a cause, a sub-exception or a note
_MOST_LINE_CHARACTERS = 1_000  # of a line that is looked at
_MOST_READ = 20_000
"""So much is read of either end of a text. It is far more than is shown."""
_EDGE = 2_000
"""So much is dropped again where the middle of a text is missing: half a secret isn't recognised as one."""

_GAP = r"… (\d+) …"
# Lines that say where and not why: of Python's, Java's and Scala's stack traces, and rulers.
_NO_REASON = r"""(?x)
      at\s[\w.$/<>@]+ \( .*
    | \.\.\.\ \d+\ more
    | File\ "[^"]*",\ line\ \d+ .*
    | [\W_]*
    | An\ error\ occurred\ while\ calling\ \S+
    | \(Background\ on\ this\ error\ at:\ .*
"""
_TRACEBACK = "Traceback (most recent call last)"
_NAMED_ERROR = r"(?:\w+\.)*\w*(?:Error|Exception|Warning|Exit|Interrupt|Failure|Fault)\w*(?::\s.*)?|(?:\w+\.)+\w+:\s.*"
_JAVA_CAUSE = "Caused by: "
# Lines that only announce the next one: "Runtime Error", "Database Error in model orders (models/orders.sql)", "…:".
_ANNOUNCEMENT = r".*:|(?:[A-Z]\w*[ ])*(?:Error|Exception|Failure)(?: in [^:]*)?"

_Known = TypeVar("_Known")


class WhatWentWrong(NamedTuple):
    """An exception as an alert shows it.

    :param type_name: name of its class; ``None`` if there is only a text.
    :param text: its text with sub-exceptions, causes and notes, some lines; ``None`` if it is empty.
    :param summary: the line that explains most, with the class; ``None`` if nothing is known.
    """

    type_name: str | None = None
    text: str | None = None
    summary: str | None = None


def read_exception(error: BaseException | str, redact: Callable[[str], str]) -> WhatWentWrong:
    """What went wrong, as an exception describes it.

    It does a bounded work and raises nothing, whatever the exception is like: one that can't be printed keeps its
    class, and so does one whose text can't be redacted.

    :param error: the exception, or its text.
    :param redact: takes secrets out of free text.
    """
    if isinstance(error, str):
        lines = _lines(error, redact)
        return WhatWentWrong(None, _joined(_clipped(lines)), _cut(_telling(lines), MAX_SUMMARY_CHARACTERS) or None)
    lines, parts = _own_lines(error, redact), _parts(error)
    more = [*_notes(error, redact), *_part_lines(parts, redact)]
    # The class goes with it: what a process pool raises from repeats both.
    shown = "\n".join([_own_summary(error, redact), *lines, *more])
    more += [f"Caused by: {each}" for each in _causes(error, shown, redact)]
    own = _clipped(lines) if not more else _clipped(lines, MAX_EXCEPTION_LINES - 2)
    summary = _summary(error, redact)
    return WhatWentWrong(_type_name(error), _joined([*own, *more]), _cut(summary, MAX_SUMMARY_CHARACTERS))


def gap_in(line: str) -> int | None:
    """How many lines a line of the text stands for that are left out; ``None`` for a line of the text itself."""
    found = re.fullmatch(_GAP, line) if line.startswith("… ") else None
    return int(found[1]) if found else None


def shortened(text: str, characters: int) -> str:
    """A text of :func:`read_exception` in about so many characters, head and tail kept."""
    lines = text.split("\n")
    most = max(2, len(lines) * characters // max(len(text), 1))
    return "\n".join(_clipped(lines, most, characters))


# One text


def _lines(text: str, redact: Callable[[str], str]) -> list[str]:
    """The lines of a text that say something, as a terminal would show them and without secrets."""

    def clean(some: str) -> str:
        # Redacted before and after: a secret may hold a character that is dropped, and colours may stand inside one.
        return redact(as_shown(redact(some)))

    if len(text) <= 2 * _MOST_READ:
        shown = clean(text)
    else:
        head, tail = clean(text[:_MOST_READ])[:-_EDGE], clean(text[-_MOST_READ:])[_EDGE:]
        left_out = text.count("\n") - head.count("\n") - tail.count("\n") - 1
        shown = f"{head}\n… {left_out} …\n{tail}" if left_out > 0 else f"{head} … {tail}"
    # Java begins the line with an exception that a call from Python raised with a colon.
    return [line.strip().removeprefix(": ") for line in shown.split("\n") if line.strip()]


def _clipped(
    lines: Sequence[str], most_lines: int = MAX_EXCEPTION_LINES, most_characters: int = MAX_EXCEPTION_CHARACTERS
) -> list[str]:
    """Head and tail of the lines, with a gap between them if something is left out, now or before."""
    gaps = [place for place, line in enumerate(lines) if gap_in(line) is not None]
    hidden = sum(gap_in(lines[place]) or 0 for place in gaps)
    before = gaps[0] if gaps else len(lines)
    kept = [line for line in lines if gap_in(line) is None]
    head, whole = min(before, len(kept)), len(kept)
    if whole > most_lines:
        telling = [line for line in kept if not _is_no_reason(line)] or kept
        head = min(_HEAD_LINES, most_lines // 2, before)
        kept = [*telling[:head], *telling[head:][head - most_lines :]]
    hidden += whole - len(kept)
    each = _longest_line(kept, most_characters)
    kept = [_middle_cut(line, each) for line in kept]
    return [*kept[:head], f"… {hidden} …", *kept[head:]] if hidden else kept


def _longest_line(lines: Sequence[str], most_characters: int) -> int:
    """How long each line may be so that all of them together are not longer than this."""
    room, left = most_characters, sorted(map(len, lines))
    for place, length in enumerate(left):
        share = room // (len(left) - place)
        if length > share:
            return max(share, _SHORTEST_LINE)
        room -= length
    return most_characters


def _middle_cut(line: str, characters: int) -> str:
    if len(line) <= characters:
        return line
    tail = characters // 2
    return f"{line[: characters - tail].rstrip()} … {line[-tail:].lstrip()}"


def _cut(line: str, characters: int) -> str:
    return line if len(line) <= characters else f"{line[:characters].rstrip()}…"


def _joined(lines: Sequence[str]) -> str | None:
    return "\n".join(lines) or None


def _telling(lines: Sequence[str], *, last: bool = False) -> str:
    """The line that says most of why; empty if there is none.

    :param last: look for it at the end, as in what a command wrote.
    """
    lines = [line[:_MOST_LINE_CHARACTERS] for line in lines if gap_in(line) is None]
    causes = [line[len(_JAVA_CAUSE) :] for line in lines if line.startswith(_JAVA_CAUSE) and line != _JAVA_CAUSE]
    if causes:
        return causes[-1]
    lines = [line for line in lines if not _is_no_reason(line)] or lines[:1]
    if any(_TRACEBACK in line for line in lines):
        return next((line for line in reversed(lines) if re.fullmatch(_NAMED_ERROR, line)), lines[-1])
    said = ""
    for line in lines[-1:] if last else lines:
        words = line.removeprefix(": ")
        said = f"{said.rstrip(':. ')}: {words}" if said else words
        if not re.fullmatch(_ANNOUNCEMENT, words) or len(said) > MAX_SUMMARY_CHARACTERS:
            break
    return said


def _is_no_reason(line: str) -> bool:
    return re.fullmatch(_NO_REASON, line) is not None


# What an exception is made of


def _known(read: Callable[[], _Known], otherwise: _Known) -> _Known:
    """What can be read; exceptions of other people's classes may do anything when they are looked at."""
    try:
        return read()
    except Exception:  # noqa: BLE001 - see above; a timeout that Airflow raises meanwhile isn't one
        return otherwise


def _type_name(error: BaseException) -> str:
    name = " ".join(as_shown(type(error).__name__).split())
    return name[:_MOST_TYPE_CHARACTERS] or "Exception"


def _text_of(error: BaseException) -> str:
    """Its text as it says itself; if it can't, as any exception with its arguments would."""
    said = _known(lambda: str(error), None)
    text = _known(lambda: BaseException.__str__(error), "") if said is None else said
    # One of a subclass of str may do anything, too.
    return str.__str__(text)


def _own_lines(error: BaseException, redact: Callable[[str], str]) -> list[str]:
    """The lines of its text, and of what its command wrote if it is of a command."""
    nothing: list[str] = []
    lines = _known(lambda: _lines(_text_of(error), redact), nothing)
    return [*lines, *_known(lambda: _command_lines(error, redact), nothing)]


def _command_lines(error: BaseException, redact: Callable[[str], str]) -> list[str]:
    """What a command wrote before it failed: the str of a ``CalledProcessError`` doesn't say."""
    if all(kind.__module__ != "subprocess" for kind in type(error).__mro__):
        return []
    written = next((each for each in (_get(error, "stderr"), _get(error, "output")) if each), "")
    if isinstance(written, (bytes, bytearray)):
        written = bytes(written[:_MOST_READ] + written[-_MOST_READ:] if len(written) > 3 * _MOST_READ else written)
        written = written.decode("utf-8", "replace")
    return _lines(written, redact) if isinstance(written, str) else []


def _get(error: BaseException, name: str) -> Any:
    return _known(lambda: getattr(error, name, None), None)


def _parts(error: BaseException) -> tuple[BaseException, ...]:
    """The sub-exceptions of a group, nested ones included; recognised by attributes, for Python 3.10."""
    found: list[BaseException] = []
    seen = {id(error)}
    waiting = list(reversed(_parts_of(error)))
    while waiting and len(seen) < _MOST_LOOKED_AT:
        part = waiting.pop()
        if id(part) in seen:
            continue
        seen.add(id(part))
        inner = _parts_of(part)
        if inner:
            waiting += reversed(inner)
        else:
            found.append(part)
    return tuple(found)


def _parts_of(error: BaseException) -> list[BaseException]:
    parts = _get(error, "exceptions")
    if not isinstance(parts, (tuple, list)):
        return []
    return [part for part in parts[:_MOST_LOOKED_AT] if isinstance(part, BaseException)]


def _part_lines(parts: Sequence[BaseException], redact: Callable[[str], str]) -> list[str]:
    shown = [f"• {_cut(_summary(part, redact), _LINE_CHARACTERS)}" for part in parts[:_MOST_PARTS]]
    return [*shown, f"• … +{len(parts) - _MOST_PARTS}"] if len(parts) > _MOST_PARTS else shown


def _notes(error: BaseException, redact: Callable[[str], str]) -> list[str]:
    notes = _get(error, "__notes__")
    notes = [notes] if isinstance(notes, str) else notes
    if not isinstance(notes, (list, tuple)):
        return []
    nothing: list[str] = []
    lines = [
        line
        for note in notes[:_MOST_STEPS]
        if isinstance(note, str)
        for line in _known(lambda note=note: _lines(note, redact), nothing)  # type: ignore[misc]
    ]
    return [_cut(line, _LINE_CHARACTERS) for line in _clipped(lines, _MOST_NOTE_LINES)]


def _chain(error: BaseException) -> Iterator[BaseException]:
    """The causes of an exception, the nearest first: what it was raised from, or else what was being handled."""
    seen = {id(error)}
    for _ in range(_MOST_STEPS):
        cause = error.__cause__
        if cause is None and not error.__suppress_context__:
            cause = error.__context__
        if cause is None or id(cause) in seen:
            return
        seen.add(id(cause))
        yield cause
        error = cause


def _causes(error: BaseException, shown: str, redact: Callable[[str], str]) -> list[str]:
    """One line for each cause that adds to what is shown already; of many, the nearest and the first of all."""
    news: list[str] = []
    for cause in _chain(error):
        line = _own_summary(cause, redact)
        words = line.partition(": ")[2]
        if not _is_named(words or line, shown):
            news.append(_cut(line, _LINE_CHARACTERS))
            shown = f"{shown}\n{line}"
    return news if len(news) <= _MOST_CAUSES else [news[0], news[-1]]


def _is_named(words: str, shown: str) -> bool:
    pattern = re.escape(" ".join(words.split()))
    return re.search(rf"(?<!\w){pattern}(?!\w)", " ".join(shown.split())) is not None


def _summary(error: BaseException, redact: Callable[[str], str]) -> str:
    """One line about an exception, and about its cause where that says more, or the same in fewer words."""
    own, chain = _own_summary(error, redact), list(_chain(error))
    causes = _causes(error, own, redact)
    if not causes and chain and len(own) > _LONG_SUMMARY:
        causes = [each for each in [_own_summary(chain[-1], redact)] if len(each) < _LONG_SUMMARY]
    # A digest may show no more than the first half of a line.
    return f"{_cut(own, _LONG_SUMMARY // 2)}; caused by {causes[-1]}" if causes else own


def _own_summary(error: BaseException, redact: Callable[[str], str]) -> str:
    """One line about an exception: of a group its first sub-exception, of a command what that wrote last."""
    name, parts = _type_name(error), _parts(error)
    if parts:
        # None of these has parts itself, so this goes no deeper.
        said = _own_summary(parts[0], redact) + (f" (+{len(parts) - 1})" if len(parts) > 1 else "")
    else:
        nothing: list[str] = []
        command = _telling(_known(lambda: _command_lines(error, redact), nothing), last=True)
        said = _telling(_known(lambda: _lines(_text_of(error), redact), nothing)).removeprefix(f"{name}: ")
        said = f"{command} ({said})" if command else said
    return f"{name}: {said}" if said else name
