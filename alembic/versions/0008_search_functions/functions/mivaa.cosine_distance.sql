create function mivaa.cosine_distance(embedding vector, query vector)
returns double precision
language sql
immutable
parallel safe
security invoker
-- Cosine distance of two vectors, 0 to 2.
-- Types and operators are those of its creation, so it works under every search path. It has no
-- setting of its own: the planner replaces the call by its expression, and finds the index.
return embedding <=> query;
