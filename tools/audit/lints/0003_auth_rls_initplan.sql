-- level: warning
-- remedy: put the call into a sub-select, (select auth.uid()), which is evaluated once a statement
select p.name as object, 'a condition calls a function of the request for each row' as detail
from policies p
where p.relrowsecurity and exists (
  -- Calls that are left when those directly after SELECT are taken away.
  select from regexp_replace(
    p.conditions,
    '\mselect (auth\.(uid|jwt|role|email)|current_setting|mivaa\.\w+)\(', '', 'gi'
  ) as rest
  where rest ~ '\m(auth\.(uid|jwt|role|email)|current_setting|mivaa\.\w+)\('
)
