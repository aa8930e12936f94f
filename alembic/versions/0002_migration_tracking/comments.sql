comment on function public.mark_migration_complete(text, text, text) is
  'Records that a phase of a migration is complete; for the owner of the tables.';
comment on function public.rollback_migration_phase(text, text) is
  'Rolls a completed phase back as alembic downgrade would; for the owner of the tables.';
comment on policy migration_tracking_closed on public.migration_tracking is
  'For its owner, and for roles that bypass row-level security.';
