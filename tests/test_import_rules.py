"""Who may import whom: the packages stay apart, and importing the package in a DAG file stays light."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Container, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

import airflow_provider_dingpush

PACKAGE = airflow_provider_dingpush.__name__
HOME = Path(airflow_provider_dingpush.__file__).parent
MODULES = sorted(HOME.rglob("*.py"))

LEAVES = {"errors", "events", "timeouts"}
ROOMS = {each.parent.name for each in HOME.glob("*/__init__.py")}
SURFACE = {path.stem for path in HOME.glob("*.py")}
OFFERED = {"__version__", *airflow_provider_dingpush.__all__}
# room or pure root module -> the rooms, root modules and files of this package that it may import
MAY_IMPORT: dict[str, set[str]] = {
    **{leaf: set() for leaf in LEAVES},
    "messages": LEAVES,
    "targets": {"messages/field_rules", "messages/input_text", *LEAVES},
    "receipts": LEAVES,
    "alerts": {"messages", *LEAVES},
    "oncall": {"rules", *LEAVES},
    "rules": {"messages", "targets", *LEAVES},
    "reports": {"messages", "alerts/markdown", *LEAVES},
    "storage": {"alerts", *LEAVES},
    "delivery": {"alerts", "messages", "storage/contract", *LEAVES},
    "dingtalk": {"messages", "targets", "receipts", *LEAVES},
    "pipeline": (ROOMS | SURFACE)
    - {"cli", "sandbox", "web", "operators", "notifications", "triggers", "provider_info", "plugin", "listeners"}
    - {"page_parts", "page_airflow_2", "page_airflow_3"},
    "cli": (ROOMS | SURFACE | OFFERED) - {"dingtalk", "web"},
    "web": {"pipeline", "alerts/visible_text", "delivery/reasons", *LEAVES},
    "sandbox": set(),
    "__main__": {"cli"},
}
# Root modules that aren't named above are what Airflow sees.
OF_SURFACE = (ROOMS | SURFACE | OFFERED) - {"cli", "sandbox"}
# room or file -> what else than the standard library it may import; "lazily" is inside a function or for types only
THIRD_PARTIES = {"pipeline": {"jinja2"}, "cli": {"rich", "jinja2"}, "web": {"jinja2"}, "cli/demo_dag": {"airflow"}}
THIRD_PARTIES_LAZILY = {
    "dingtalk": {"requests", "urllib3"},
    "pipeline/airflow_health": {"requests"},
    "reports/picture": {"matplotlib"},
    "reports/picture_fonts": {"matplotlib"},
    "reports/workbook": {"openpyxl"},
    "rules/yaml_nodes": {"yaml"},
    "storage/redis/server": {"redis"},
    "storage/redis/store": {"redis"},
}
# the only modules that may ask which Airflow or Python this is
# (the demo's DAG is a file as a user would write it, and copied into a DAG folder)
VERSION_CHECKS = {"airflow_compat", "airflow_options", "cli/demo_dag"}
HEAVY = {"requests", "urllib3", "redis", "matplotlib", "openpyxl"}
VERSION_FINDERS = {"importlib.metadata", "packaging", "packaging.version", "airflow.version", "pkg_resources"}


@dataclass(frozen=True)
class Import:
    """One imported module, and whether it is loaded only when a function runs or never."""

    name: str
    lazy: bool
    line: int

    @property
    def top(self) -> str:
        return self.name.partition(".")[0]

    @property
    def own(self) -> str | None:
        """The room, root module or file of this package that is imported, as a path."""
        return "/".join(self.name.split(".")[1:]) if self.top == PACKAGE else None


def imports_of(tree: ast.AST, module: str, *, lazy: bool = False) -> Iterator[Import]:
    """All imports below a node, relative ones resolved."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.Import):
            yield from (Import(each.name, lazy, node.lineno) for each in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = ".".join(module.split(".")[: -node.level]) if node.level else ""
            base = ".".join(part for part in (base, node.module) if part)
            # "from package import room" imports the room.
            for each in node.names:
                yield Import(f"{base}.{each.name}" if base == PACKAGE else base, lazy, node.lineno)
        elif isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING":
            yield from imports_of(ast.Module(node.body, []), module, lazy=True)
            yield from imports_of(ast.Module(node.orelse, []), module, lazy=lazy)
        else:
            inside = isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda))
            yield from imports_of(node, module, lazy=lazy or inside)


