"""The pages of docs/ build a site without warnings."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from fixtures.pages import ROOT


def build(config: Path, target: Path) -> subprocess.CompletedProcess[str]:
    command = ["build", "--strict", "-f", str(config), "-d", str(target)]
    return subprocess.run(
        [sys.executable, "-m", "mkdocs", *command],
        cwd=ROOT, capture_output=True, text=True, check=False,
    )  # fmt: skip


def test_the_site_builds_without_warnings(tmp_path: Path) -> None:
    done = build(ROOT / "mkdocs.yml", tmp_path)
    assert done.returncode == 0, done.stderr
    reference = (tmp_path / "reference" / "index.html").read_text(encoding="utf-8")
    for name in ("search_chunks_async", "DocumentChunk", "guard", "include_object"):
        assert name in reference
    pages = {path.stem for path in (ROOT / "docs").glob("*.md")}
    built = {path.parent.name for path in tmp_path.glob("*/index.html")}
    assert pages - {"index"} <= built


def test_every_page_is_in_the_menu() -> None:
    menu = (ROOT / "mkdocs.yml").read_text(encoding="utf-8")
    for path in (ROOT / "docs").glob("*.md"):
        assert f": {path.name}\n" in menu, path
