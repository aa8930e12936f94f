create policy migration_tracking_closed on public.migration_tracking
as restrictive for all to public
using (false)
with check (false);
