-- level: error
-- remedy: refer to the primary key: the platform may change its other constraints
select r.name || ': ' || c.conname as object, 'refers to a unique constraint of schema auth' as detail
from pg_constraint c
join relations r on r.oid = c.conrelid
join pg_class referenced on referenced.oid = c.confrelid
join pg_index i on i.indexrelid = c.conindid
where c.contype = 'f' and referenced.relnamespace = to_regnamespace('auth') and not i.indisprimary
