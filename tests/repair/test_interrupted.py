"""A database with an interrupted revision is not at the last one, whatever it records."""

from __future__ import annotations

import pytest

from fixtures.databases import Database
from fixtures.existing_platform import run
from mivaa_schema import history, repair
from mivaa_schema.repair import Options
from mivaa_schema.repair.errors import RepairNeedsHead
from mivaa_schema.settings import Settings


def test_an_interrupted_revision_is_completed_first(head_database: Database) -> None:
    head = history.head()
    run(head_database, f"insert into mivaa.ledger values ('revision', '{head}', null)")
    engine, chosen = head_database.engine(), repair.find("chunk-workspace")
    message = f"at {head}, and revision {head} is interrupted; .* `alembic upgrade head` first"
    with pytest.raises(RepairNeedsHead, match=message):
        repair.survey(engine)
    with pytest.raises(RepairNeedsHead, match=message):
        repair.apply(engine, chosen, Options(), Settings())
    run(head_database, "delete from mivaa.ledger where kind = 'revision'")
    assert repair.survey(engine, [chosen]) == {chosen.name: []}
