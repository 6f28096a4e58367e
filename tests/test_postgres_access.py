"""Who may do what on Supabase, on a real PostgreSQL: every verb, role and table, and proof that each rule is needed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import psycopg
import pytest

from access_matrix import EXPECTED, Facts, observed
from nexiom_sdk.backends.postgres_migration import migration
from schema_rig import NINE_COLUMNS, supabase_database


@pytest.fixture(scope="module", params=["", NINE_COLUMNS], ids=["over nothing", "over an open table"])
def before(request: pytest.FixtureRequest) -> Iterator[psycopg.Connection]:
    with supabase_database(before=request.param) as url, psycopg.connect(url, autocommit=True) as db:
        yield db


@pytest.fixture(scope="module")
def facts(before: psycopg.Connection) -> Facts:
    return observed(before, migration())


@pytest.fixture(scope="module")
def open_table() -> Iterator[psycopg.Connection]:
    with supabase_database(before=NINE_COLUMNS) as url, psycopg.connect(url, autocommit=True) as db:
        yield db


@pytest.mark.parametrize("what", EXPECTED)
def test_each_of_them_may_do_this_and_no_more(what: str, facts: Facts) -> None:
    assert facts[what] == EXPECTED[what]


def test_nothing_is_observed_that_nobody_judges(facts: Facts) -> None:
    assert facts.keys() == EXPECTED.keys()


_SELECTED = migration()[
    migration().index("grant select (") : migration().index(")\n     on public.generation_jobs") + 1
]
_REVOKED = "from public, anon, authenticated;\n  grant all"
_FOR_SELECT = "on public.generation_jobs for select to authenticated"

# What somebody could break in the SQL, and what has to be noticed.
BROKEN: Mapping[str, tuple[str, str, str]] = {
    "row security is not switched on": (
        "  alter table public.generation_jobs enable row level security;\n", "", "rows selected",
    ),
    "users keep what the table had granted": (
        "  revoke all on public.generation_jobs from public, anon, authenticated;\n", "", "privileges",
    ),
    "everybody keeps what was granted to all": (_REVOKED, _REVOKED.replace("public, ", ""), "privileges"),
    "the unknown keep what Supabase grants": (_REVOKED, _REVOKED.replace("anon, ", ""), "privileges"),
    "users keep what Supabase grants": (_REVOKED, _REVOKED.replace(", authenticated", ""), "columns updated"),
    "users see every column": (
        _SELECTED, "grant select", "columns selected",
    ),
    "users see what a job costs": ("grant select (id,", "grant select (cost_usd, id,", "columns selected"),
    "users cannot see how far it is": ("error_code, progress, ", "error_code, ", "columns selected"),
    "users choose the phase": ("grant insert (type,", "grant insert (phase, type,", "columns inserted"),
    "users file for others": ("grant insert (type,", "grant insert (user_id, type,", "columns inserted"),
    "users cannot name a request": ("client_key, request)\n", "client_key)\n", "columns inserted"),
    "users change their rows": (
        "  grant insert (", "  grant update (prompt) on public.generation_jobs to authenticated;\n  grant insert (",
        "columns updated",
    ),
    "users see the rows of others": ("using ((select auth.uid())::text = user_id);", "using (true);", "rows selected"),
    "rows of nobody are everybody's": (
        "using ((select auth.uid())::text = user_id);",
        "using (user_id is null or (select auth.uid())::text = user_id);", "rows selected",
    ),
    "the unknown have the policy, too": (
        _FOR_SELECT, _FOR_SELECT.replace("authenticated", "public"), "policies",
    ),
    "the policy allows more than to see": (
        _FOR_SELECT, _FOR_SELECT.replace("select", "all"), "policies",
    ),
    "users see nothing": (
        "using ((select auth.uid())::text = user_id);", "using (false);", "rows selected",
    ),
    "filing is not looked at": (
        "with check ((select auth.uid())::text = user_id\n", "with check (true\n", "columns inserted",
    ),
    "a row belongs to nobody": (
        "  alter table public.generation_jobs alter column user_id set default (auth.uid())::text;\n", "", "filed",
    ),
    "blank prompts pass": (r"and prompt ~ '\S' and", "and", "filed"),
    "long prompts pass": (r" and octet_length(prompt) <= 65536", "", "filed"),
    "letters are counted, not bytes": ("octet_length(prompt)", "length(prompt)", "filed"),
    "long requests pass": (" and octet_length(request::text) <= 65536", "", "filed"),
    "requests of any kind pass": ("and jsonb_typeof(request) = 'object' and", "and", "filed"),
    "references of others pass": (
        "starts_with(reference_media_path, (select auth.uid())::text || '/') and ", "", "filed",
    ),
    "a folder is compared as a text": (
        "(select auth.uid())::text || '/') and", "(select auth.uid())::text) and", "filed",
    ),
    "references may climb": (r" and reference_media_path !~ '(^|[/\\])\.{0,2}([/\\]|$)'", "", "filed"),
    "backslashes do not count": (r"'(^|[/\\])\.{0,2}([/\\]|$)'", r"'(^|/)\.{0,2}(/|$)'", "filed"),
    "polling has the rights of the owner": (
        "language sql stable security invoker", "language sql stable security definer", "polls hers",
    ),
    "polling trusts the search path": (
        "language sql stable security invoker set search_path = ''", "language sql stable security invoker",
        "search path of the poll",
    ),
    "the unknown may poll": (
        "revoke execute on function public.get_generation_job(uuid) from public, anon;",
        "revoke execute on function public.get_generation_job(uuid) from public;", "executes",
    ),
    "everybody may poll": (
        "revoke execute on function public.get_generation_job(uuid) from public, anon;",
        "revoke execute on function public.get_generation_job(uuid) from anon;", "executes",
    ),
    "users claim": (
        "claim_generation_jobs(integer, double precision, uuid) from public, anon, authenticated;",
        "claim_generation_jobs(integer, double precision, uuid) from public, anon;", "executes",
    ),
    "claiming has the rights of the owner": (
        "language sql volatile security invoker", "language sql volatile security definer",
        "functions with the rights of their owner",
    ),
    "the version is everybody's": (
        "  revoke execute on function public.nexiom_schema_version() from public, anon, authenticated;\n",
        "", "executes",
    ),
    "the trigger can be called": (
        "  revoke execute on function public.nexiom_tell_workers() from public, anon, authenticated;\n", "", "executes",
    ),
    "buckets are public": ("('outputs', 'outputs', false)", "('outputs', 'outputs', true)", "buckets"),
    "there is one bucket": ("('inputs', 'inputs', false), ", "", "buckets"),
    "users write results": (
        "with check (bucket_id = 'inputs' and", "with check (bucket_id in ('inputs', 'outputs') and",
        "objects inserted",
    ),
    "users write to folders of others": (
        "with check (bucket_id = 'inputs' and (storage.foldername(name))[1] = (select auth.uid())::text);",
        "with check (bucket_id = 'inputs');", "objects inserted",
    ),
    "users upload nothing": (
        'create policy "nexiom: put own inputs" on storage.objects for insert to authenticated',
        'create policy "nexiom: put own inputs" on storage.objects for insert to service_role', "objects inserted",
    ),
    "users see the media of others": (
        "using (bucket_id in ('inputs', 'outputs') and (storage.foldername(name))[1] = (select auth.uid())::text);",
        "using (bucket_id in ('inputs', 'outputs'));", "objects selected",
    ),
    "users see other buckets": ("using (bucket_id in ('inputs', 'outputs') and (", "using ((", "objects selected"),
    "users do not see results": ("bucket_id in ('inputs', 'outputs')", "bucket_id in ('inputs')", "objects selected"),
    "users change their media": (
        'create policy "nexiom: see own media" on storage.objects for select',
        'create policy "nexiom: see own media" on storage.objects for all', "objects deleted",
    ),
}  # fmt: skip


@pytest.mark.parametrize("how", BROKEN)
def test_a_rule_that_is_broken_is_noticed(how: str, open_table: psycopg.Connection) -> None:
    whole, part, noticed = BROKEN[how]
    assert migration().count(whole) == 1, "the SQL has changed: break it in another place"
    facts = observed(open_table, migration().replace(whole, part))
    assert noticed in {what for what, expected in EXPECTED.items() if facts[what] != expected}
