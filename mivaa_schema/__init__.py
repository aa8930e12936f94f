"""The PostgreSQL schema of a multi-workspace document platform."""
