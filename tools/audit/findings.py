"""What a tool says, what is waived, and the comparison of the two."""

from __future__ import annotations

import tomllib
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path

WAIVERS = Path(__file__).parent / "waivers.toml"


@dataclass(frozen=True, order=True)
class Finding:
    """Something that a tool objects to.

    Attributes:
        tool: The tool.
        rule: The rule of the tool.
        object: What it is about.
        detail: What the tool says.
    """

    tool: str
    rule: str
    object: str
    detail: str = ""

    def __str__(self) -> str:
        return f"{self.tool}, {self.rule}, {self.object}: {' '.join(self.detail.split())[:300]}"


@dataclass(frozen=True)
class Waiver:
    """A finding that stays, and why.

    Attributes:
        tool: The tool.
        rule: The rule of the tool.
        object: What it is about; ``*`` stands for any text.
        reason: Why nothing is changed.
    """

    tool: str
    rule: str
    object: str
    reason: str

    def covers(self, finding: Finding) -> bool:
        """Whether it is about this finding."""
        return (self.tool, self.rule) == (finding.tool, finding.rule) and fnmatchcase(
            finding.object, self.object
        )

    def __str__(self) -> str:
        return f"{self.tool}, {self.rule}, {self.object}"


def waivers(path: Path = WAIVERS) -> list[Waiver]:
    """The waivers of the file: an entry gives one reason for a list of objects."""
    return [
        Waiver(entry["tool"], entry["rule"], name, entry["reason"])
        for entry in tomllib.loads(path.read_text())["waiver"]
        for name in entry["objects"]
    ]


@dataclass(frozen=True)
class Comparison:
    """Findings held against the waivers.

    Attributes:
        open: Findings that nothing waives.
        stale: Waivers of tools that ran, which no finding needs.
    """

    open: Sequence[Finding]
    stale: Sequence[Waiver]


def compare(
    findings: Iterable[Finding], waived: Iterable[Waiver], ran: Collection[str]
) -> Comparison:
    """Hold what tools found against the waivers.

    Args:
        findings: What the tools found.
        waived: All waivers.
        ran: The tools that ran; waivers of another one are not stale.
    """
    waived = [waiver for waiver in waived if waiver.tool in ran]
    found = sorted(findings)
    return Comparison(
        [finding for finding in found if not any(w.covers(finding) for w in waived)],
        [waiver for waiver in waived if not any(map(waiver.covers, found))],
    )
