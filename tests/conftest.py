"""Fixtures of all tests; each kind in a module of its own."""

pytest_plugins = (
    "fixtures.clusters",
    "fixtures.databases",
    "fixtures.existing_platform",
    "fixtures.forking",
    "fixtures.messy_platform",
    "fixtures.projects",
)
