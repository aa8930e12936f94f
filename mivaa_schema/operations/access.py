"""Properties of tables that were there before us: changed with the former state kept, restored."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from mivaa_schema.operations.batch import Operation, lock
from mivaa_schema.operations.records import forget, record, undo
from mivaa_schema.operations.sql import (
    API_ROLES,
    EVERY_API_GRANTEE,
    block,
    literal,
    qualified,
    quote,
    regclass,
    when,
)


def close_table(table: str) -> Operation:
    """Take every privilege from PUBLIC and the API roles, and switch row-level security on.

    The former state is remembered. Column privileges go with those of the table. What another role
    than the owner has granted cannot be revoked by us; then the step is refused rather than left
    half closed.
    """
    return Operation((block(closing(table)), block(enabling_row_security(table))))


def reopen_table(table: str) -> Operation:
    """Give a table the privileges and the row-level security that it had."""
    off = f"alter table {qualified(table)} disable row level security;"
    return Operation((block(undo("row_security", table, off)), _restore_grants(table)))


def enabling_row_security(table: str) -> str:
    """Switch row-level security on, for a block, and remember whether it was off."""
    off = f"(select not relrowsecurity from pg_catalog.pg_class where oid = {regclass(table)})"
    enable = f"alter table {qualified(table)} enable row level security;\n" + record(
        "row_security", table, "'off'"
    )
    return when(off, enable)


def closing(table: str) -> str:
    """Take every privilege from PUBLIC and the API roles, for a block."""
    columns = (
        "(select jsonb_object_agg(attname, attacl::text) from pg_catalog.pg_attribute"
        f" where attrelid = {regclass(table)} and attacl is not null)"
    )
    remember = (
        "(select jsonb_build_object('relation', relacl::text, 'columns', " + columns + ")::text"
        f" from pg_catalog.pg_class where oid = {regclass(table)})"
    )
    roles = ", ".join(map(literal, API_ROLES))
    left = (
        "exists (select from pg_catalog.pg_class c, aclexplode(c.relacl) a"
        f" where c.oid = {regclass(table)} and a.grantee <> c.relowner"
        f" and (a.grantee = 0 or pg_get_userbyid(a.grantee)"
        f" in ({roles})))"
    )
    message = f"API roles keep privileges on {table} that its owner did not grant"
    refuse = (
        f"raise exception '%', {literal(message)}\n"
        "  using errcode = 'insufficient_privilege',\n"
        "        hint = 'Revoke them as the role that granted them, then start again.';"
    )
    return (
        record("acl", table, remember)
        + f"\nrevoke all on {qualified(table)} from {EVERY_API_GRANTEE};\n"
        + when(left, refuse)
    )


def _restore_grants(table: str) -> str:
    """Give a table the privileges that it had, granted in the order that they had.

    The order of an access control list shows in a dump, and a privilege is appended when it is
    granted; so everything is revoked first, the owner's own entry too.
    """
    name, oid = qualified(table), regclass(table)
    shown = name.replace("'", "''").replace("%", "%%")
    body = f"""\
select former::jsonb into v_former from mivaa.ledger
where kind = 'acl' and object_name = {literal(table)};
if found then
  for v_grant in
    select pg_get_userbyid(a.grantee) as grantee
    from (
      select relacl as acl from pg_catalog.pg_class where oid = {oid}
      union all
      select attacl from pg_catalog.pg_attribute where attrelid = {oid}
    ) s, aclexplode(s.acl) a
    where a.grantee <> 0 group by a.grantee
  loop
    execute format('revoke all on {shown} from %I', v_grant.grantee);
  end loop;
  revoke all on {name} from public;
  for v_grant in
    select a.item, a.grantee, a.is_grantable, string_agg(a.privilege_type, ', ') as privileges
    from (
      select i.item, e.* from unnest(coalesce(
        (v_former ->> 'relation')::aclitem[],
        (select acldefault('r', relowner) from pg_catalog.pg_class
         where oid = {oid})
      )) with ordinality i (acl, item), aclexplode(array[i.acl]) e
    ) a group by a.item, a.grantee, a.is_grantable order by a.item, a.is_grantable
  loop
    execute format('grant %s on {shown} to %s%s', v_grant.privileges,
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
    execute format('grant %s (%I) on {shown} to %s%s',
      replace(v_grant.privileges, ', ', format(' (%I), ', v_grant.attname)), v_grant.attname,
      case v_grant.grantee when 0 then 'public'
        else quote_ident(pg_get_userbyid(v_grant.grantee)) end,
      case when v_grant.is_grantable then ' with grant option' else '' end);
  end loop;
  {forget("acl", table)}
end if;"""
    return block(body, declare="v_former jsonb;\nv_grant record;")


def set_column_storage(table: str, column: str, storage: str) -> Operation:
    """Set how a column is stored from now on, and remember how it was.

    Rows that are there stay as they are; only what is written later follows.

    Args:
        table: Qualified name.
        column: Name.
        storage: ``plain``, ``external``, ``extended`` or ``main``.
    """
    where = f"attrelid = {regclass(table)} and attname = {literal(column)}"
    letter = {"plain": "p", "external": "e", "extended": "x", "main": "m"}[storage]
    former = f"(select attstorage::text from pg_catalog.pg_attribute where {where})"
    change = (
        record("storage", f"{table}.{column}", former)
        + f"\nalter table {qualified(table)} alter column {quote(column)} set storage {storage};"
    )
    created = {"kind": "storage", "table": table, "name": column, "storage": storage}
    return Operation((block(when(f"{former} <> {literal(letter)}", change)),), (created,))


def restore_column_storage(table: str, column: str) -> Operation:
    """Set back how a column is stored; nothing to do where the column itself goes."""
    object_name = f"{table}.{column}"
    alter = f"alter table {qualified(table)} alter column {quote(column)} set storage "
    body = f"""\
select case former when 'p' then 'plain' when 'e' then 'external' when 'm' then 'main'
  else 'extended' end into v_storage
from mivaa.ledger where kind = 'storage' and object_name = {literal(object_name)};
if found then
  execute {literal(alter)} || v_storage;
  {forget("storage", object_name)}
end if;"""
    dropped = {"kind": "storage", "table": table, "name": column}
    return Operation((block(body, declare="v_storage text;"),), drops=(dropped,))


def set_table_options(table: str, options: Mapping[str, str]) -> Operation:
    """Set storage parameters of a table that nobody has set, and remember which."""
    sent = []
    for name, value in options.items():
        change = "\n".join(
            (
                f"perform {lock(table, mode='share update exclusive')};",
                f"alter table {qualified(table)} set ({name} = {value});",
                record("option", f"{table}.{name}"),
            )
        )
        sent.append(block(when("not " + _has_option(table, name), change)))
    created = (
        {"kind": "option", "table": table, "name": name, "value": value}
        for name, value in options.items()
    )
    return Operation(tuple(sent), tuple(created))


def reset_table_options(table: str, options: Sequence[str]) -> Operation:
    """Reset those storage parameters that the chain set."""
    sent = (
        block(undo("option", f"{table}.{name}", f"alter table {qualified(table)} reset ({name});"))
        for name in options
    )
    dropped = ({"kind": "option", "table": table, "name": name} for name in options)
    return Operation(tuple(sent), drops=tuple(dropped))


def _has_option(table: str, name: str) -> str:
    return (
        "exists (select from pg_catalog.pg_class c, pg_catalog.pg_options_to_table(c.reloptions) o"
        f" where c.oid = {regclass(table)} and o.option_name = {literal(name)})"
    )
