create function mivaa.json_setting(setting_name text)
returns jsonb
language plpgsql
stable
parallel safe
security invoker
set search_path = pg_catalog, pg_temp
as $function$
-- A setting of the request, such as its claims or its headers, as JSON; null where it is absent.
-- A policy must never fail over what a client sent, so text that is no JSON counts as absent. An
-- exception block would do it in one line, but cannot run in a parallel worker before
-- PostgreSQL 17. On 15, which cannot test JSON, only the outer shape is tested.
declare
  v_text constant text := nullif(current_setting(setting_name, true), '');
begin
  if v_text is null then
    return null;
  end if;
  if current_setting('server_version_num')::integer >= 160000 then
    if not pg_input_is_valid(v_text, 'jsonb') then
      return null;
    end if;
  elsif v_text !~ '^\s*\{.*\}\s*$' then
    return null;
  end if;
  return v_text::jsonb;
end
$function$;
