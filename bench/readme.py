"""`python -m bench.readme`: draws the pictures, and writes tables and links to pictures into README.md, between markers.

    <!-- bench:ladder/short -->
    ... replaced ...
    <!-- /bench -->

What stands after `bench:` is a name that bench.render knows: "targets", "SECTION/TABLE" or "picture/NAME". Nothing
outside the markers is touched.
"""

import re
from pathlib import Path

from bench.plots import draw_all
from bench.render import RESULTS, markdown
from fastrnn.files import write_atomically

README = Path(__file__).resolve().parent.parent / "README.md"
MARKED = re.compile(r"(?P<start><!-- bench:(?P<name>[\w/]+) -->\n)(?P<text>.*?)(?P<end><!-- /bench -->)", re.DOTALL)


def filled(text, folder=RESULTS):
    """`text` with every marked part replaced by what it names. Raises ValueError for a marker without a table, or without its end."""
    starts, matched = text.count("<!-- bench:"), len(MARKED.findall(text))
    if starts != matched:
        raise ValueError(f"readme: {starts} marked parts begin, {matched} end with <!-- /bench -->")
    return MARKED.sub(lambda match: f"{match['start']}{markdown(match['name'], folder)}{match['end']}", text)


def main(path=README, folder=RESULTS):
    before = path.read_text(encoding="utf-8")
    after = filled(before, folder)
    if after != before:
        write_atomically(path, after.encode())
    draw_all(folder)
    print(
        f"{path.name}: {len(MARKED.findall(after))} marked parts, {'rewritten' if after != before else 'as they were'}"
    )


if __name__ == "__main__":
    main()
