"""What a million rows cost as a workbook and as zipped csv, in time and memory, beside ``pandas.DataFrame.to_excel``.

    pip install pandas
    python tests/benchmarks/workbook.py [--rows 1000000] [--rounds 1] [--most-gigabytes 8]

Each writer runs in a process of its own, and they take turns, so that a busy machine is busy for all of them. Prints
the medians of the rounds and the ratio to pandas. Times don't count imports; memory is the peak of the whole process,
and how much of it came after the imports. What pandas needs to hold the rows counts: its writer takes nothing else. A
writer that needs more memory than is allowed ends, which is its result.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta, timezone
from decimal import Decimal
from pathlib import Path
from typing import Any

COLUMNS = ("id", "order_no", "city", "amount", "quantity", "is_paid", "ordered_at", "note")
CITIES = ("北京", "上海", "广州", "深圳", "杭州")
BEGIN = datetime(2026, 1, 1)  # noqa: DTZ001 - as a database without zones gives it
CHINA = timezone(timedelta(hours=8))


def rows(count: int) -> Iterator[tuple[Any, ...]]:
    """Rows as a cursor gives them: nothing of them is held."""
    for number in range(count):
        yield (
            number,
            10**17 + number * 7919,
            CITIES[number % 5],
            Decimal(number % 100_000) / 100,
            number % 17,
            number % 3 == 0,
            BEGIN + timedelta(seconds=number * 31),
            None if number % 4 else f"备注 {number}",
        )


def write_ours(count: int, path: Path) -> Callable[[], object]:
    """Our workbook."""
    from airflow_provider_dingpush.reports.workbook import write_workbook

    __import__("openpyxl")
    return lambda: write_workbook(COLUMNS, rows(count), path, title="orders", zone=CHINA, most_bytes=None)


def write_csv(count: int, path: Path) -> Callable[[], object]:
    """Our csv in a zip."""
    from airflow_provider_dingpush.reports.csv_file import write_csv_zip

    return lambda: write_csv_zip(COLUMNS, rows(count), path, name="orders", zone=CHINA, most_bytes=None)


def write_pandas(count: int, path: Path) -> Callable[[], object]:
    """The workbook of pandas, with the same library below."""
    import importlib

    pandas = importlib.import_module("pandas")
    __import__("openpyxl")

    def write() -> None:
        # As people do it who need the ids: otherwise Excel rounds them.
        frame = pandas.DataFrame(rows(count), columns=COLUMNS).astype({"order_no": str})
        frame.to_excel(path, index=False, engine="openpyxl")

    return write


WRITERS = {"workbook": (write_ours, "xlsx"), "csv": (write_csv, "zip"), "pandas": (write_pandas, "xlsx")}

NOTHING = {"seconds": math.nan, "peak": math.nan, "growth": math.nan, "megabytes": 0.0}


def memory(name: str) -> float:
    """``VmHWM`` (the peak so far) or ``VmRSS`` (now) of this process, in MB."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) / 1024 for line in lines if line.startswith(f"{name}:"))


def measure(writer: str, count: int, most_gigabytes: float) -> None:
    """Write once, in this process, and print what it took; as much as could be measured if memory ran out."""
    resource.setrlimit(resource.RLIMIT_DATA, (int(most_gigabytes * 1024**3),) * 2)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, f"orders.{WRITERS[writer][1]}")
        write = WRITERS[writer][0](count, path)
        before, begin = memory("VmRSS"), time.perf_counter()
        is_done = True
        try:
            write()
        except MemoryError:
            is_done = False
        seconds = time.perf_counter() - begin
        result = {"seconds": seconds, "peak": memory("VmHWM"), "growth": memory("VmHWM") - before}
        print(json.dumps(result | {"megabytes": path.stat().st_size / 1024**2 if is_done else 0.0}))


def main() -> None:
    """Print a line for each writer."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--most-gigabytes", type=float, default=8.0)
    parser.add_argument("--writer", choices=WRITERS, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.writer:
        measure(options.writer, options.rows, options.most_gigabytes)
        return
    found: dict[str, list[dict[str, float]]] = {name: [] for name in WRITERS}
    for _ in range(options.rounds):
        for name, results in found.items():
            command = [sys.executable, __file__, "--writer", name, "--rows", str(options.rows)]
            command += ["--most-gigabytes", str(options.most_gigabytes)]
            done = subprocess.run(command, check=False, stdout=subprocess.PIPE, text=True)
            # A writer that is killed for its memory says nothing.
            results.append(json.loads(done.stdout) if done.returncode == 0 else NOTHING)
    medians = {
        name: {key: statistics.median(each[key] for each in results) for key in results[0]}
        for name, results in found.items()
    }
    pandas = medians["pandas"]
    print(f"{options.rows:,} rows of {len(COLUMNS)} columns, medians of {options.rounds} round(s)")
    print(f"load of the machine: {os.getloadavg()[0]:.1f} on {os.cpu_count()} processors")
    for name, each in medians.items():
        written = f"file {each['megabytes']:.1f} MB" if each["megabytes"] else "out of memory, no file"
        print(
            f"{name:9} {each['seconds']:7.1f} s ({each['seconds'] / pandas['seconds']:.2f} of pandas)  "
            f"peak {each['peak']:7.1f} MB ({each['peak'] / pandas['peak']:.2f}), of it {each['growth']:7.1f} MB while "
            f"writing; {written}"
        )


if __name__ == "__main__":
    main()
