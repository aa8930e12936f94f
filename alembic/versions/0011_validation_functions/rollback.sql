-- Running downgrade 0011 -> 0010

drop function if exists public.cleanup_orphaned_data(workspace_id_param uuid, dry_run boolean);

drop function if exists public.validate_workspace_data_integrity(workspace_id_param uuid);

drop function if exists mivaa.orphaned_chunks_of_request(at_most integer, out chunk_count bigint, out orphan_count bigint, out orphan_ids uuid[]);

drop function if exists mivaa.orphaned_chunks(workspace_id_param uuid, at_most integer, out chunk_count bigint, out orphan_count bigint, out orphan_ids uuid[]);

drop function if exists mivaa.integrity_of_request();

drop function if exists mivaa.integrity(workspace_id_param uuid);

drop function if exists mivaa.check_indexes();

drop function if exists mivaa.check_workspaces(workspace_id_param uuid);

drop function if exists mivaa.check_users(workspace_id_param uuid);

drop function if exists mivaa.check_statuses(workspace_id_param uuid);

drop function if exists mivaa.check_embeddings(workspace_id_param uuid);

drop function if exists mivaa.check_references(workspace_id_param uuid);

update public.migration_tracking set status = 'rolled_back', completed_at = null
where migration_name = 'mivaa_integration' and phase = 'data_validation';

UPDATE mivaa.alembic_version SET version_num='0010' WHERE mivaa.alembic_version.version_num = '0011';
