comment on policy documents_access on public.documents is
  'Admits rows of a workspace; the restrictive policies decide whose.';
comment on policy documents_select on public.documents is
  'Everybody: rows of the workspace in which the user may read.';
comment on policy documents_insert on public.documents is
  'Everybody: rows of the workspace in which the user may write, in the own name.';
comment on policy documents_update on public.documents is
  'Everybody: rows of the workspace whose documents the user manages.';
comment on policy documents_delete on public.documents is
  'Everybody: rows of the workspace whose documents the user manages.';
comment on policy document_chunks_access on public.document_chunks is
  'Admits rows of a workspace; the restrictive policies decide whose.';
comment on policy document_chunks_select on public.document_chunks is
  'Everybody: rows of the workspace in which the user may read.';
comment on policy document_chunks_insert on public.document_chunks is
  'Everybody: rows of the workspace in which the user may write.';
comment on policy document_chunks_update on public.document_chunks is
  'Everybody: rows of the workspace whose documents the user manages.';
comment on policy document_chunks_delete on public.document_chunks is
  'Everybody: rows of the workspace whose documents the user manages.';
comment on policy pdf_documents_access on public.pdf_documents is
  'Admits rows of a workspace; the restrictive policies decide whose.';
comment on policy pdf_documents_select on public.pdf_documents is
  'Everybody: rows of the workspace in which the user may read.';
comment on policy pdf_documents_insert on public.pdf_documents is
  'Everybody: rows of the workspace in which the user may write, in the own name.';
comment on policy pdf_documents_update on public.pdf_documents is
  'Everybody: rows of the workspace whose documents the user manages.';
comment on policy pdf_documents_delete on public.pdf_documents is
  'Everybody: rows of the workspace whose documents the user manages.';
comment on policy processed_documents_access on public.processed_documents is
  'Admits rows of a workspace; the restrictive policies decide whose.';
comment on policy processed_documents_select on public.processed_documents is
  'Everybody: rows of the workspace in which the user may read.';
comment on policy processed_documents_insert on public.processed_documents is
  'Everybody: rows of the workspace in which the user may write, in the own name.';
comment on policy processed_documents_update on public.processed_documents is
  'Everybody: rows of the workspace whose documents the user manages.';
comment on policy processed_documents_delete on public.processed_documents is
  'Everybody: rows of the workspace whose documents the user manages.';
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
