create function mivaa.l1_distance(embedding vector, query vector)
returns double precision
language sql
immutable
parallel safe
security invoker
-- Taxicab distance of two vectors.
-- Types and operators are those of its creation, so it works under every search path. It has no
-- setting of its own: the planner replaces the call by its expression.
return embedding <+> query;
