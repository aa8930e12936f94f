with objects as (
    select e.*, e.revision > :revision and not case e.kind
        when 'index' then 'index ' || e.object_name = any (:recorded)
        when 'unique' then array['index ' || e.schema_name || '.' || e.name,
          'constraint ' || e.object_name] && :recorded
        when 'exclusion' then 'constraint ' || e.object_name = any (:recorded)
        else false end as pending
    from jsonb_to_recordset(:objects) as e (
      kind text, revision text, relation text, schema_name text, table_name text, name text,
      object_name text, column_name text, type text, accepts text, min_length integer, value text,
      qualified text, is_unique boolean, definition text, allowed text[],
      columns text[], target text,
      target_name text, target_column text, action text)
  )
