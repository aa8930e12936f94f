-- A document has two chunks with one index: search may answer with both.
-- needs: public.document_chunks.document_id, public.document_chunks.chunk_index
select 'public.document_chunks',
  format('holding several chunks with the same index in %s case(s)', count(*)),
  'one chunk for each index of a document',
  'Nothing to do: all of them stay. Find them: select document_id, chunk_index, count(*)'
    ' from public.document_chunks group by document_id, chunk_index having count(*) > 1;'
from (
  select from public.document_chunks c where c.document_id is not null
  group by c.document_id, c.chunk_index having count(*) > 1
) several
having count(*) > 0
