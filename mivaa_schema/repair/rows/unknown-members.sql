-- deletes the memberships of users that do not exist
-- reads: auth.users
-- lookup: lost_users
-- rows of: public.workspace_members
select t.id, t.workspace_id as workspace, t.user_id,
  case when cast(:is_lost as boolean)
    then 'no user exists: restore the rows of auth.users first' end as reason
from public.workspace_members t
where t.user_id is not null
  and not exists (select from auth.users u where u.id = t.user_id)
  -- With a foreign key of the platform's to another table, it names rows of that table.
  and not exists (
    select from pg_catalog.pg_constraint c
    join pg_catalog.pg_attribute a on a.attrelid = c.conrelid and c.conkey = array[a.attnum]
    where c.contype = 'f' and c.conrelid = 'public.workspace_members'::regclass
      and a.attname = 'user_id' and c.confrelid <> 'auth.users'::regclass
  );

delete from public.workspace_members t using invalid i
where t.id = i.id and t.user_id = i.user_id;
