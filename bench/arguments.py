"""Arguments of the programs `python -m bench.NAME`; `--help` prints what the program says of itself."""

import argparse


def parser_for(name, doc):
    """Return the ArgumentParser of `python -m bench.name`, with the module's own description."""
    return argparse.ArgumentParser(
        prog=f"python -m bench.{name}", description=doc, formatter_class=argparse.RawDescriptionHelpFormatter
    )


def add_sections(parser, names):
    """Add the argument `sections`: some of these names, by default all."""

    def known(name):
        if name not in names:
            raise argparse.ArgumentTypeError(f"got {name!r}, expected one of {', '.join(names)}")
        return name

    # Python 3.11 compares the default, a list, with `choices`.
    parser.add_argument("sections", nargs="*", type=known, default=[*names], help=f"{', '.join(names)} (default: all)")
