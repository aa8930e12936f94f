-- Looks for what would stop the upgrade, and changes nothing.
declare
{declarations}
  v_probe record;
  v_definition text;
  v_findings jsonb := '[]';
  v_list text;
begin
{state}

for v_probe in
{probes}
loop
  begin
    execute v_probe.create_table;
    execute v_probe.create_index;
    v_definition := {probed};
    drop table pg_temp.mivaa_probe;
  exception when undefined_column or undefined_object or undefined_function
      or invalid_schema_name then
    v_definition := v_probe.definition;
  end;
  v_definitions := v_definitions || jsonb_build_object(v_probe.object_name, v_definition);
end loop;

{checks}

if v_findings <> '[]' then
  -- Names and values of the platform stay on their line, and send nothing to a terminal.
  select string_agg(regexp_replace(
    format('  %s. %s is %s; expected: %s. %s', n, coalesce(f ->> 'object', '?'),
      coalesce(left(f ->> 'found', 500), '?'), coalesce(f ->> 'expected', '?'),
      coalesce(f ->> 'remedy', '?')),
    '[[:cntrl:]]', '?', 'g'), e'\n' order by n) into v_list
  from jsonb_array_elements(v_findings) with ordinality as i (f, n);
  raise exception using errcode = 'object_not_in_prerequisite_state',
    message = format('This database cannot be adopted as it is; nothing was changed. Errors: %s.',
      jsonb_array_length(v_findings)) || e'\n' || v_list
      || e'\nCorrect each of them, then run the same script again.';
end if;
end
