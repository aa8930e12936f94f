create function mivaa.max_inner_product(embedding vector, query vector)
returns double precision
language sql
immutable
parallel safe
security invoker
-- Negative inner product of two vectors: the largest product comes first.
-- Types and operators are those of its creation, so it works under every search path. It has no
-- setting of its own: the planner replaces the call by its expression.
return embedding <#> query;
