"""Arguments of the programs `python -m bench.NAME`; `--help` prints what the program says of itself."""

import argparse


def parser_for(name, doc):
    """Return the ArgumentParser of `python -m bench.name`, with the module's own description."""
    return argparse.ArgumentParser(
        prog=f"python -m bench.{name}", description=doc, formatter_class=argparse.RawDescriptionHelpFormatter
    )
