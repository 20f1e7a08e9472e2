"""`python -m bench.readme`: writes the tables of the saved results into README.md, between their markers.

    <!-- bench:ladder/short -->
    ... replaced ...
    <!-- /bench -->

Nothing outside the markers is touched.
"""

import re
from pathlib import Path

from bench.render import RESULTS, markdown
from fastrnn.files import write_atomically

README = Path(__file__).resolve().parent.parent / "README.md"
MARKED = re.compile(r"(?P<start><!-- bench:(?P<name>[\w/]+) -->\n)(?P<text>.*?)(?P<end><!-- /bench -->)", re.DOTALL)


def filled(text, folder=RESULTS):
    """`text` with every marked part replaced by its table. Raises ValueError for a marker without a table, or without its end."""
    starts, matched = text.count("<!-- bench:"), len(MARKED.findall(text))
    if starts != matched:
        raise ValueError(f"readme: {starts} marked parts begin, {matched} end with <!-- /bench -->")
    return MARKED.sub(lambda match: f"{match['start']}{markdown(match['name'], folder)}{match['end']}", text)


def main(path=README, folder=RESULTS):
    before = path.read_text(encoding="utf-8")
    after = filled(before, folder)
    if after != before:
        write_atomically(path, after.encode())
    print(f"{path.name}: {len(MARKED.findall(after))} tables, {'rewritten' if after != before else 'as they were'}")


if __name__ == "__main__":
    main()
