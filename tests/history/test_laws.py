"""The rules of any history of revisions, as pytest-alembic has them."""

from __future__ import annotations

import pytest
from alembic.config import Config
from pytest_alembic import tests as laws
from sqlalchemy.engine import Engine

from fixtures.databases import Database

__all__ = ["alembic_config", "alembic_engine"]

test_there_is_one_head = laws.test_single_head_revision
test_the_chain_goes_up = laws.test_upgrade
test_the_chain_goes_down_and_up_again = laws.test_up_down_consistency
test_the_chain_arrives_at_the_models = laws.test_model_definitions_match_ddl


@pytest.fixture
def alembic_config(platform_database: Database) -> Config:
    return platform_database.config()


@pytest.fixture
def alembic_engine(platform_database: Database) -> Engine:
    return platform_database.engine()
