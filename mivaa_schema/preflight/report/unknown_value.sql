-- Rows hold a value that we do not know; then our check is left off.
-- for each of: checks
-- needs: {relation}.{column_name}
select '{relation}.{column_name}',
  format('%L in %s row(s)', t.{column_name}, count(*)),
  'one of ' || array_to_string({allowed}, ', '),
  format('update {relation} set {column_name} = ... where {column_name} = %L;', t.{column_name})
from {relation} t
where t.{column_name}::text <> all ({allowed})
group by t.{column_name}
order by count(*) desc limit 20
