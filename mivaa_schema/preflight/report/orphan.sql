-- Rows lead to a row that is not there; then our key stays NOT VALID.
-- for each of: keys
-- needs: {relation}.{column_name}, {target}.id
select '{relation}.{column_name}',
  format('leading nowhere in %s row(s)', count(*)), 'a row of {target} for each',
  'After the upgrade, mivaa-schema repair ' ||
    case
      when '{column_name}' = 'workspace_id' then 'unknown-workspaces'
      when '{relation}' = 'public.workspace_members' then 'unknown-members'
      when '{target}' = 'auth.users' then 'unknown-users'
      when '{relation}' = 'public.document_chunks' then 'orphaned-chunks'
      else 'dangling-extractions'
    end
    || ' --apply. Find them: select * from {relation} t where {column_name} is not null and not exists'
    ' (select from {target} p where p.id = t.{column_name});'
from {relation} t
where t.{column_name} is not null
  and not exists (select from {target} p where p.id = t.{column_name})
having count(*) > 0
