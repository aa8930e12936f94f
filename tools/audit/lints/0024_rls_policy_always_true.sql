-- level: warning
-- remedy: write a condition, or grant the privilege without a policy
select p.name as object, 'lets everybody whom it concerns write every row' as detail
from policies p
where p.polpermissive and p.relrowsecurity and p.polcmd <> 'r'
  and (p.polroles = array[0::oid] or exists (select from api_roles r where r.oid = any (p.polroles)))
  and (
    coalesce(p.using_condition, case when p.polcmd <> 'a' then 'true' end) in ('true', '(1 = 1)')
    or coalesce(p.check_condition, p.using_condition, 'true') in ('true', '(1 = 1)')
  )
