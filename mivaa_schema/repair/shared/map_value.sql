select t.id, t.workspace_id as workspace,
  case when (
    cast(:map as jsonb) ->> coalesce(t.{column}::text, '') = any ({known})
  ) is not true
    then '{column} ' || coalesce(quote_literal(t.{column}::text), 'null') || ' is unknown: --map '
      || coalesce(t.{column}::text, '') || '=... maps it to one of '
      || array_to_string({known}, ', ') end as reason
from {table} t
where (t.{column}::text = any ({known})) is not true;

update {table} t set {column} = cast(:map as jsonb) ->> coalesce(t.{column}::text, '')
from invalid i where t.id = i.id and (t.{column}::text = any ({known})) is not true;
