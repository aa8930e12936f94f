-- If no row that is named exists, the rows of the target are lost, and the references are right.
select exists (select from {table} t where t.{column} is not null)
  and not exists (select from {table} t join {target} u on u.id = t.{column}) as is_lost
