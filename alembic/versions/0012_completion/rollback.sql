-- Running downgrade 0012 -> 0011

update public.migration_tracking set status = 'running', completed_at = null
where migration_name = 'mivaa_integration' and phase = 'data_validation';

UPDATE mivaa.alembic_version SET version_num='0011' WHERE mivaa.alembic_version.version_num = '0012';
