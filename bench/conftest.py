"""pytest options of the benchmarks, and the clock that hands measured times to pytest-benchmark.

A section measures all of its rows in interleaved rounds, which pytest-benchmark, one test after the other, cannot.
Each row is then a test whose rounds last, by this clock, exactly what they lasted: groups, saved JSON and
--benchmark-compare work as always.
"""

import time
from pathlib import Path

import pytest

from bench import processors
from bench.suite import SECTIONS
from fastrnn.bench import report


class Clock:
    """A timer that advances only when told to."""

    def __init__(self):
        self.seconds = 0.0

    def now(self):
        return self.seconds


CLOCK = Clock()


def pytest_addoption(parser):
    parser.addoption("--quick", action="store_true", help="few sizes, short rounds, no peers")
    parser.addoption("--results", default=str(processors.here()),
                     help="folder for results (default: this processor's in bench/results)")
    parser.addoption("--section", action="append", choices=list(SECTIONS), help="only these sections")


def pytest_generate_tests(metafunc):
    if "row_name" not in metafunc.fixturenames:
        return
    config = metafunc.config
    named = config.getoption("--section") or ()
    # Those that take minutes have no rows unless they are named.
    words = config.getoption("keyword")
    chosen = named or [name for name, each in SECTIONS.items() if not getattr(each, "asked", False) or name in words]
    rows = [
        (section, group, name)
        for section in chosen
        for group, name in SECTIONS[section].names(config.getoption("--quick"))
    ]
    metafunc.parametrize("section_name, group, row_name", rows, ids=[f"{section}-{name}" for section, _, name in rows])


@pytest.fixture(scope="session")
def results(request):
    """{section: result}; each is measured when first requested, and saved at once."""
    found, failed, config = {}, {}, request.config
    capture = config.pluginmanager.getplugin("capturemanager")

    def result(name):
        if name in failed:
            pytest.fail(f"section {name} was not measured: {failed[name]}", pytrace=False)
        if name not in found:
            try:
                with capture.global_and_fixture_disabled(), Progress(name) as progress:
                    found[name] = SECTIONS[name].measure(config.getoption("--quick"), progress)
            except Exception as error:
                failed[name] = f"{type(error).__name__}: {error}"
                raise
            folder = Path(config.getoption("--results"))
            folder.mkdir(parents=True, exist_ok=True)
            report.save(found[name], folder / f"{name}.json")
        return found[name]

    return result


# Seconds between two lines where there is no terminal for a bar.
QUIET = 15


class Progress:
    """Shows what a section is doing: a bar on a terminal, else a line from time to time."""

    def __init__(self, name):
        from tqdm import tqdm

        self.name, self.began, self.reported = name, time.monotonic(), time.monotonic()
        self.bar = tqdm(
            desc=name, leave=False, dynamic_ncols=True, disable=None, bar_format="{desc} {bar} {n}/{total} {postfix}"
        )
        print(f"\nmeasuring: {name}", flush=True)

    def __call__(self, done, total, note):
        if self.bar.disable:
            now = time.monotonic()
            if now - self.reported >= QUIET:
                self.reported = now
                print(f"  {now - self.began:4.0f} s  {done} of {total}: {note}", flush=True)
            return
        self.bar.total, self.bar.n = total, done
        self.bar.set_postfix_str(note, refresh=False)
        self.bar.refresh()

    def __enter__(self):
        return self

    def __exit__(self, *exception):
        self.bar.close()
        print(f"  {self.name}: {time.monotonic() - self.began:.0f} s", flush=True)
