-- Why no foreign key can refer to auth.users: it needs a uuid column and a key on it alone.
select case
    when a.attnum is null then 'has no column id'
    when a.atttypid <> 'uuid'::regtype then 'its id is ' || format_type(a.atttypid, a.atttypmod)
    when not exists (
        select from pg_index i
        where i.indrelid = c.oid and i.indisunique and i.indisvalid and i.indimmediate
            and i.indpred is null and i.indnkeyatts = 1 and i.indkey[0] = a.attnum
    ) then 'its id is no key'
end
from pg_class c
join pg_namespace n on n.oid = c.relnamespace
left join pg_attribute a on a.attrelid = c.oid and a.attname = 'id' and not a.attisdropped
where n.nspname = 'auth' and c.relname = 'users';
