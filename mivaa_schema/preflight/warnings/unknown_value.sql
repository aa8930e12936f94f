-- Rows hold a value that is not allowed; then our check constraint is not added.
-- for each of: checks
-- needs: {schema_name}.{table_name}.{column_name}
select format('%s.%I', :relation, :column_name),
  format('%s in %s row(s)', coalesce(v.shown, 'a value of ' || length(v.value) || ' characters'),
    v.rows),
  'one of ' || array_to_string(:allowed, ', '),
  case when :relation <> 'public.migration_tracking' and v.shown is not null then
    format('After the upgrade, mivaa-schema repair %s --map %s=... --apply; or now: ',
      case :relation || '.' || :column_name
        when 'public.workspace_members.role' then 'unknown-roles'
        when 'public.workspace_members.status' then 'unknown-member-statuses'
        else 'unknown-statuses'
      -- As a shell quotes it.
      end, case when v.value ~ '^[\w.@+-]+$' then v.value
        else '''' || replace(v.value, '''', '''\''''') || '''' end) else '' end
    || format('update %s set %I = ... where %s;', :relation, :column_name,
      case when v.shown is not null then format('%I = %s', :column_name, v.shown)
        else format('md5(%I::text) = %L', :column_name, md5(v.value)) end)
from (
  select t.{column_name}::text as value, count(*) as rows,
    -- What is long, or has control characters, is named by its digest.
    case when length(t.{column_name}::text) <= 60
      and t.{column_name}::text !~ '[\u0001-\u001f\u007f-\u009f\u00ad\u200b-\u200f\u2028-\u202e\u2060-\u206f\ue000-\uf8ff\ufeff\ufff0-\uffff]'
      then quote_literal(t.{column_name}::text) end as shown
  from {relation} t
  where t.{column_name}::text <> all (:allowed)
  group by t.{column_name}
  order by count(*) desc limit 20
) v
