"""Properties of tables that were there before us: changed with the former state kept, restored."""

from __future__ import annotations

from mivaa_schema.operations.batch import Operation, SchemaObject, lock
from mivaa_schema.operations.records import record, row, undo
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
    former = (
        "(select jsonb_build_object('relation', relacl::text, 'columns',"
        " (select jsonb_object_agg(attname, attacl::text) from pg_catalog.pg_attribute"
        f" where attrelid = {regclass(table)} and attacl is not null))::text"
        f" from pg_catalog.pg_class where oid = {regclass(table)})"
    )
    left = (
        "exists (select from pg_catalog.pg_class c, aclexplode(c.relacl) a"
        f" where c.oid = {regclass(table)} and a.grantee <> c.relowner"
        " and (a.grantee = 0 or pg_get_userbyid(a.grantee)"
        f" in ({', '.join(map(literal, API_ROLES))})))"
    )
    message = f"API roles keep privileges on {table} that its owner did not grant"
    refuse = f"""\
raise exception '%', {literal(message)}
  using errcode = 'insufficient_privilege',
        hint = 'Revoke them as the role that granted them, then start again.';"""
    revoke = f"revoke all on {qualified(table)} from {EVERY_API_GRANTEE};"
    return "\n".join((record("acl", table, former), revoke, when(left, refuse)))


def _restore_grants(table: str) -> str:
    """Give a table the privileges that it had, granted in the order that they had.

    The order of an access control list shows in a dump, and a privilege is appended when it is
    granted; so everything is revoked first, the owner's own entry too.
    """
    grantee = "case grantee when 0 then 'public' else quote_ident(pg_get_userbyid(grantee)) end"
    body = f"""\
delete from mivaa.ledger where {row("acl", table)} returning former::jsonb into v_former;
if found and v_table is not null then
  for v_grant in
    select {grantee} as grantee from (
      select 0 as grantee
      union select grantee from (
        select relacl as acl from pg_catalog.pg_class where oid = v_table
        union all select attacl from pg_catalog.pg_attribute where attrelid = v_table
      ) s, aclexplode(acl)
    ) g
  loop
    execute format('revoke all on %s from %s', v_table, v_grant.grantee);
  end loop;
  for v_grant in
    select {grantee} as grantee, string_agg(
        privilege_type || coalesce(' (' || quote_ident(attname) || ')', ''), ', ') as privileges,
      case when is_grantable then ' with grant option' else '' end as options
    from (
      select null as attname, coalesce((v_former ->> 'relation')::aclitem[],
        (select acldefault('r', relowner) from pg_catalog.pg_class where oid = v_table)) as acl
      union all select key, value::aclitem[]
      from jsonb_each_text(coalesce(nullif(v_former -> 'columns', 'null'), '{{}}'))
    ) s, unnest(acl) with ordinality i (entry, position), aclexplode(array[entry]) e
    group by attname, position, e.grantee, is_grantable
    order by attname nulls first, position, is_grantable
  loop
    execute format('grant %s on %s to %s%s', v_grant.privileges, v_table, v_grant.grantee,
      v_grant.options);
  end loop;
end if;"""
    declare = f"v_table constant regclass := to_regclass({literal(qualified(table))});"
    return block(body, declare=f"{declare}\nv_former jsonb;\nv_grant record;")


def storage(name: str, table: str, storage: str) -> SchemaObject:
    """How the column ``name`` is stored: ``plain``, ``external``, ``extended`` or ``main``."""
    return {"kind": "storage", "table": table, "name": name, "storage": storage}


def option(name: str, table: str, value: str) -> SchemaObject:
    """A storage parameter of a table, such as ``fillfactor``."""
    return {"kind": "option", "table": table, "name": name, "value": value}


def set_storage(target: SchemaObject) -> Operation:
    """Set how a column is stored from now on, and remember how it was.

    Rows that are there stay as they are; only what is written later follows.
    """
    table, column, kind = target["table"], target["name"], target["storage"]
    letter = {"plain": "p", "external": "e", "extended": "x", "main": "m"}[kind]
    former = (
        "(select attstorage::text from pg_catalog.pg_attribute"
        f" where attrelid = {regclass(table)} and attname = {literal(column)})"
    )
    change = (
        record("storage", f"{table}.{column}", former)
        + f"\nalter table {qualified(table)} alter column {quote(column)} set storage {kind};"
    )
    return Operation((block(when(f"{former} <> {literal(letter)}", change)),), (target,))


def reset_storage(target: SchemaObject) -> Operation:
    """Set back how a column is stored; nothing to do where the column itself goes."""
    table, column = target["table"], target["name"]
    alter = f"alter table {qualified(table)} alter column {quote(column)} set storage "
    body = f"""\
delete from mivaa.ledger where {row("storage", f"{table}.{column}")}
returning case former when 'p' then 'plain' when 'e' then 'external' when 'm' then 'main'
  else 'extended' end into v_storage;
if found then
  execute {literal(alter)} || v_storage;
end if;"""
    return Operation((block(body, declare="v_storage text;"),), drops=(target,))


def set_option(target: SchemaObject) -> Operation:
    """Set a storage parameter of a table unless somebody has set it, and remember that."""
    table, name = target["table"], target["name"]
    is_set = (
        "exists (select from pg_catalog.pg_class c,"
        " pg_catalog.pg_options_to_table(c.reloptions) o"
        f" where c.oid = {regclass(table)} and o.option_name = {literal(name)})"
    )
    change = f"""\
perform {lock(table, mode="share update exclusive")};
alter table {qualified(table)} set ({name} = {target["value"]});
{record("option", f"{table}.{name}")}"""
    return Operation((block(when(f"not {is_set}", change)),), (target,))


def reset_option(target: SchemaObject) -> Operation:
    """Reset a storage parameter if the chain set it."""
    table, name = target["table"], target["name"]
    reset = f"alter table {qualified(table)} reset ({name});"
    return Operation((block(undo("option", f"{table}.{name}", reset)),), drops=(target,))
