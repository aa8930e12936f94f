-- Rows without a workspace: no user will see them.
-- for each of: tables
-- needs: {schema_name}.{table_name}.workspace_id
select :relation || '.workspace_id', format('null in %s row(s)', count(*)),
  'a workspace for each row',
  case when :relation = 'public.workspace_members' then ''
    else 'After the upgrade, mivaa-schema repair missing-workspace --apply; or now: ' end
    || format('update %s set workspace_id = ... where workspace_id is null;', :relation)
from {relation} t
where t.workspace_id is null
having count(*) > 0
