"""The operator: templating, template files, failing, and what it returns."""

from __future__ import annotations

import copy
import json
import pickle
import time
from pathlib import Path
from typing import Any

import jinja2
import pytest

from airflow_provider_dingpush.airflow_compat import AirflowFailException
from airflow_provider_dingpush.errors import (
    InvalidMessageError,
    ThrottledError,
    UnavailableError,
    UnsupportedMessageError,
)
from airflow_provider_dingpush.messages import ActionCard, At, Button, FeedCard, FeedLink, Link, Markdown, Text
from airflow_provider_dingpush.operators import DingTalkOperator
from airflow_provider_dingpush.sandbox import Fault, Sandbox

try:
    from airflow.sdk import DAG
except ImportError:  # Airflow 2
    from airflow.models.dag import DAG  # type: ignore[no-redef]

try:
    from airflow.sdk.exceptions import TaskDeferred
except ImportError:  # before 3.2
    from airflow.exceptions import TaskDeferred  # type: ignore[no-redef,attr-defined,unused-ignore]

CONTEXT: Any = {
    "ds": "2026-11-22",
    "link": "https://example.com/r/1",
    "rows": 312,
    "nothing": None,
    "who": ["u1", "u2"],
}


def sent_by(operator: DingTalkOperator, sandbox: Sandbox, *, env: jinja2.Environment | None = None) -> dict[str, Any]:
    """Render and run the operator as a task would, and give what arrived."""
    operator.render_template_fields(CONTEXT, env or jinja2.Environment(undefined=jinja2.StrictUndefined))
    operator.execute(CONTEXT)
    payload = dict(sandbox.messages[-1].payload)
    payload.pop("msgUuid")
    return payload


@pytest.mark.parametrize(
    ("message", "sent"),
    [
        pytest.param("day {{ ds }}", {"msgtype": "text", "text": {"content": "day 2026-11-22"}}, id="str"),
        pytest.param(
            {"msgtype": "text", "text": {"content": "{{ rows }} rows"}},
            {"msgtype": "text", "text": {"content": "312 rows"}},
            id="dict",
        ),
        pytest.param(
            Markdown("{{ ds }}", "**{{ rows }}**"),
            {"msgtype": "markdown", "markdown": {"title": "2026-11-22", "text": "**312**"}},
            id="Markdown",
        ),
        pytest.param(
            Link("t {{ ds }}", "x", "{{ link }}", pic_url="{{ link }}.png"),
            {
                "msgtype": "link",
                "link": {
                    "title": "t 2026-11-22",
                    "text": "x",
                    "messageUrl": "https://example.com/r/1",
                    "picUrl": "https://example.com/r/1.png",
                },
            },
            id="Link",
        ),
        pytest.param(
            ActionCard(
                "t", "x", [Button("{{ ds }}", "{{ link }}"), Button("b", "https://example.com")], horizontal=True
            ),
            {
                "msgtype": "actionCard",
                "actionCard": {
                    "title": "t",
                    "text": "x",
                    "btnOrientation": "1",
                    "btns": [
                        {"title": "2026-11-22", "actionURL": "https://example.com/r/1"},
                        {"title": "b", "actionURL": "https://example.com"},
                    ],
                },
            },
            id="ActionCard",
        ),
        pytest.param(
            FeedCard([FeedLink("{{ ds }}", "{{ link }}", "https://example.com/p.png")]),
            {
                "msgtype": "feedCard",
                "feedCard": {
                    "links": [
                        {
                            "title": "2026-11-22",
                            "messageURL": "https://example.com/r/1",
                            "picURL": "https://example.com/p.png",
                        }
                    ]
                },
            },
            id="FeedCard",
        ),
    ],
)
def test_jinja_is_rendered_in_every_text(connected: Sandbox, message: Any, sent: dict[str, Any]) -> None:
    """Every text field of every kind may be a template."""
    assert sent_by(DingTalkOperator(task_id="t", message=message), connected) == sent


