"""`python -m bench.render [FOLDER]`: writes report.md and the pictures from the results saved in a folder.

Without a folder, from those of this processor.
"""

import json
import os
from pathlib import Path

from bench import plots, processors, targets
from bench.arguments import parser_for
from bench.summary import side_by_side, summary
from bench.tables import TABLES
from fastrnn.files import write_atomically

# What README.md and docs/ show.
RESULTS = processors.shown()
ROOT = Path(__file__).resolve().parent.parent


def load(folder, section):
    """Return a saved result, or None."""
    path = Path(folder) / f"{section}.json"
    return json.loads(path.read_text()) if path.exists() else None


def names():
    """Return the names that `markdown` knows."""
    tables = (f"{section}/{table}" for section, tables in TABLES.items() for table in tables)
    return ["summary", "targets", "processors", *tables, *(f"picture/{name}" for name in plots.PICTURES)]


def markdown(name, folder=RESULTS, document=ROOT / "README.md"):
    """Return the table called "summary", "targets" or "SECTION/TABLE", or the link from `document` to "picture/NAME".

    "processors" is the table of this folder and those beside it, with links from `document` to their reports; the
    comparison with a GPU may come from beside it, too. Raises
    ValueError for an unknown name or a result that is not there.
    """
    if name not in names():
        raise ValueError(f"table: got {name!r}, expected one of {', '.join(names())}")
    section, _, table = name.partition("/")
    if name == "processors":
        return beside(Path(folder).parent, document)
    if name in ("summary", "targets"):
        results = {section: load(folder, section) for section in TABLES}
        section = "ladder"
        if results["ladder"] or name == "targets" and any(results.values()):
            return {"summary": summary, "targets": targets.markdown}[name](results)
    elif section == "picture":
        section, _, shows = plots.PICTURES[table]
        if load(folder, section):
            return f"![{shows}]({os.path.relpath(Path(folder) / table, document.parent)}.png)\n"
    elif result := load(folder, section) or section == "gpu" and with_gpu(Path(folder).parent):
        return TABLES[section][table][1](result)
    raise ValueError(f"table: {Path(folder) / section}.json is not there: make bench")


def with_gpu(root):
    """Return the first saved comparison with a GPU of the processors below `root`, or None: few machines have one."""
    return next(filter(None, (load(path, "gpu") for path in processors.folders(root))), None)


def beside(root, document):
    """Return the table of all processors below `root`."""
    return side_by_side({
        f"[{path.name}]({os.path.relpath(path / 'report.md', document.parent)})": {
            section: load(path, section) for section in ("ladder", "shapes")
        }
        for path in processors.folders(root)
    })


def report(folder=RESULTS):
    """Return all tables of the saved results."""
    parts = ["# Benchmarks\n", f"## Targets, and measured values\n\n{markdown('targets', folder)}"]
    for section, tables in TABLES.items():
        if load(folder, section):
            parts += [
                f"## {title}\n\n{markdown(f'{section}/{table}', folder)}"
                for table, (title, _) in tables.items()
                if title
            ]
            parts.append(markdown(f"{section}/note", folder))
    return "\n".join(parts)


def main(folder=None):
    folder = folder or processors.here()
    write_atomically(Path(folder) / "report.md", report(folder).encode())
    drawn = plots.draw_all(folder)
    if load(folder, "ladder"):
        print(markdown("summary", folder))
    print(f"wrote {', '.join(str(path) for path in (Path(folder) / 'report.md', *drawn))}")


if __name__ == "__main__":
    parser = parser_for("render", __doc__)
    parser.add_argument("folder", nargs="?")
    main(parser.parse_args().folder)
