-- How tables and columns are stored, where that is not what PostgreSQL would choose.
alter table public.documents alter column embedding_v2 set storage plain;
alter table public.document_chunks alter column embedding_v2 set storage plain;
alter table public.documents set (autovacuum_analyze_scale_factor = 0.05);
alter table public.document_chunks set (autovacuum_analyze_scale_factor = 0.05);
