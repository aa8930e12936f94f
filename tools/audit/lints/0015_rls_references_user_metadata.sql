-- level: error
-- remedy: use app_metadata, which users cannot write
select p.name as object, 'a condition reads user_metadata, which users write themselves' as detail
from policies p
where p.conditions ~ 'user_metadata'