def test_a_shared_message_is_rendered_anew_for_each_task(connected: Sandbox) -> None:
    """Rendering leaves the message of the DAG file as it was."""
    shared = Text("day {{ ds }}")
    for _ in range(2):
        assert sent_by(DingTalkOperator(task_id="t", message=shared), connected)["text"] == {
            "content": "day 2026-11-22"
        }
    assert shared == Text("day {{ ds }}")


def test_mentions_are_templates_too(connected: Sandbox) -> None:
    """A mention may come from a variable."""
    operator = DingTalkOperator(task_id="t", message="x", at=At(user_ids=["{{ who[0] }}"]))
    assert sent_by(operator, connected)["at"]["atUserIds"] == ["u1"]


def test_native_rendering_gives_lists_and_numbers(connected: Sandbox) -> None:
    """With render_template_as_native_obj a template may be a list of people, and a number becomes text."""
    with DAG("native", schedule=None, render_template_as_native_obj=True):
        operator = DingTalkOperator(task_id="t", message=Text("{{ rows }}"), at={"user_ids": "{{ who }}"})
    sent = sent_by(operator, connected, env=operator.get_template_env())
    assert sent["text"] == {"content": "312\n@u1 @u2"}
    assert sent["at"]["atUserIds"] == ["u1", "u2"]


@pytest.mark.parametrize("words", ["1_000", "'失败'", "['north', 'south']", "{'a': 1}", "1e5", "True"])
@pytest.mark.parametrize(
    "source", ["{words}", "{{{{ params.words }}}}", "{{{{ params.words[:2] }}}}{{{{ params.words[2:] }}}}"]
)
def test_native_rendering_leaves_text_as_text(connected: Sandbox, words: str, source: str) -> None:
    """Whatever it spells in Python; what holds no Jinja isn't rendered at all."""
    source = source.format(words=words)
    messages: list[Any] = [
        source,
        Text(source),
        Markdown(source, "x"),
        Link(source, "x", "https://e.com"),
        {"msgtype": "text", "text": {"content": source}},
        ActionCard("t", source, [Button(source, "https://e.com")]),
    ]
    with DAG("native_text", schedule=None, render_template_as_native_obj=True):
        operators: list[Any] = [
            DingTalkOperator(task_id=f"t{number}", message=message) for number, message in enumerate(messages)
        ]
    for operator in operators:
        operator.render_template_fields({**CONTEXT, "params": {"words": words}}, operator.get_template_env())
    text, typed, markdown, link, plain, card = (operator.message for operator in operators)
    assert (text, typed, markdown.title, link.title) == (words, Text(words), words, words)
    assert (plain["text"]["content"], card.text, card.buttons[0].title) == (words, words, words)


def test_native_rendering_gives_a_whole_message(connected: Sandbox) -> None:
    """The output of another task may be one, as DingTalk shapes it; None is an error that names the field."""
    shape = {"msgtype": "text", "text": {"content": "from upstream"}}
    with DAG("native_message", schedule=None, render_template_as_native_obj=True):
        whole: Any = DingTalkOperator(task_id="whole", message="{{ shape }}")
        rows: Any = DingTalkOperator(
            task_id="rows", message={"msgtype": "feedCard", "feedCard": {"links": "{{ links }}"}}
        )
        nothing = DingTalkOperator(task_id="nothing", message=Text("{{ nothing }}"))
    links = [{"title": "a", "messageURL": "https://e.com", "picURL": "https://e.com"}]
    context: Any = {**CONTEXT, "shape": shape, "links": links}
    for operator in (whole, rows):
        operator.render_template_fields(context, operator.get_template_env())
    assert (whole.message, rows.message["feedCard"]["links"]) == (shape, links)
    with pytest.raises(AirflowFailException, match=r"Text\.content is None"):
        nothing.render_template_fields(context, nothing.get_template_env())


def test_a_dag_may_have_its_own_marks(connected: Sandbox) -> None:
    """``jinja_environment_kwargs`` can change them."""
    env = jinja2.Environment(variable_start_string="[[", variable_end_string="]]")
    assert sent_by(DingTalkOperator(task_id="t", message="day [[ ds ]]"), connected, env=env)["text"] == {
        "content": "day 2026-11-22"
    }


