"""`fastrnn predict`: writes what a fitted network predicts in each row of a table."""

import csv
import io

from fastrnn.cli.columns import read_again
from fastrnn.cli.fit_folder import check_fit_inputs, open_folder, output_names
from fastrnn.cli.output import check_writable, write_text
from fastrnn.cli.progress import compiling_noted
from fastrnn.cli.sound import check_written, is_sound, write_prediction

SUMMARY = "Write what a fitted network predicts in each row of a table"
EXAMPLES = """\
examples:
  fastrnn predict runs/choices choices.csv > predictions.csv
  fastrnn predict runs/choices choices.csv --output predictions.csv
  fastrnn predict runs/choices choices.csv --model 17 --states
  fastrnn predict runs/amplifier input.wav --output predicted.wav

One row for each step, sequence by sequence: the columns of --group, the step,
the prediction, probabilities of classes or ones, and with --states the state
after the step. The table may lack the target. Of a .wav file, --output may be
another one, of floats of 32 bits; sequences are whole, also if the fit had
--segment.
"""


def arguments(parser, argv):
    """Declare the options."""
    parser.add_argument("folder", metavar="FOLDER", help="a folder that fastrnn fit wrote")
    parser.add_argument("table", metavar="TABLE", help="a .csv, .tsv, .parquet, .npz or .wav file")
    parser.add_argument(
        "--model",
        default="best",
        metavar="N",
        help="a row of table.csv, or best (the smallest validation loss; after --cv, the refit; after --each, the best "
        "network of each value, for its rows)",
    )
    parser.add_argument("--states", action="store_true", help="write the hidden states, too")
    parser.add_argument("--output", metavar="FILE", help="a .csv or .wav file (default: standard output)")
    parser.add_argument("--force", action="store_true", help="replace an existing file")


def run(args):
    """Write the predictions; return 0."""
    folder = open_folder(args.folder)
    check_written(args, folder.columns["kind"])
    if args.output:
        check_writable(args.output, args.force)
    data = read_again(args.table, folder.columns)
    check_fit_inputs(folder.fits, data, args.table)
    one, _ = folder.one(args.model, args.table)
    with compiling_noted():
        if args.output and is_sound(args.output):
            write_prediction(args, one.predict(data))
            return 0
        content = csv_of(one, data, folder.columns, args.states)
    write_text(content, args.output, f"{data.steps:,} rows")
    return 0


def csv_of(one, data, columns, states):
    """Return the text of a CSV file."""
    import numpy as np

    p, kind = one.predict(data), columns["kind"]
    targets = output_names(columns, 1 if kind == "classes" else p.shape[1])
    owner = np.repeat(np.arange(len(data)), data.lengths)
    head = [*(data.groups or ["sequence"]), "step"]
    made = [values[owner] for values in data.groups.values()] or [owner]
    made.append(np.arange(data.steps) - data.offsets[owner])
    if kind == "classes":
        names = columns["classes"] if isinstance(columns["classes"], list) else list(range(p.shape[1]))
        made += [np.array(names, object)[one.classes(data)], *p.T]
        head += [f"{targets[0]}_predicted", *(f"p({targets[0]}={name})" for name in names)]
    elif kind == "bits":
        made += [column for pair in zip(one.bits(data).T, p.T) for column in pair]
        head += [text for name in targets for text in (f"{name}_predicted", f"p({name}=1)")]
    else:
        made += list(p.T)
        head += [f"{name}_predicted" for name in targets]
    if states:
        made += list(one.states(data).T)
        head += [f"{name}{unit}" for name in one.cell.state for unit in range(one.hidden_size)]
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(head)
    writer.writerows(zip(*(_written(values) for values in made)))
    return text.getvalue()


def _written(values):
    return [f"{value:.7g}" for value in values] if values.dtype.kind == "f" else values.tolist()
