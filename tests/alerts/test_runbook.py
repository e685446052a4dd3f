"""The link to a runbook, from wherever a DAG names it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import pytest

from airflow_provider_dingpush.alerts.runbook import runbook_url

WIKI = "https://wiki.example.com/etl"


def found(*, param: Any = None, tags: Iterable[Any] = (), documents: Iterable[Any] = ()) -> str | None:
    return runbook_url(
        param=param, tags=tags, documents=documents, redact=lambda text: text.replace("s3cret-word", "***")
    )


def test_what_is_named_a_runbook_comes_before_any_link() -> None:
    """A documentation may begin with a link to anything."""
    every: dict[str, Any] = {"param": f"{WIKI}/1", "tags": [f"runbook:{WIKI}/2"], "documents": [f"{WIKI}/3"]}
    order = []
    while every:
        order.append(found(**every))
        every.pop(next(iter(every)))
    assert order == [f"{WIKI}/1", f"{WIKI}/2", f"{WIKI}/3"]


@pytest.mark.parametrize(
    ("tag", "url"),
    [
        (f"runbook:{WIKI}", WIKI),
        (f"Runbook: {WIKI} ", WIKI),
        (f"runbook={WIKI}", WIKI),
        ("runbook:etl", None),
        ("runbook:ftp://wiki.example.com", None),
        ("runbook:javascript:alert(1)", None),
        ("runbook:https://", None),
        ("runbook:https://[::1", None),
        ("finance", None),
        (f"wiki:{WIKI}", None),
        (5, None),
    ],
)
def test_a_tag(tag: Any, url: str | None) -> None:
    """Only pages of the web."""
    assert found(tags=["finance", tag]) == url


@pytest.mark.parametrize(
    ("document", "url"),
    [
        (f"# Orders\n\nSee [the runbook]({WIKI}) or [another](https://b.example.com).", WIKI),
        ("[wiki](https://wiki.example.com/Etl_(orders))", "https://wiki.example.com/Etl_%28orders%29"),
        (f"处理手册：{WIKI}。出错时先看这里", WIKI),
        (f"Runbook: <{WIKI}>.", WIKI),
        (f"Runbook: {WIKI}.", WIKI),
        (f"**{WIKI}**", WIKI),
        (f"`{WIKI}`", WIKI),
        (f"{WIKI}#oom?a=b&c=d", f"{WIKI}#oom?a=b&c=d"),
        ("no link at all", None),
        ("", None),
        (None, None),
        (5, None),
    ],
)
def test_the_first_link_of_a_documentation(document: Any, url: str | None) -> None:
    """Links of Markdown, and bare ones."""
    assert found(documents=[None, document]) == url


def test_the_task_before_the_dag() -> None:
    assert found(documents=[f"{WIKI}/task", f"{WIKI}/dag"]) == f"{WIKI}/task"


@pytest.mark.parametrize(
    "url",
    [
        "https://wiki.example.com/?token=s3cret-word",
        "https://zhangsan:password@wiki.example.com/etl",
        "https://wiki.example.com/" + "a" * 1_000,
    ],
)
def test_a_url_with_a_secret_or_without_end_is_not_used(url: str) -> None:
    """The next one is."""
    assert found(param=url, tags=[f"runbook:{WIKI}"]) == WIKI


@pytest.mark.parametrize("param", [None, "", " ", 5, ["https://a.example.com"], "see the wiki"])
def test_a_param_that_is_no_url(param: Any) -> None:
    assert found(param=param) is None


def test_what_would_end_a_link_in_markdown_is_encoded() -> None:
    assert found(param="https://wiki.example.com/a b)[x](y<z>") == "https://wiki.example.com/a%20b%29%5Bx%5D%28y%3Cz%3E"
