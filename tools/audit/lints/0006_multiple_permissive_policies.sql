-- level: warning
-- remedy: make one permissive policy of them: PostgreSQL evaluates each for every row
select p.table_name || ' for ' || command || ' to ' || r.rolname as object,
  string_agg(p.name, ', ' order by p.name) as detail
from policies p
join pg_roles r on (r.oid = any (p.polroles) or p.polroles = array[0::oid])
  and not r.rolbypassrls and not r.rolsuper and r.rolname !~ '^pg_'
cross join lateral unnest(case p.polcmd
  when 'r' then array['select'] when 'a' then array['insert']
  when 'w' then array['update'] when 'd' then array['delete']
  else array['select', 'insert', 'update', 'delete']
end) as command
where p.polpermissive
group by p.table_name, command, r.rolname
having count(*) > 1
