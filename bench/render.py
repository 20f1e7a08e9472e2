"""`python -m bench.render [FOLDER]`: report.md and the pictures, from the results saved in a folder."""

import json
import sys
from pathlib import Path

from bench.tables import TABLES, TITLES
from fastrnn.files import write_atomically

RESULTS = Path(__file__).parent / "results"


def load(folder, section):
    """A saved result, or None."""
    path = Path(folder) / f"{section}.json"
    return json.loads(path.read_text()) if path.exists() else None


def markdown(name, folder=RESULTS):
    """The table called "SECTION" or "SECTION/TABLE". Raises ValueError for an unknown one or a result that is not there."""
    section, _, table = name.partition("/")
    if section not in TABLES or (table and table not in TABLES[section]):
        known = ", ".join(f"{section}/{table}" for section, tables in TABLES.items() for table in tables)
        raise ValueError(f"table: got {name!r}, expected one of {known}")
    result = load(folder, section)
    if result is None:
        raise ValueError(f"table: {Path(folder) / section}.json is not there: make bench")
    return TABLES[section][table or section](result)


def report(folder=RESULTS):
    """All tables of the results that are there."""
    parts = ["# Benchmarks\n"]
    for name, title in TITLES.items():
        if load(folder, name.partition("/")[0]):
            parts.append(f"## {title}\n\n{markdown(name, folder)}")
    return "\n".join(parts)


def main(folder=RESULTS):
    from bench.plots import draw_all

    write_atomically(Path(folder) / "report.md", report(folder).encode())
    drawn = draw_all(folder)
    print(f"wrote {', '.join(str(path) for path in (Path(folder) / 'report.md', *drawn))}")


if __name__ == "__main__":
    main(*sys.argv[1:2])
