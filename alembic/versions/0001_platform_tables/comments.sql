comment on function mivaa.lock_tables(text, text[]) is
  'Locks tables for a change so that nobody waits long; for the owner of the tables.';
