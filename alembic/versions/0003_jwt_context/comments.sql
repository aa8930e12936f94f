comment on function mivaa.json_setting(text) is
  'A setting of the request as JSON; null where absent or no JSON.';
comment on function mivaa.uuid_or_null(text) is 'The UUID that a text holds, or null.';
comment on function mivaa.user_id() is 'The user of this request, or null; never an error.';
comment on function mivaa.workspace_for(text) is
  'The workspace of this request if its user may do this there, else null: what policies ask.';
comment on function mivaa.get_workspace_id() is
  'The workspace of this request, or null; never an error.';
comment on function mivaa.get_user_role() is
  'The user''s role in the workspace of this request, from the membership.';
comment on function mivaa.has_permission(text) is
  'Whether the role of this request has a permission: read, write, delete, manage_documents.';
comment on function mivaa.active_workspace_ids() is
  'All workspaces in which the user of this request is an active member.';
comment on function mivaa.is_colleague(uuid) is
  'Whether a user is an active member of the workspace of this request.';
comment on function mivaa.resolve_workspace(uuid, text) is
  'The workspace that a function works on; an error where the caller may not.';
comment on function mivaa.custom_access_token_hook(jsonb) is
  'For Supabase Auth: puts the workspace of the user into a new token.';
