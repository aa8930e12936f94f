-- A platform as it may have grown before this schema came: its own names for states, chunks that
-- know their document only, and one policy that lets every signed-in user do everything.
create extension if not exists vector with schema extensions;

create table public.workspaces (
  id uuid primary key default gen_random_uuid(),
  name text not null,
  created_at timestamptz not null default now()
);

create table public.workspace_members (
  id uuid primary key default gen_random_uuid(),
  workspace_id uuid not null references public.workspaces on delete cascade,
  user_id uuid not null references auth.users on delete cascade,
  role text not null default 'member',
  status text not null default 'active',
  unique (workspace_id, user_id)
);

create table public.documents (
  id uuid primary key default gen_random_uuid(),
  workspace_id uuid not null references public.workspaces,
  user_id uuid references auth.users,
  title text,
  content text,
  processing_status text not null default 'done',
  embedding vector(1536),
  created_at timestamptz not null default now()
);

create table public.document_chunks (
  id uuid primary key default gen_random_uuid(),
  document_id uuid not null references public.documents on delete cascade,
  chunk_index integer not null,
  content text not null,
  processing_status text not null default 'done',
  embedding vector(1536)
);

alter table public.documents enable row level security;
alter table public.document_chunks enable row level security;
create policy "signed-in users do everything" on public.documents
  to authenticated using (true) with check (true);
create policy "signed-in users do everything" on public.document_chunks
  to authenticated using (true) with check (true);
grant select on public.workspaces, public.workspace_members to authenticated;
grant all on public.workspaces, public.workspace_members to service_role;
grant all on public.documents, public.document_chunks to authenticated, service_role;
