"""Everything that docs/identity.md shows is run, in order, as a reader would."""

from __future__ import annotations

import pytest

from fixtures.pages import ROOT, blocks_of, outcome, reader

PAGE = ROOT / "docs" / "identity.md"


@pytest.mark.slow
def test_every_block_runs_and_prints_what_the_page_says() -> None:
    with reader() as someone:
        for block in blocks_of(PAGE):
            if block.runs:
                printed = someone.run(block)
                if block.output is not None:
                    assert outcome(printed) == outcome(block.output), f"{block} prints otherwise"
