-- Rows hold a value that we do not know; then our check is left off.
-- for each of: checks
-- needs: {relation}.{column_name}
select '{relation}.{column_name}',
  format('%L in %s row(s)', t.{column_name}, count(*)),
  'one of ' || array_to_string({allowed}, ', '),
  case when '{relation}' <> 'public.migration_tracking' then
    format('After the upgrade, mivaa-schema repair %s --map %s=... --apply; or now: ',
      case '{relation}.{column_name}'
        when 'public.workspace_members.role' then 'unknown-roles'
        when 'public.workspace_members.status' then 'unknown-member-statuses'
        else 'unknown-statuses'
      end, t.{column_name}) else '' end
    || format('update {relation} set {column_name} = ... where {column_name} = %L;',
      t.{column_name})
from {relation} t
where t.{column_name}::text <> all ({allowed})
group by t.{column_name}
order by count(*) desc limit 20
