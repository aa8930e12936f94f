-- Embeddings are zero: cosine distance knows no direction of them, so search never finds them.
-- for each of: vectors
-- needs: {relation}.{column_name}
select '{relation}.{column_name}',
  format('zero in %s row(s)', count(*)), 'a vector that is not zero, or null',
  'After the upgrade, mivaa-schema repair zero-vectors --apply; or now: update {relation}'
    ' set {column_name} = null where vector_norm({column_name}) = 0;'
from {relation} t
where vector_norm(t.{column_name}) = 0
having count(*) > 0
