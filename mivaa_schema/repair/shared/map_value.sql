select t.id, t.workspace_id as workspace,
  case when (
    cast(:map as jsonb) ->> coalesce(t.{column}::text, '') = any ({known})
  ) is not true
    then case
      -- What is long, or has control characters, is named by its digest.
      when length(t.{column}::text) > 60
        or t.{column}::text ~ '[\u0001-\u001f\u007f-\u009f\u00ad\u200b-\u200f\u2028-\u202e\u2060-\u206f\ue000-\uf8ff\ufeff\ufff0-\uffff]'
      then
        format('{column} of %s characters is unknown: update {table} set {column} = ... where'
          ' md5({column}::text) = %L', length(t.{column}::text), md5(t.{column}::text))
      -- As a shell quotes it.
      else format('{column} %s is unknown: --map %s=... maps it to one of ',
        coalesce(quote_literal(t.{column}::text), 'null'),
        coalesce(case when t.{column}::text ~ '^[\w.@+-]+$' then t.{column}::text
        else '''' || replace(t.{column}::text, '''', '''\''''') || '''' end, ''))
        || array_to_string({known}, ', ') end end as reason
from {table} t
where (t.{column}::text = any ({known})) is not true;

update {table} t set {column} = cast(:map as jsonb) ->> coalesce(t.{column}::text, '')
from invalid i where t.id = i.id and (t.{column}::text = any ({known})) is not true;
