-- Running downgrade 0008 -> 0007

update public.migration_tracking set status = 'running', completed_at = null
where migration_name = 'mivaa_integration' and phase = 'embedding_standardization';

UPDATE mivaa.alembic_version SET version_num='0007' WHERE mivaa.alembic_version.version_num = '0008';
