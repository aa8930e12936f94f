"""Properties of tables that were there before us: changed with the former state kept, restored."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from mivaa_schema.operations.ledger import forget, record, undo
from mivaa_schema.operations.locks import locking
from mivaa_schema.operations.sql import EVERY_API_GRANTEE, block, literal, run, when


def enable_row_security(table: str) -> None:
    """Switch row-level security on, and remember whether it was off."""
    run(block(enabling_row_security(table)))


def enabling_row_security(table: str) -> str:
    """The statements of :func:`enable_row_security`, for a block."""
    off = (
        "(select not relrowsecurity from pg_catalog.pg_class"
        f" where oid = {literal(table)}::regclass)"
    )
    enable = f"alter table {table} enable row level security;\n" + record(
        "row_security", table, "'off'"
    )
    return when(off, enable)


def restore_row_security(table: str) -> None:
    """Switch row-level security off again where it was off."""
    run(block(undo("row_security", table, f"alter table {table} disable row level security;")))


def close_relation(name: str) -> None:
    """Take every privilege from PUBLIC and the API roles, and remember the former ones.

    Column privileges go with those of the table. What another role than the owner has granted
    stays, out of our reach; then the step is refused rather than left half closed.
    """
    run(block(closing(name)))


def closing(name: str) -> str:
    """The statements of :func:`close_relation`, for a block."""
    columns = (
        "(select jsonb_object_agg(attname, attacl::text) from pg_catalog.pg_attribute"
        f" where attrelid = {literal(name)}::regclass and attacl is not null)"
    )
    remember = (
        "(select jsonb_build_object('relation', relacl::text, 'columns', " + columns + ")::text"
        f" from pg_catalog.pg_class where oid = {literal(name)}::regclass)"
    )
    left = (
        "exists (select from pg_catalog.pg_class c, aclexplode(c.relacl) a"
        f" where c.oid = {literal(name)}::regclass and a.grantee <> c.relowner"
        " and (a.grantee = 0 or pg_get_userbyid(a.grantee)"
        " in ('anon', 'authenticated', 'service_role')))"
    )
    refuse = (
        f"raise exception 'API roles keep privileges on {name} that its owner did not grant'\n"
        "  using errcode = 'insufficient_privilege',\n"
        "        hint = 'Revoke them as the role that granted them, then start again.';"
    )
    return (
        record("acl", name, remember)
        + f"\nrevoke all on {name} from {EVERY_API_GRANTEE};\n"
        + when(left, refuse)
    )


def restore_grants(name: str) -> None:
    """Give a table the privileges that it had, granted in the order that they had.

    The order of an access control list shows in a dump, and a privilege is appended when it is
    granted; so everything is revoked first, the owner's own entry too.
    """
    body = f"""\
select former::jsonb into v_former from mivaa.ledger where {_acl_row(name)};
if found then
  for v_grant in
    select pg_get_userbyid(a.grantee) as grantee
    from (
      select relacl as acl from pg_catalog.pg_class where oid = {literal(name)}::regclass
      union all
      select attacl from pg_catalog.pg_attribute where attrelid = {literal(name)}::regclass
    ) s, aclexplode(s.acl) a
    where a.grantee <> 0 group by a.grantee
  loop
    execute format('revoke all on {name} from %I', v_grant.grantee);
  end loop;
  revoke all on {name} from public;
  for v_grant in
    select a.item, a.grantee, a.is_grantable, string_agg(a.privilege_type, ', ') as privileges
    from (
      select i.item, e.* from unnest(coalesce(
        (v_former ->> 'relation')::aclitem[],
        (select acldefault('r', relowner) from pg_catalog.pg_class
         where oid = {literal(name)}::regclass)
      )) with ordinality i (acl, item), aclexplode(array[i.acl]) e
    ) a group by a.item, a.grantee, a.is_grantable order by a.item, a.is_grantable
  loop
    execute format('grant %s on {name} to %s%s', v_grant.privileges,
      case v_grant.grantee when 0 then 'public'
        else quote_ident(pg_get_userbyid(v_grant.grantee)) end,
      case when v_grant.is_grantable then ' with grant option' else '' end);
  end loop;
  for v_grant in
    select c.key as attname, i.item, e.grantee, e.is_grantable,
      string_agg(e.privilege_type, ', ') as privileges
    from jsonb_each_text(coalesce(nullif(v_former -> 'columns', 'null'), '{{}}')) c,
      unnest(c.value::aclitem[]) with ordinality i (acl, item), aclexplode(array[i.acl]) e
    group by c.key, i.item, e.grantee, e.is_grantable order by c.key, i.item, e.is_grantable
  loop
    execute format('grant %s (%I) on {name} to %s%s',
      replace(v_grant.privileges, ', ', format(' (%I), ', v_grant.attname)), v_grant.attname,
      case v_grant.grantee when 0 then 'public'
        else quote_ident(pg_get_userbyid(v_grant.grantee)) end,
      case when v_grant.is_grantable then ' with grant option' else '' end);
  end loop;
  {forget("acl", name)}
end if;"""
    run(block(body, declare="v_former jsonb;\nv_grant record;"))


def set_column_storage(table: str, column: str, storage: str) -> None:
    """Set how a column is stored from now on, and remember how it was.

    Rows that are there stay as they are; only what is written later follows.
    """
    where = f"attrelid = {literal(table)}::regclass and attname = {literal(column)}"
    letter = {"plain": "p", "external": "e", "extended": "x", "main": "m"}[storage]
    former = f"(select attstorage::text from pg_catalog.pg_attribute where {where})"
    change = (
        record("storage", f"{table}.{column}", former)
        + f"\nalter table {table} alter column {column} set storage {storage};"
    )
    run(block(when(f"{former} <> {literal(letter)}", change)))


def restore_column_storage(table: str, column: str) -> None:
    """Set back how a column is stored; nothing to do where the column itself goes."""
    object_name = f"{table}.{column}"
    body = f"""\
select case former when 'p' then 'plain' when 'e' then 'external' when 'm' then 'main'
  else 'extended' end into v_storage
from mivaa.ledger where kind = 'storage' and object_name = {literal(object_name)};
if found then
  execute format('alter table {table} alter column {column} set storage %s', v_storage);
  {forget("storage", object_name)}
end if;"""
    run(block(body, declare="v_storage text;"))


def set_table_options(table: str, options: Mapping[str, str]) -> None:
    """Set storage parameters of a table that nobody has set, and remember which."""
    for name, value in options.items():
        change = "\n".join(
            (
                f"perform {locking(table, mode='share update exclusive')};",
                f"alter table {table} set ({name} = {value});",
                record("option", f"{table}.{name}"),
            )
        )
        run(block(when("not " + _has_option(table, name), change)))


def reset_table_options(table: str, options: Sequence[str]) -> None:
    """Reset those storage parameters that the chain set."""
    for name in options:
        reset = f"alter table {table} reset ({name});"
        run(block(undo("option", f"{table}.{name}", reset)))


def _has_option(table: str, name: str) -> str:
    return (
        "exists (select from pg_catalog.pg_class c, pg_catalog.pg_options_to_table(c.reloptions) o"
        f" where c.oid = {literal(table)}::regclass and o.option_name = {literal(name)})"
    )


def _acl_row(name: str) -> str:
    return f"kind = 'acl' and object_name = {literal(name)}"
