"""docs/changing-dimensions.md, step by step: its blocks are what a developer writes."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from development.edits import append, argument, column, in_model, sql_file
from sqlalchemy import text

from fixtures.databases import Database
from fixtures.forking import Commands
from fixtures.projects import Project

GUIDE = Path(__file__).parents[2] / "docs" / "changing-dimensions.md"
VECTOR = str([0.5] * 1024)


@pytest.mark.slow
def test_the_guide_to_other_dimensions_works(
    project: Project, commands: Commands, world_database: Database
) -> None:
    blocks = dict(zip(NAMES, BLOCKS.findall(GUIDE.read_text(encoding="utf-8")), strict=True))

    def draft(message: str) -> None:
        for order in (("revision", "--autogenerate", "-m", message), ("upgrade", "head")):
            done = commands.run(project.folder, "alembic", *order, database=world_database)
            assert done.code == 0, str(done)

    imported = "from pgvector.sqlalchemy import VECTOR\n\n\nclass Document("
    in_model("documents", "\n\nclass Document(", imported)(project)
    column("documents", blocks["column"])(project)
    draft("Add embedding_v3 to documents")

    with world_database.engine().begin() as connection:
        found = connection.execute(text(blocks["batch"])).all()
        assert found
        for id_, content in found:
            values = {"id": id_, "content": content, "embedding": VECTOR}
            assert connection.execute(text(blocks["write"]), values).rowcount == 1
        assert not connection.execute(text(blocks["batch"])).all()

    argument("documents", blocks["index"].strip())(project)
    draft("Index embedding_v3")

    sql_file("functions/public.nearest_documents.sql", blocks["function"])(project)
    signature = "function public.nearest_documents(vector, integer)"
    append("grants.sql", f"grant execute on {signature} to authenticated;\n")(project)
    append("comments.sql", f"comment on {signature} is 'The nearest documents.';\n")(project)
    draft("Search embedding_v3")
    with world_database.owner() as connection:
        query = f"select count(*) from public.nearest_documents('{VECTOR}', 3)"
        assert connection.exec_driver_sql(query).scalar() == min(3, len(found))


BLOCKS = re.compile(r"```(?:python|sql)\n(.*?)```", re.DOTALL)
NAMES = ("column", "batch", "write", "index", "function")
