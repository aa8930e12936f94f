-- A table that the upgrade creates.
select e.relation, 'missing', 'a table', 'Nothing to do: the upgrade creates it.'
from pending_tables as e
where to_regclass(e.relation) is null
