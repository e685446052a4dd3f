"""The traceback of a DAG file that can't be imported: which line failed and why, and what it has in common with others.

Airflow provides a text: a traceback that is limited to its last frames (``[core] dagbag_import_error_traceback_depth``,
two by default), or a message alone.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
from collections.abc import Callable, Sequence
from typing import NamedTuple

from airflow_provider_dingpush.alerts.exception_place import is_own, relative_to_roots
from airflow_provider_dingpush.alerts.exception_text import MAX_SUMMARY_CHARACTERS, is_named_error, read_exception
from airflow_provider_dingpush.alerts.markdown import cut

_MOST_READ = 20_000
_SOURCE_CHARACTERS = 160
_TYPE_CHARACTERS = 120
_BLOCK = "Traceback (most recent call last):"
_FRAME = re.compile(r'^\s*File "(?P<file>[^"\n]+)", line (?P<line>\d+)(?:, in (?P<function>[^\n]+))?$', re.MULTILINE)
_EXCEPTION = re.compile(r"^(?P<type>[A-Za-z_][\w.]*)(?:: (?P<text>.*))?$")
_CARETS = re.compile(r"[\s~^]*")
# What differs between two times, files or machines with the same problem.
_ADDRESS, _NUMBER = re.compile(r"0x[0-9a-fA-F]+"), re.compile(r"\d+")
_FOLDER = re.compile(r"(?<![\w.])/(?:[^\s/'\"(),:]+/)+")
_NAMES_ITS_CAUSE = {"ModuleNotFoundError", "ImportError"}


class ImportProblem(NamedTuple):
    """Why a file can't be imported.

    :param type_name: name of the exception's class; ``None`` if there is only a message.
    :param text: its text, redacted; ``None`` if it is empty.
    :param summary: the most informative line of it, with the class.
    :param place: the last place in the author's own code, such as ``common/db.py:3 in connect``; ``None`` if Airflow's
        text has only frames of libraries.
    :param source: the line of code there, redacted.
    :param cause: the same for every file that fails for the same reason, each time that it is parsed.
    """

    type_name: str | None
    text: str | None
    summary: str
    place: str | None
    source: str | None
    cause: str


class _Frame(NamedTuple):
    file: str
    line: int
    function: str
    source: str


def read_import_error(
    stacktrace: str,
    file: str,
    *,
    redact: Callable[[str], str],
    roots: Sequence[str] = (),
) -> ImportProblem:
    """Read Airflow's text about a file that can't be imported. Raises nothing, for any text.

    :param stacktrace: Airflow's text.
    :param file: path of the file, as in the text.
    :param redact: removes secrets, also where code names them: ``password="…"``.
    :param roots: folders of own code, which a place is shown relative to.
    """
    # Redacted as a whole: what is cut off later may be half a secret.
    text = redact(stacktrace[-_MOST_READ:])
    block = text.rpartition(_BLOCK)[2]
    frames = _frames(block)
    type_name, message = _exception(block, is_traceback=_BLOCK in text or bool(frames))
    shown = read_exception(message, redact)
    summary = ": ".join(filter(None, (type_name, shown.summary)))
    own = _own_frame(frames, file) or _own_frame(_frames(text), file)
    source = own.source[:_SOURCE_CHARACTERS] if own else None
    return ImportProblem(
        type_name,
        shown.text,
        cut(summary, MAX_SUMMARY_CHARACTERS),
        _place(own, roots) if own else None,
        source or None,
        _cause(type_name, message, frames[-1] if frames else None, file, roots),
    )


def _frames(block: str) -> list[_Frame]:
    frames = []
    for found in _FRAME.finditer(block):
        following = block[found.end() + 1 : found.end() + 1 + 2 * _SOURCE_CHARACTERS].partition("\n")[0]
        source = "" if _FRAME.match(following) or _CARETS.fullmatch(following) else following.strip()
        is_code = following.startswith("    ")
        frames.append(_Frame(found["file"], int(found["line"][:9]), found["function"] or "", source if is_code else ""))
    return frames


def _exception(block: str, *, is_traceback: bool) -> tuple[str | None, str]:
    """Class and text of the exception: after the last frame the first line that isn't indented."""
    ends = [found.end() for found in _FRAME.finditer(block)]
    lines = block[ends[-1] :].split("\n")[1:] if ends else block.strip().split("\n")
    for number, line in enumerate(lines):
        found = _EXCEPTION.fullmatch(line.rstrip())
        if found and (is_traceback or is_named_error(line)):
            name = found["type"].rpartition(".")[2][:_TYPE_CHARACTERS]
            return name, "\n".join([found["text"] or "", *lines[number + 1 :]]).strip()
        if not is_traceback:
            break
    return None, "\n".join(lines).strip()


def _own_frame(frames: Sequence[_Frame], file: str) -> _Frame | None:
    own = [each for each in frames if each.file == file or (is_own(each.file, None) and not _is_airflow(each.file))]
    return own[-1] if own else None


def _is_airflow(file: str) -> bool:
    return f"{os.sep}airflow{os.sep}dag_processing{os.sep}" in file


def _place(frame: _Frame, roots: Sequence[str]) -> str:
    # Such as <module> and <lambda>, which say nothing.
    within = "" if not frame.function or frame.function.startswith("<") else f" in {frame.function}"
    return f"{relative_to_roots(frame.file, roots)}:{frame.line}{within}"


def _cause(type_name: str | None, message: str, frame: _Frame | None, file: str, roots: Sequence[str]) -> str:
    """What all files with the same problem have in common.

    A missing module is the same problem wherever it is imported. Of any other, the line of code belongs to it, and the
    module unless it is the file itself.
    """
    parts = [type_name or "", _normalised(message, file)]
    if frame is not None and type_name not in _NAMES_ITS_CAUSE:
        module = "" if frame.file == file else _normalised(relative_to_roots(frame.file, roots), file)
        parts += [module, _normalised(frame.source, file)]
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:24]


def _normalised(text: str, file: str) -> str:
    stem = os.path.splitext(os.path.basename(file))[0]
    for name in (file, os.path.basename(file), stem):
        if name:
            text = re.sub(rf"(?<!\w){re.escape(name)}(?!\w)", "<file>", text)
    text = _FOLDER.sub("", text)
    return " ".join(_NUMBER.sub("0", _ADDRESS.sub("0x0", text)).split())
