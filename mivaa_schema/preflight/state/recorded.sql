-- What earlier runs have recorded in the ledger: kind and name.
-- needs: mivaa.alembic_version.version_num, mivaa.ledger.kind, mivaa.ledger.object_name
select coalesce(array_agg(l.kind || ' ' || l.object_name), '{}') from mivaa.ledger l
where :revision <> ''
