-- level: warning
-- remedy: drop all but one of them
select r.name as object, string_agg(c.relname, ', ' order by c.relname) || ' are the same' as detail
from pg_index i
join pg_class c on c.oid = i.indexrelid
join relations r on r.oid = i.indrelid
group by r.name, c.relam, i.indkey::text, i.indclass::text, i.indcollation::text, i.indoption::text,
  i.indisunique, pg_get_expr(i.indexprs, i.indrelid), pg_get_expr(i.indpred, i.indrelid), c.reloptions,
  i.indnatts, i.indnkeyatts
having count(*) > 1
