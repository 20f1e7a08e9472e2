"""`python -m bench.readme`: draws the pictures, and writes tables and links to pictures into README.md and docs/.

    <!-- bench:ladder/short -->
    ... replaced ...
    <!-- /bench -->

What stands after `bench:` is a name that bench.render knows: "summary", "targets", "processors", "SECTION/TABLE"
or "picture/NAME". The figures are those of the processor that pyproject.toml names, "processors" has all.
Nothing outside the markers is touched.
"""

import re
from pathlib import Path

from bench import processors
from bench.arguments import parser_for
from bench.plots import draw_all
from bench.render import RESULTS, markdown
from fastrnn.files import write_atomically

ROOT = Path(__file__).resolve().parent.parent
README = ROOT / "README.md"
DOCUMENTS = (README, *sorted((ROOT / "docs").glob("*.md")))
MARKED = re.compile(r"(?P<start><!-- bench:(?P<name>[\w/]+) -->\n)(?P<text>.*?)(?P<end><!-- /bench -->)", re.DOTALL)


def filled(text, folder=RESULTS, document=README):
    """Return the text of a document with every marked part replaced by the table or picture that it names.

    Raises ValueError for a marker without a table, or without its end.
    """
    starts, matched = text.count("<!-- bench:"), len(MARKED.findall(text))
    if starts != matched:
        raise ValueError(f"readme: {starts} marked parts begin, {matched} end with <!-- /bench -->")
    return MARKED.sub(lambda match: f"{match['start']}{markdown(match['name'], folder, document)}{match['end']}", text)


def main(paths=DOCUMENTS, folder=RESULTS):
    for path in paths:
        before = path.read_text(encoding="utf-8")
        after = filled(before, folder, path)
        if after != before:
            write_atomically(path, after.encode())
        if parts := len(MARKED.findall(after)):
            print(f"{path.name}: {parts} marked parts, {'rewritten' if after != before else 'unchanged'}")
    for each in processors.folders(folder.parent):
        draw_all(each)


if __name__ == "__main__":
    parser_for("readme", __doc__).parse_args()
    main()
