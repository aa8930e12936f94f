comment on policy documents_access on public.documents is
  'Admits whoever has a workspace; the restrictive policies decide the rest.';
comment on policy documents_isolation on public.documents is
  'Rows of the workspace of this request only.';
comment on policy documents_select on public.documents is 'Roles that may read.';
comment on policy documents_insert on public.documents is
  'Roles that may write; a row is inserted in the own name.';
comment on policy documents_update on public.documents is
  'Own rows for roles that write, any row for roles that manage documents.';
comment on policy documents_delete on public.documents is
  'Own rows for roles that delete, any row for roles that manage documents.';
comment on policy document_chunks_access on public.document_chunks is
  'Admits whoever has a workspace; the restrictive policies decide the rest.';
comment on policy document_chunks_isolation on public.document_chunks is
  'Rows of the workspace of this request only.';
comment on policy document_chunks_select on public.document_chunks is 'Roles that may read.';
comment on policy document_chunks_insert on public.document_chunks is 'Roles that may write.';
comment on policy document_chunks_update on public.document_chunks is
  'Roles that manage documents.';
comment on policy document_chunks_delete on public.document_chunks is
  'Roles that manage documents.';
comment on policy pdf_documents_access on public.pdf_documents is
  'Admits whoever has a workspace; the restrictive policies decide the rest.';
comment on policy pdf_documents_isolation on public.pdf_documents is
  'Rows of the workspace of this request only.';
comment on policy pdf_documents_select on public.pdf_documents is 'Roles that may read.';
comment on policy pdf_documents_insert on public.pdf_documents is
  'Roles that may write; a row is inserted in the own name.';
comment on policy pdf_documents_update on public.pdf_documents is
  'Own rows for roles that write, any row for roles that manage documents.';
comment on policy pdf_documents_delete on public.pdf_documents is
  'Own rows for roles that delete, any row for roles that manage documents.';
comment on policy processed_documents_access on public.processed_documents is
  'Admits whoever has a workspace; the restrictive policies decide the rest.';
comment on policy processed_documents_isolation on public.processed_documents is
  'Rows of the workspace of this request only.';
comment on policy processed_documents_select on public.processed_documents is
  'Roles that may read.';
comment on policy processed_documents_insert on public.processed_documents is
  'Roles that may write; a row is inserted in the own name.';
comment on policy processed_documents_update on public.processed_documents is
  'Own rows for roles that write, any row for roles that manage documents.';
comment on policy processed_documents_delete on public.processed_documents is
  'Own rows for roles that delete, any row for roles that manage documents.';
comment on policy workspaces_access on public.workspaces is
  'Admits whoever is a user; the restrictive policy decides the rest.';
comment on policy workspaces_isolation on public.workspaces is
  'Workspaces in which the user is an active member; users change none.';
comment on policy workspaces_delete on public.workspaces is 'Users delete none.';
comment on policy workspace_members_access on public.workspace_members is
  'Admits whoever is a user; the restrictive policy decides the rest.';
comment on policy workspace_members_isolation on public.workspace_members is
  'The memberships of the user; users change none.';
comment on policy workspace_members_delete on public.workspace_members is
  'Users delete none.';