def broken_rules(path: str, source: str) -> list[str]:
    """What is wrong with the imports of a module, given by its path in the package without ending."""
    parts = path.split("/")
    dotted = ".".join([PACKAGE, *parts])
    place, room = parts[0], len(parts) > 1
    tree = ast.parse(source)
    broken = []
    for each in imports_of(tree, dotted):
        at = f"{path}:{each.line}"
        if each.own is not None:
            may = MAY_IMPORT.get(path, MAY_IMPORT.get(place, OF_SURFACE)) | {place, ""}
            if not any(each.own == allowed or each.own.startswith(f"{allowed}/") for allowed in may):
                broken.append(f"{at}: {place} imports {each.name}")
            continue
        pure = room or place in MAY_IMPORT
        allowed = {*THIRD_PARTIES.get(place, ()), *THIRD_PARTIES.get(path, ())}
        if each.lazy:
            allowed |= THIRD_PARTIES_LAZILY.get(place, set()) | THIRD_PARTIES_LAZILY.get(path, set())
        elif each.top in HEAVY:
            broken.append(f"{at}: {each.top} at module level")
        if each.top in HEAVY and each.top not in allowed:
            broken.append(f"{at}: {each.top} in {path}")
        elif pure and each.top not in allowed and each.top not in sys.stdlib_module_names:
            broken.append(f"{at}: {each.top} in {place}")
        if each.name in VERSION_FINDERS and path not in VERSION_CHECKS:
            broken.append(f"{at}: asks for a version with {each.name}")
    if path not in VERSION_CHECKS:
        broken += [
            f"{path}:{node.lineno}: except {ast.unparse(node.type)}"
            for node in ast.walk(tree)
            if isinstance(node, ast.ExceptHandler)
            and node.type is not None
            and any(name in ast.unparse(node.type) for name in ("ImportError", "ModuleNotFoundError"))
        ]
        broken += [
            f"{path}:{node.lineno}: sys.version_info"
            for node in ast.walk(tree)
            if isinstance(node, ast.Attribute) and node.attr == "version_info"
        ]
    return broken


def path_of(module: Path) -> str:
    """A module's path in the package, without ending."""
    return module.relative_to(HOME).with_suffix("").as_posix()


@pytest.mark.parametrize("module", MODULES, ids=path_of)
def test_a_module_imports_only_what_its_package_may(module: Path) -> None:
    """The arrows are those of the design, and no other."""
    assert broken_rules(path_of(module), module.read_text("utf-8")) == []


def test_the_walk_finds_the_package() -> None:
    """With an empty list of modules every rule would hold."""
    assert {"errors", "connections", "messages/kinds", "dingtalk/http_client", "sandbox/server"} <= {
        path_of(each) for each in MODULES
    }


@pytest.mark.parametrize(
    ("path", "source", "broken"),
    [
        ("errors", "import airflow_provider_dingpush.messages", "errors imports airflow_provider_dingpush.messages"),
        ("messages/kinds", "from airflow_provider_dingpush.dingtalk.secret import Secret", "messages imports"),
        ("messages/kinds", "from airflow_provider_dingpush import receipts", "messages imports"),
        ("messages/kinds", "from ..connections import x", "messages imports airflow_provider_dingpush.connections"),
        ("messages/kinds", "from .. import receipts", "messages imports airflow_provider_dingpush.receipts"),
        ("dingtalk/attempts", "from airflow_provider_dingpush.hooks import x", "dingtalk imports"),
        ("delivery/policy", "from airflow_provider_dingpush.dingtalk.signing import sign", "delivery imports"),
        ("sandbox/server", "from airflow_provider_dingpush.errors import DingTalkError", "sandbox imports"),
        ("sandbox/server", "def f():\n import jinja2", "jinja2 in sandbox"),
        ("messages/kinds", "def f():\n from airflow.sdk import DAG", "airflow in messages"),
        ("alerts/a", "if TYPE_CHECKING:\n import airflow", "airflow in alerts"),
        ("alerts/a", "def f():\n import jinja2", "jinja2 in alerts"),
        ("pipeline/callback", "def f():\n import airflow", "airflow in pipeline"),
        ("pipeline/callback", "from airflow_provider_dingpush.operators import x", "pipeline imports"),
        ("pipeline/callback", "from airflow_provider_dingpush.sandbox import Sandbox", "pipeline imports"),
        ("cli/send", "def f():\n import airflow", "airflow in cli"),
        ("cli/send", "from airflow_provider_dingpush.dingtalk.signing import sign", "cli imports"),
        ("hooks", "from airflow_provider_dingpush.sandbox import Sandbox", "hooks imports"),
        ("hooks", "from airflow_provider_dingpush import cli", "hooks imports"),
        ("targets", "from airflow_provider_dingpush.messages.kinds import Text", "targets imports"),
        ("delivery/drain", "from airflow_provider_dingpush.storage.outbox import Outbox", "delivery imports"),
        ("storage/contract", "from airflow_provider_dingpush.delivery.policy import x", "storage imports"),
        ("receipts", "import attr", "attr in receipts"),
        ("dingtalk/http_client", "import requests", "requests at module level"),
        ("dingtalk/http_client", "class A:\n import urllib3.util", "urllib3 at module level"),
        ("dingtalk/http_client", "if True:\n import requests", "requests at module level"),
        ("dingtalk/http_client", "if TYPE_CHECKING:\n pass\nelse:\n import requests", "requests at module level"),
        ("dingtalk/http_client", "def f():\n import redis", "redis in dingtalk/http_client"),
        ("hooks", "def f():\n import requests", "requests in hooks"),
        ("storage/files/store", "def f():\n import redis", "redis in storage/files/store"),
        ("hooks", "try:\n import x\nexcept ImportError:\n pass", "except ImportError"),
        (
            "hooks",
            "try:\n import x\nexcept (KeyError, ModuleNotFoundError):\n pass",
            "except (KeyError, ModuleNotFound",
        ),
        ("hooks", "import sys\nsys.version_info > (3, 12)", "sys.version_info"),
        ("hooks", "def f():\n from airflow.version import version", "asks for a version"),
        ("hooks", "def f():\n from importlib.metadata import version", "asks for a version"),
    ],
)
def test_a_broken_rule_is_found(path: str, source: str, broken: str) -> None:
    """The walk finds it anywhere in a file."""
    found = broken_rules(path, source)
    assert found
    assert broken in found[0]


