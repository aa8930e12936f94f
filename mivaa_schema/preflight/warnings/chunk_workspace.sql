-- Chunks are in another workspace than their document; the foreign key then stays NOT VALID.
-- needs: public.document_chunks.workspace_id, public.document_chunks.document_id, public.documents.id, public.documents.workspace_id
select 'public.document_chunks.workspace_id',
  format('another than that of the document in %s row(s)', count(*)), 'the workspace of the document',
  'After the upgrade, mivaa-schema repair chunk-workspace --apply; or now: update'
    ' public.document_chunks c set workspace_id = d.workspace_id from public.documents d'
    ' where d.id = c.document_id and d.workspace_id <> c.workspace_id;'
from public.document_chunks c
join public.documents d on d.id = c.document_id
where d.workspace_id <> c.workspace_id
having count(*) > 0
