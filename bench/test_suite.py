"""Hands every row of every section to pytest-benchmark, as it was measured."""

import pytest

from bench.conftest import CLOCK


@pytest.mark.benchmark(timer=CLOCK.now)
def test_row(section_name, group, row_name, results, benchmark):
    rows = {row["name"]: row for row in results(section_name)["rows"]}
    row = rows[row_name]
    assert not row["absent"], row["absent"]
    rounds = iter(row["seconds"])

    def replay():
        CLOCK.seconds += next(rounds)

    benchmark.group = group
    benchmark.extra_info.update({key: value for key, value in row.items() if isinstance(value, (str, int, float))})
    benchmark.pedantic(replay, rounds=len(row["seconds"]), iterations=1)
