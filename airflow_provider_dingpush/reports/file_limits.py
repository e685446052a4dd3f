"""What keeps a report from being sent as a file: too many bytes for DingTalk, or a library that isn't installed."""

from __future__ import annotations

import importlib.util

from airflow_provider_dingpush.errors import InvalidMessageError

_MB = 1024 * 1024


def require_library(library: str, what: tuple[str, str], extra: str) -> None:
    """Refuse a report that needs a library which isn't installed.

    :param what: what can't be made without it, in English and Chinese.
    :param extra: the extra of this package that installs it.
    :raises InvalidMessageError: with the command that installs it.
    """
    if importlib.util.find_spec(library) is None:
        command = f"pip install 'airflow-provider-dingpush[{extra}]'"
        raise InvalidMessageError(
            f"{what[0]} needs {library}, which isn't installed.",
            f"Install it on every worker: {command}. 请在每台 worker 上安装：{command}",
            problem_zh=f"{what[1]}需要 {library}，但尚未安装。",
        )


def require_size(size: int, rows: int, columns: int, most_bytes: int | None) -> None:
    """Refuse a file that DingTalk wouldn't take.

    :param size: its size in bytes.
    :param most_bytes: the largest size; ``None`` allows any.
    :raises InvalidMessageError: with what to do instead.
    """
    if most_bytes is not None and size > most_bytes:
        raise too_large(rows, columns, most_bytes, f"{size / _MB:,.1f} MB", f" {size / _MB:,.1f} MB")


def too_large(rows: int, columns: int, most_bytes: int, size_en: str, size_zh: str) -> InvalidMessageError:
    """The error for a file that is too large.

    :param size_en: how large, for a sentence in English; ``size_zh`` for one in Chinese.
    """
    most = f"{most_bytes / _MB:g} MB"
    return InvalidMessageError(
        f"A file of {rows:,} rows and {columns:,} columns has {size_en}; DingTalk accepts at most {most}.",
        "Select fewer rows or columns, sum up in the query, or store the file elsewhere and send a Link to it. "
        "请减少行或列、在查询中先汇总，或将文件存放到别处（如对象存储）后发送链接。",
        problem_zh=f"{rows:,} 行、{columns:,} 列的文件有{size_zh}，钉钉最多接受 {most}。",
    )
