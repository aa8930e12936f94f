create function mivaa.validate_query_vector(
  query_embedding vector,
  query_embedding_legacy vector,
  match_threshold double precision,
  match_count integer
)
returns vector
language plpgsql
immutable
parallel safe
security invoker
set search_path = pg_catalog, pg_temp
as $function$
-- The query vector of a search at length 1, or an error where the search cannot have an answer.
-- The dimensions of an argument are not enforced by its type; a vector of zeros has no direction,
-- so no cosine either; squares of very large or very small numbers would leave the range. Vectors
-- are looked at as arrays, with operators of pg_catalog.
begin
  if query_embedding is null and query_embedding_legacy is null then
    raise exception 'there is no query vector'
      using errcode = 'null_value_not_allowed',
            hint = 'Pass query_embedding (768 dimensions), query_embedding_legacy (1536), or both.';
  end if;
  if cardinality(query_embedding::real[]) <> 768 then
    raise exception 'query_embedding has % dimensions, expected 768',
      cardinality(query_embedding::real[])
      using errcode = 'invalid_parameter_value',
            hint = 'Ask the model for 768 dimensions; a vector of 1536 goes to '
              'query_embedding_legacy.';
  end if;
  if cardinality(query_embedding_legacy::real[]) <> 1536 then
    raise exception 'query_embedding_legacy has % dimensions, expected 1536',
      cardinality(query_embedding_legacy::real[])
      using errcode = 'invalid_parameter_value',
            hint = 'It is compared with the embeddings that were there before the migration.';
  end if;
  if 0 = all (query_embedding::real[]) or 0 = all (query_embedding_legacy::real[]) then
    raise exception 'the query vector is all zeros, expected one that has a direction'
      using errcode = 'invalid_parameter_value', hint = 'Embed a text that is not empty.';
  end if;
  if match_count not between 1 and 1000 then
    raise exception 'match_count is %, expected 1 to 1000', match_count
      using errcode = 'invalid_parameter_value', hint = 'Leave it out for 10.';
  end if;
  if match_threshold not between -1 and 1 then
    raise exception 'match_threshold is %, expected -1 to 1', match_threshold
      using errcode = 'invalid_parameter_value',
            hint = 'It is a cosine; leave it out for 0, pass -1 for no threshold.';
  end if;
  return mivaa.unit_vector(query_embedding);
end
$function$;
