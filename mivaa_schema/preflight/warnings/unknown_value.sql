-- Rows hold a value that is not allowed; then our check constraint is not added.
-- for each of: checks
-- needs: {schema_name}.{table_name}.{column_name}
select format('%s.%I', :relation, :column_name),
  format('%L in %s row(s)', t.{column_name}, count(*)),
  'one of ' || array_to_string(:allowed, ', '),
  case when :relation <> 'public.migration_tracking' then
    format('After the upgrade, mivaa-schema repair %s --map %s=... --apply; or now: ',
      case :relation || '.' || :column_name
        when 'public.workspace_members.role' then 'unknown-roles'
        when 'public.workspace_members.status' then 'unknown-member-statuses'
        else 'unknown-statuses'
      end, t.{column_name}) else '' end
    || format('update %s set %I = ... where %I = %L;',
      :relation, :column_name, :column_name, t.{column_name})
from {relation} t
where t.{column_name}::text <> all (:allowed)
group by t.{column_name}
order by count(*) desc limit 20