@pytest.mark.parametrize(
    ("path", "source"),
    [
        ("dingtalk/http_client", "if TYPE_CHECKING:\n import requests\ndef f():\n import requests, urllib3"),
        (
            "dingtalk/custom_robot",
            "from airflow_provider_dingpush.messages.kinds import Text\nfrom .signing import sign",
        ),
        ("storage/redis/store", "def f():\n import redis"),
        ("alerts/alert", "from airflow_provider_dingpush.messages import Text"),
        ("delivery/drain", "from airflow_provider_dingpush.storage.contract import Place"),
        ("cli/demo_dag", "import airflow\nfrom airflow_provider_dingpush import DingTalkNotifier"),
        ("sandbox/server", "from .chat import Chat\nimport json"),
        ("hooks", "import airflow\nfrom airflow_provider_dingpush import dingtalk, messages"),
        ("airflow_compat", "try:\n import airflow.sdk\nexcept ImportError:\n pass"),
    ],
)
def test_what_is_allowed_is_not_found(path: str, source: str) -> None:
    """The rules forbid no more than they mean to."""
    assert broken_rules(path, source) == []


def test_a_dag_file_pays_for_nothing_heavy() -> None:
    """What Airflow's own base classes have not loaded already isn't loaded by operators, notifiers and hooks either."""
    script = f"""
import sys
try:
    from airflow.sdk import BaseNotifier, BaseOperator
except ImportError:
    from airflow.models.baseoperator import BaseOperator
    from airflow.notifications.basenotifier import BaseNotifier
before = set(sys.modules)
import {PACKAGE}.operators, {PACKAGE}.notifications, {PACKAGE}.hooks
loaded = {{name.partition(".")[0] for name in set(sys.modules) - before}}
print(*sorted(loaded & {HEAVY!r}), "end")
"""
    done = subprocess.run([sys.executable, "-W", "ignore", "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "end"


def circles(graph: dict[str, set[str]]) -> list[list[str]]:
    """The files that import each other, directly or through others: each is reachable from itself."""

    def reachable(start: str) -> set[str]:
        found: set[str] = set()
        todo = [*graph[start]]
        while todo:
            module = todo.pop()
            if module not in found:
                found.add(module)
                todo += graph.get(module, ())
        return found

    reached = {module: reachable(module) for module in graph}
    in_circles = sorted(module for module in graph if module in reached[module])
    groups = {
        frozenset(each for each in in_circles if each in reached[one] and one in reached[each]) for one in in_circles
    }
    return sorted(sorted(group) for group in groups)


def test_no_files_import_each_other() -> None:
    """Not even within functions or for types: whoever changes one file of a circle must know all of them."""
    names = {".".join([PACKAGE, *each.relative_to(HOME).with_suffix("").parts]): each for each in MODULES}
    names = {name.removesuffix(".__init__"): path for name, path in names.items()}
    graph = {}
    for name, path in names.items():
        tree = ast.parse(path.read_text("utf-8"))
        package = path.name == "__init__.py"
        graph[name] = files_imported(tree, f"{name}.__init__" if package else name, names) - {name}
    assert circles(graph) == []


def files_imported(tree: ast.AST, module: str, names: Container[str]) -> set[str]:
    """The files of the package that a module imports; of ``from package import file`` the file."""
    found = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found |= {each.name for each in node.names}
        elif isinstance(node, ast.ImportFrom):
            base = ".".join(module.split(".")[: -node.level]) if node.level else ""
            base = ".".join(part for part in (base, node.module) if part)
            found |= {f"{base}.{each.name}" if f"{base}.{each.name}" in names else base for each in node.names}
    return {name for name in found if name in names}


def test_a_circle_is_found() -> None:
    """A longer one, too; what only leads into it is none of it."""
    assert circles({"a": {"b"}, "b": {"c"}, "c": {"b"}, "d": set()}) == [["b", "c"]]
    assert circles({"a": {"b"}, "b": {"c"}, "c": {"a"}, "d": {"a"}}) == [["a", "b", "c"]]
    assert circles({"a": {"b"}, "b": set()}) == []
