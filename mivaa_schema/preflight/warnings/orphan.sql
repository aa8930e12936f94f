-- Rows reference a row that does not exist; the foreign key then stays NOT VALID.
-- for each of: foreign_keys
-- needs: {schema_name}.{table_name}.{column_name}, {target_name}.{target_column}
select format('%s.%I', :relation, :column_name),
  format('without a referenced row in %s row(s)', count(*)),
  format('a row of %s for each', :target),
  format('After the upgrade, mivaa-schema repair %s --apply. Find them: select * from %s t where'
    ' %I is not null and not exists (select from %s p where p.%I = t.%I);',
    case
      when :column_name = 'workspace_id' then 'unknown-workspaces'
      when :relation = 'public.workspace_members' then 'unknown-members'
      when :target = 'auth.users' then 'unknown-users'
      when :relation = 'public.document_chunks' then 'orphaned-chunks'
      else 'dangling-extractions'
    end,
    :relation, :column_name, :target, :target_column, :column_name)
from {relation} t
where t.{column_name} is not null
  and not exists (select from {target} p where p.{target_column} = t.{column_name})
having count(*) > 0
