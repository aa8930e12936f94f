-- The revision that an earlier run has reached; empty before the first.
-- needs: mivaa.alembic_version.version_num
select coalesce(max(v.version_num), '') from mivaa.alembic_version v
