create function mivaa.unit_vector(embedding vector)
returns vector
language sql
immutable
parallel safe
security invoker
-- The vector of length 1 with the same direction.
-- Types and functions are those of its creation, so it works under every search path.
return l2_normalize(embedding);
