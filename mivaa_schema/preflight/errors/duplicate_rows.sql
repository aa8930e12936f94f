-- Rows have the same values in columns that are to become unique.
-- for each of: uniques
-- needs: {needs}
select :relation, format('holding rows with the same (%s) in %s case(s)', :keys, count(*)),
  'different values in each row', format('Change or delete all but one of each. Find them: select'
    ' %s, count(*) from %s group by %s having count(*) > 1;', :keys, :relation, :keys)
from (
  select from {relation} t
  where exists (select from pending_uniques as e where e.object_name = :object_name)
    and ({keys}) is not null
  group by {keys} having count(*) > 1
) several
having count(*) > 0
