comment on function mivaa.check_references(uuid) is
  'Check: chunks and extractions point at rows of their own workspace.';
comment on function mivaa.check_embeddings(uuid) is
  'Check: embeddings are there, and their recorded states are true.';
comment on function mivaa.check_statuses(uuid) is 'Check: every status is a known one.';
comment on function mivaa.check_users(uuid) is 'Check: the users that rows name exist.';
comment on function mivaa.check_workspaces(uuid) is
  'Check: memberships make sense, and rows are in a workspace that exists.';
comment on function mivaa.check_indexes() is 'Check: every index is valid.';
comment on function mivaa.integrity(uuid) is
  'All checks, of a workspace or of the whole database.';
comment on function mivaa.integrity_of_request() is
  'All checks of the workspace of this request.';
comment on function mivaa.orphaned_chunks(uuid, integer) is
  'Chunks of a workspace whose document does not exist.';
comment on function mivaa.orphaned_chunks_of_request(integer) is
  'Chunks of the workspace of this request whose document does not exist.';
comment on function public.validate_workspace_data_integrity(uuid) is
  'Looks for faults in the data of a workspace; the owner without an argument: in all.';
comment on function public.cleanup_orphaned_data(uuid, boolean) is
  'Deletes chunks whose document does not exist; by default it only counts them.';
