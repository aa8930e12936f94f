-- A table that the upgrade creates.
select e.relation, 'missing', 'a table', 'Nothing to do: the upgrade creates it.'
from {tables} as e
where e.pending and to_regclass(e.relation) is null
