select t.id, {workspace} as workspace, t.{column} as dangling,
  case when cast(:is_lost as boolean)
    then '{column} names a missing row everywhere: restore the rows of {target} first'
    else (
      select '{column} takes no null here: alter table {table} alter column {column} drop not null'
      from pg_catalog.pg_attribute a
      where a.attrelid = '{table}'::regclass and a.attname = '{column}' and a.attnotnull
    ) end as reason
from {table} t
where t.{column} is not null
  and not exists (select from {target} u where u.id = t.{column})
  -- With a foreign key of the platform's to another table, it names rows of that table.
  and not exists (
    select from pg_catalog.pg_constraint c
    join pg_catalog.pg_attribute a on a.attrelid = c.conrelid and c.conkey = array[a.attnum]
    where c.contype = 'f' and c.conrelid = '{table}'::regclass and a.attname = '{column}'
      and c.confrelid <> '{target}'::regclass
  );

update {table} t set {column} = null
from invalid i where t.id = i.id and t.{column} = i.dangling;
