"""Runs the cases, and prints what became of each."""

from __future__ import annotations

from typing import NamedTuple, TypeVar

import pytest

from oracle.capture import Agree, Bench, Case, differences

C = TypeVar("C")


class Row(NamedTuple):
    """A line of the table."""

    provider: str
    case: str
    verdict: str


ROWS = pytest.StashKey[list[Row]]()


@pytest.fixture
def agree(request: pytest.FixtureRequest) -> Agree:
    rows = request.config.stash.setdefault(ROWS, [])

    async def run(bench: Bench[C], case: Case[C]) -> None:
        found = await differences(bench, case)
        reasons = [f"{one.place}: {case.differences.get(one.place, 'NOT LISTED')}" for one in found]
        rows.append(Row(bench.wire().name, case.title, "\n".join(dict.fromkeys(reasons)) or "agreed"))
        assert [str(one) for one in found if one.place not in case.differences] == []
        assert set(case.differences) == {one.place for one in found}, "a listed difference is gone"

    return run


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    if ROWS not in config.stash:
        return
    rows = config.stash[ROWS]
    width = max(len(row.case) for row in rows)
    terminalreporter.section("what the official clients send too")
    for row in sorted(rows):
        first, *more = row.verdict.splitlines()
        terminalreporter.line(f"{row.provider:<12}{row.case:<{width}}  {first}")
        for line in more:
            terminalreporter.line(f"{'':<12}{'':<{width}}  {line}")
