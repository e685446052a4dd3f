"""The place in the DAG author's own code at which an exception was raised, such as ``etl_orders.py:12 in load``."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from types import TracebackType

from airflow_provider_dingpush.alerts.exception_text import causes_of

_LIBRARY_FOLDERS = ("site-packages", "dist-packages")
_LIBRARY_PACKAGES = ("airflow", "airflow_provider_dingpush")
_STANDARD_LIBRARY = os.path.dirname(os.__file__)
_MOST_FRAMES = 2_000  # of one traceback; a recursion that never ends has 1,000
_MOST_CHARACTERS = 160


def exception_place(error: BaseException, roots: Sequence[str] = (), *, dag_file: str | None = None) -> str | None:
    """File, line and function of the last frame in the author's own code; ``None`` if there is none.

    Own code is what is neither installed nor part of Python: DAG files, plugins, modules on ``PYTHONPATH``, and
    templates in files. Of a chain of exceptions it is the place of the root cause, or of the exception nearest to it
    that was raised through own code: the traceback of a cause that was caught inside a library has none.

    :param roots: folders of own code. The file is shown relative to the innermost of them that contains it, or else
        by its name alone: the folder of a DAG bundle is different on each machine.
    :param dag_file: own code wherever it is, also in an installed package.
    """
    chain = [error, *causes_of(error, into_groups=True)]
    places = (_own_place(each.__traceback__, roots, dag_file) for each in reversed(chain))
    return next((place for place in places if place), None)


def _own_place(traceback: TracebackType | None, roots: Sequence[str], dag_file: str | None) -> str | None:
    place = None
    for _ in range(_MOST_FRAMES):
        if traceback is None:
            break
        code = traceback.tb_frame.f_code
        file = code.co_filename
        if file == dag_file or is_own(file, traceback.tb_frame.f_globals.get("__name__")):
            place = file, traceback.tb_lineno, code.co_name
        traceback = traceback.tb_next
    if place is None:
        return None
    file, line, function = place
    # Such as <module> and <lambda>, which say nothing.
    within = "" if function.startswith("<") else f" in {function}"
    shown = f"{relative_to_roots(file, roots)}:{line}{within}"
    if len(shown) > _MOST_CHARACTERS:
        shown = f"…{shown[1 - _MOST_CHARACTERS :]}"
    # A file's name may hold bytes that are no UTF-8, which could not be stored or sent.
    return shown.encode("utf-8", "replace").decode()


def is_own(file: str, module: object) -> bool:
    """Whether a file is neither installed, nor part of Python, nor compiled from a text.

    :param module: name of the module, if it is known.
    """
    if file.startswith("<"):  # Frozen modules, templates in a str, generated classes.
        return False
    package = module.partition(".")[0] if isinstance(module, str) else ""
    if package in _LIBRARY_PACKAGES or file.startswith(_STANDARD_LIBRARY + os.sep):
        return False
    return not any(f"{os.sep}{each}{os.sep}" in file for each in _LIBRARY_FOLDERS)


def relative_to_roots(file: str, roots: Iterable[str]) -> str:
    """The path from the innermost of the folders that contains it, or else the name alone."""
    folders = [each.rstrip(os.sep) + os.sep for each in roots if each.strip(os.sep)]
    innermost = max((each for each in folders if file.startswith(each)), key=len, default="")
    return file[len(innermost) :] if innermost or not os.path.isabs(file) else os.path.basename(file)