@pytest.mark.parametrize(
    ("message", "words"),
    [
        pytest.param("{{ missing }}", "'missing' is undefined", id="variable missing"),
        pytest.param("{{ ds", "unexpected end", id="syntax error"),
        pytest.param(Markdown("t", "{{ '' }}"), "Markdown.text is empty", id="rendered to nothing"),
        pytest.param(Link("t", "x", "{{ ds }}"), "Link.message_url must be", id="rendered to no URL"),
    ],
)
def test_what_can_not_be_rendered_fails_without_retries(connected: Sandbox, message: Any, words: str) -> None:
    """A retry would render the same."""
    operator = DingTalkOperator(task_id="t", message=message)
    with pytest.raises(AirflowFailException, match=words):
        sent_by(operator, connected)
    assert connected.requests == ()


@pytest.fixture
def env_with_files(tmp_path: Path) -> jinja2.Environment:
    """An environment that finds templates in a folder, as a DAG's does beside its file."""
    (tmp_path / "reports").mkdir()
    (tmp_path / "reports" / "daily.md").write_text("intro {{ ds }}\n\n## Report *{{ ds }}*\n\n{{ rows }} rows\n")
    (tmp_path / "card.json").write_text('{"msgtype": "text", "text": {"content": "say \\"{{ ds }}\\""}}')
    (tmp_path / "loop.json").write_text('{"msgtype": "text", "text": {"content": {{ (ds ~ "!") | tojson }}}}')
    (tmp_path / "plain.txt").write_text("plain {{ ds }}")
    (tmp_path / "bad.json").write_text("{nothing")
    return jinja2.Environment(loader=jinja2.FileSystemLoader(tmp_path), undefined=jinja2.StrictUndefined)


@pytest.mark.parametrize(
    ("path", "sent"),
    [
        pytest.param(
            "reports/daily.md",
            {
                "msgtype": "markdown",
                "markdown": {
                    "title": "Report 2026-11-22",
                    "text": "intro 2026-11-22\n\n## Report *2026-11-22*\n\n312 rows",
                },
            },
            id="md is a Markdown titled by its first heading",
        ),
        pytest.param("card.json", {"msgtype": "text", "text": {"content": 'say "2026-11-22"'}}, id="json is a dict"),
        pytest.param("loop.json", {"msgtype": "text", "text": {"content": "2026-11-22!"}}, id="json made by Jinja"),
        pytest.param("plain.txt", {"msgtype": "text", "text": {"content": "plain 2026-11-22"}}, id="txt is a Text"),
    ],
)
def test_a_path_is_a_template_file(
    connected: Sandbox, env_with_files: jinja2.Environment, path: str, sent: dict[str, Any]
) -> None:
    """A str that is as a whole the path of a template is that template."""
    arrived = sent_by(DingTalkOperator(task_id="t", message=path), connected, env=env_with_files)
    if "markdown" in arrived:
        arrived["markdown"]["text"] = arrived["markdown"]["text"].rstrip()
    assert arrived == sent


@pytest.mark.parametrize(
    "words",
    [
        *("see reports/daily.md", "{{ ds }}.md", "daily.markdown", "Text of a.md file"),
        *("数据已写入/data/out/orders.json", "https://example.com/runbook.md", "example.com/etl/runbook.md"),
        *("/data/out/orders.json", "已生成report.txt", "done:orders.json", "（daily.md", "//host/plain.txt"),
    ],
)
def test_a_sentence_that_ends_like_a_path_is_a_sentence(
    connected: Sandbox, env_with_files: jinja2.Environment, words: str
) -> None:
    """Blanks or braces make it words."""
    operator = DingTalkOperator(task_id="t", message=words)
    assert sent_by(operator, connected, env=env_with_files)["msgtype"] == "text"


def test_a_path_inside_a_dict_or_message_is_just_words(connected: Sandbox, env_with_files: jinja2.Environment) -> None:
    """Only the message as a whole can be a file."""
    operator = DingTalkOperator(task_id="t", message=Text("plain.txt"))
    assert sent_by(operator, connected, env=env_with_files)["text"] == {"content": "plain.txt"}


