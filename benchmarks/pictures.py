"""Pictures of what the benchmarks measure; matplotlib comes with the extra ``benchmarks``."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from harness import Verdict
    from live_upgrade import Run

BLUE, RED, GREY, GREEN = "#1f77b4", "#d62728", "#e8e8e8", "#2ca02c"


def figure(rows: int, width: float = 11, height: float = 2.4) -> tuple[Any, Any]:
    """A figure with so many panels below each other, and the panels.

    The same data gives the same file: no date is in it, and names do not depend on chance.
    """
    import matplotlib as mpl

    mpl.use("Agg")
    mpl.rcParams.update(
        {
            "svg.hashsalt": "mivaa-schema",
            "svg.fonttype": "none",
            "font.size": 8,
            "axes.spines.top": False,
            "axes.spines.right": False,
        }
    )
    from matplotlib import pyplot

    drawn, panels = pyplot.subplots(
        rows, 1, figsize=(width, height * rows), layout="constrained", squeeze=False
    )
    return drawn, panels[:, 0]


def save(drawn: Any, file: Path) -> None:
    """Write a figure, as the kind that the name of the file says."""
    file.parent.mkdir(parents=True, exist_ok=True)
    drawn.savefig(file, metadata={"Date": None} if file.suffix == ".svg" else None)
    if file.suffix == ".svg":
        file.write_text(compact(file.read_text()))


def compact(svg: str) -> str:
    """A picture without metadata, digits below a tenth, and a line of the file for each point."""
    svg = re.sub(r"\s*<metadata>.*?</metadata>", "", svg, flags=re.DOTALL)
    svg = re.sub(
        r'(?<=[ "MLCQ])(-?\d+\.\d\d+)\b(?!%)', lambda number: f"{float(number[0]):.1f}", svg
    )
    svg = re.sub(r'"[^"<>]*"', lambda value: " ".join(value[0].split()), svg)
    svg = re.sub(r'(?<=d=")M [-\d. LMz]+(?=")', lambda path: _steps(path[0]), svg)
    return "\n".join(line.strip() for line in svg.splitlines()) + "\n"


def _steps(path: str) -> str:
    """A path whose level and upright lines name one coordinate."""
    written, x, y = [], "", ""
    for command, *point in (part.split() for part in re.findall(r"[LMz][-\d. ]*", path)):
        if command == "L" and point[0] == x:
            written.append(f"V{point[1]}")
        elif command == "L" and point[1] == y:
            written.append(f"H{point[0]}")
        else:
            written.append(command + " ".join(point))
        x, y = point or (x, y)
    return "".join(written)


def draw_verdicts(verdicts: Sequence[Verdict], file: Path) -> None:
    """What was measured as a share of its goal, a line for each goal that is not zero.

    Args:
        verdicts: From top to bottom.
        file: Where to draw to.
    """
    shown = [verdict for verdict in verdicts if verdict.goal]
    drawn, (panel,) = figure(1, width=8, height=0.6 + 0.2 * len(shown))
    panel.axvline(1, color=GREEN, linewidth=0.8)
    for row, verdict in enumerate(shown):
        share, color = verdict.measured / verdict.goal, BLUE if verdict.passes else RED
        panel.plot([1, share], [row, row], color=color, linewidth=1)
        panel.plot([share], [row], color=color, marker="o", markersize=4)
        panel.annotate(
            f"{verdict.measured:.2f} ({verdict.bound})",
            (share, row),
            xytext=(6 if share >= 1 else -6, 0),
            textcoords="offset points",
            ha="left" if share >= 1 else "right",
            va="center",
            fontsize=7,
        )
    panel.set_yticks(range(len(shown)), [verdict.what for verdict in shown])
    panel.set_ylim(len(shown) - 0.5, -0.5)
    panel.margins(x=0.3)
    panel.set_xlabel("measured / goal")
    save(drawn, file)


def draw_live_upgrade(runs: Sequence[Run], file: Path) -> None:
    """Requests a second, and the longest request, over time; with the revisions marked.

    Args:
        runs: Each gets two panels.
        file: Where to draw to.
    """
    drawn, panels = figure(2 * len(runs))
    for number, run in enumerate(runs):
        _traffic(panels[2 * number], panels[2 * number + 1], run)
    save(drawn, file)


def _traffic(rates: Any, stalls: Any, run: Run, bins: int = 300) -> None:
    first = run.windows[0].start
    edges, step = np.linspace(0, run.windows[-1].end - first, bins + 1, retstep=True)
    for writing, color, name in ((False, BLUE, "reads"), (True, RED, "writes")):
        mine = run.writing == writing
        ended, taken = run.end[mine] - first, run.taken[mine]
        counts, _ = np.histogram(ended, edges)
        rates.stairs(counts / step, edges, color=color, label=name, linewidth=0.8)
        place = np.digitize(ended, edges) - 1
        inside = (place >= 0) & (place < len(edges) - 1)
        longest = np.full(len(edges) - 1, np.nan)
        np.fmax.at(longest, place[inside], taken[inside] * 1000)
        stalls.stairs(longest, edges, color=color, label=name, linewidth=0.8)
    goal = run.goal * 1000
    stalls.axhline(goal, color=GREEN, linewidth=0.8, label=f"goal {goal:.0f} ms")
    stalls.set_yscale("log")
    for panel in (rates, stalls):
        for window in run.windows:
            if window.name != "quiet":
                span = window.start - first, window.end - first
                panel.axvspan(*span, color=GREY, linewidth=0, zorder=-1)
        panel.set_xlim(0, edges[-1])
    for window in run.windows:
        middle = (window.start + window.end) / 2 - first
        label = window.name if window.name == "quiet" else f"{window.name} {window.way}"
        rates.text(
            middle,
            1.02,
            label,
            rotation=90,
            fontsize=5,
            ha="center",
            va="bottom",
            transform=rates.get_xaxis_transform(),
        )
    rates.set_title(f"base to head to base, {run.title}", loc="left", pad=28)
    rates.set_ylabel("requests/s")
    stalls.set_ylabel("longest request, ms")
    stalls.set_xlabel("seconds")
    stalls.legend(loc="lower right", bbox_to_anchor=(1, 1), ncols=3, frameon=False)
