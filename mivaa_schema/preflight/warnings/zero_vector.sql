-- Embeddings are zero: cosine distance is undefined for them, so search never finds them.
-- for each of: vectors
-- needs: {schema_name}.{table_name}.{column_name}
select format('%s.%I', :relation, :column_name),
  format('zero in %s row(s)', count(*)), 'a vector that is not zero, or null',
  format('After the upgrade, mivaa-schema repair zero-vectors --apply; or now: update %s'
    ' set %I = null where vector_norm(%I) = 0;', :relation, :column_name, :column_name)
from {relation} t
where vector_norm(t.{column_name}) = 0
having count(*) > 0
