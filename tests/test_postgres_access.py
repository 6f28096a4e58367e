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

_NAMES = ("type", "model", "provider", "quality_tier", "client_key")
REFUSES = "the migration refuses"

# What somebody could break in the SQL, and what has to be noticed.
BROKEN: Mapping[str, tuple[str, str, str]] = {
    "row security is not switched on": (
        "  alter table public.generation_jobs enable row level security;\n", "", REFUSES,
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
        "with check ((select auth.uid())::text = user_id);", "with check (true);", "columns inserted",
    ),
    "a row belongs to nobody": (
        "  alter table public.generation_jobs alter column user_id set default (auth.uid())::text;\n", "", REFUSES,
    ),
    "blank prompts pass": (r"coalesce(prompt, '') ~ '[^[:space:]]'", "true", "filed"),
    "long prompts pass": ("octet_length(prompt) <= 65536", "true", "filed"),
    "letters are counted, not bytes": ("octet_length(prompt)", "length(prompt)", "filed"),
    "long requests pass": ("octet_length(request::text) <= 65536", "true", "filed"),
    "requests of any kind pass": ("jsonb_typeof(request) = 'object'", "true", "filed"),
    "long clips pass": ("duration_seconds <= 3600", "true", "filed"),
    "lengths may have any digits": (" and scale(duration_seconds) <= 20", "", "filed"),
    "long names pass": (
        "octet_length(concat(type, model, provider, quality_tier, client_key)) <= 1000", "true", "filed",
    ),
    **{f"a long {name} passes": (
        "concat(type, model, provider, quality_tier, client_key)",
        f"concat({', '.join(other for other in _NAMES if other != name)})", "filed",
    ) for name in _NAMES},
    "long paths pass": ("octet_length(reference_media_path) <= 1024 and ", "", "filed"),
    "references of others pass": (
        "starts_with(reference_media_path, coalesce(user_id, '') || '/')", "true", "filed",
    ),
    "a folder is compared as a text": ("coalesce(user_id, '') || '/')", "coalesce(user_id, ''))", "filed"),
    "references may climb": (r"translate(reference_media_path, chr(92), '/') !~ '(^|/)[.]{0,2}(/|$)'", "true", "filed"),
    "backslashes do not count": ("translate(reference_media_path, chr(92), '/')", "reference_media_path", "filed"),
    "workers are held to what users may file": (
        "current_user <> 'authenticated' or coalesce(prompt", "coalesce(prompt", "filed",
    ),
    "polling has the rights of the owner": (
        "language sql stable security invoker", "language sql stable security definer", "polls hers",
    ),
    "polling trusts the search path": (
        "language sql stable security invoker set search_path = ''", "language sql stable security invoker",
        "search paths",
    ),
    "the version trusts the search path": (
        "language sql immutable security invoker set search_path = ''", "language sql immutable security invoker",
        "search paths",
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
        "    revoke execute on function public.nexiom_schema_version() from public, anon, authenticated;\n",
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
    script = migration().replace(whole, part)
    if noticed == REFUSES:
        with pytest.raises(psycopg.errors.RaiseException, match="an earlier statement of this migration failed"):
            observed(open_table, script)
    else:
        facts = observed(open_table, script)
        assert noticed in {what for what, expected in EXPECTED.items() if facts[what] != expected}