@pytest.mark.parametrize(
    ("path", "words"),
    [
        pytest.param("absent.md", "no template file 'absent.md'", id="absent"),
        pytest.param("bad.json", "is not JSON", id="not JSON"),
    ],
)
def test_a_wrong_template_file_fails_without_retries(
    connected: Sandbox, env_with_files: jinja2.Environment, path: str, words: str
) -> None:
    """The error names the file and the remedy."""
    with pytest.raises(AirflowFailException, match=words):
        sent_by(DingTalkOperator(task_id="t", message=path), connected, env=env_with_files)


def test_the_receipt_is_plain_data(connected: Sandbox) -> None:
    """XCom gets JSON, not an object."""
    receipt = DingTalkOperator(task_id="t", message="hello").execute(CONTEXT)
    assert json.loads(json.dumps(receipt)) == {
        "channel": "custom_robot",
        "conn_id": "dingtalk_default",
        "parts": 1,
        "outcome": "sent",
        "process_query_keys": [],
        "task_id": None,
        "invalid_user_ids": [],
        "flow_controlled_user_ids": [],
    }


def test_a_permanent_refusal_fails_without_retries(connected: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    """A wrong token stays wrong."""
    monkeypatch.setenv("AIRFLOW_CONN_DINGTALK_DEFAULT", f"{connected.url}/robot/send?access_token=wrong")
    with pytest.raises(AirflowFailException, match="Copy the webhook URL again"):
        DingTalkOperator(task_id="t", message="hello").execute(CONTEXT)


def test_a_throttled_robot_is_left_to_airflows_retries(connected: Sandbox) -> None:
    """And whoever comes next waits until the robot may send again; a deferrable one gives its slot back."""
    connected.fail_next(Fault.THROTTLED)
    with pytest.raises(ThrottledError):
        DingTalkOperator(task_id="t", message="hello").execute(CONTEXT)
    with pytest.raises(TaskDeferred) as deferred:
        DingTalkOperator(task_id="t", message="hello", deferrable=True).execute(CONTEXT)
    path, arguments = deferred.value.trigger.serialize()
    assert path == "airflow_provider_dingpush.triggers.RateLimitTrigger"
    assert 500 < arguments["moment"] - time.time() < 620
    assert deferred.value.method_name == "execute_after_wait"
    assert len(connected.requests) == 1


def test_a_network_that_is_down_is_left_to_airflows_retries(
    connected: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What surely did not arrive can be sent again."""
    connected.stop()
    monkeypatch.setattr("airflow_provider_dingpush.dingtalk.attempts.AttemptPlan.first_wait_seconds", 0.0)
    with pytest.raises(UnavailableError):
        DingTalkOperator(task_id="t", message="hello").execute(CONTEXT)


@pytest.mark.parametrize(
    ("message", "at"),
    [
        pytest.param(Link("t", "x", "https://example.com"), At("13800000000"), id="Link mentions nobody"),
        pytest.param(
            ActionCard("t", "x", [Button("b", "https://e.com")]), At("13800000000"), id="a card knows no mobiles"
        ),
    ],
)
def test_a_mention_that_the_kind_can_not_carry_is_refused_when_the_dag_is_read(message: Any, at: At) -> None:
    """A DAG author learns it in the editor, not at night."""
    with pytest.raises(UnsupportedMessageError, match="Text or Markdown"):
        DingTalkOperator(task_id="t", message=message, at=at)


def test_another_tasks_output_inside_a_message_is_refused_with_the_remedy() -> None:
    """Airflow would not see the dependency."""
    upstream = DingTalkOperator(task_id="upstream", message="x")
    with pytest.raises(InvalidMessageError, match=r"xcom_pull"):
        Text(upstream.output)  # type: ignore[arg-type]


def test_the_operator_can_be_copied_and_pickled() -> None:
    """Airflow deep-copies tasks."""
    operator = DingTalkOperator(task_id="t", message=Markdown("t", "x"), at=At("13800000000"))
    assert copy.deepcopy(operator).message == operator.message
    assert pickle.loads(pickle.dumps(operator.message)) == operator.message  # noqa: S301 - our own
