"""Sequences of tables against pandas' groups and shifts, and scikit-learn's encoders."""

import json

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from data_tables import COLUMNS, choices, same
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from fastrnn import Sequences
from fastrnn.data import TRAIN, Encoder, split


def test_rows_that_agree_in_their_groups_are_a_sequence_in_the_table_s_order():
    frame = choices().iloc[::-1].reset_index(drop=True)
    data = Sequences.from_table(frame, ["rt", "reward"], "choice", subject="rat", session="day", group="rat")
    for n, ((rat, day), rows) in enumerate(frame.groupby(["rat", "day"], sort=False)):
        x, y, weight = data[n]
        np.testing.assert_array_equal(x, rows[["rt", "reward"]])
        assert y[:, 0].tolist() == rows["choice"].tolist() and (weight == 1).all()
        assert data.ids[n] == f"{rat}/{day}/{rat}"
        assert (data.groups["subject"][n], data.groups["session"][n], data.groups["rat"][n]) == (rat, day, rat)
    assert n + 1 == len(data) == 12 and data.groups["session"].dtype == np.int64
    assert (data.input_names, data.target_names, data.kind) == (("rt", "reward"), ("choice",), "bits")


def test_an_infinite_number_is_a_group_as_others():
    data = Sequences.from_table({"x": [1, 2, 3], "g": [np.inf, np.inf, -np.inf]}, "x", group="g")
    assert data.groups["g"].tolist() == [np.inf, -np.inf] and len(data) == 2


def test_one_group_gives_ids_and_none_one_sequence():
    frame = choices()
    assert Sequences.from_table(frame, "rt", group="rat").ids.tolist() == [f"rat {n}" for n in range(4)]
    whole = Sequences.from_table(frame, "rt", "choice")
    assert whole.lengths.tolist() == [len(frame)] and whole.groups == {} and whole.ids.tolist() == [0]
    bare = Sequences.from_table(frame, "rt")
    assert bare.kind is None and bare.y.shape == (len(frame), 0) and not bare.weight.any()


def test_lag_shifts_inside_sequences():
    frame = choices(seed=2)
    by = frame.groupby(["rat", "day"], sort=False)
    for lag in (1, 3, 20):
        data = Sequences.from_table(frame, ["choice", "rt"], "choice", subject="rat", session="day", lag=lag)
        np.testing.assert_array_equal(data.x, by[["choice", "rt"]].shift(lag, fill_value=0))
    some = Sequences.from_table(frame, ["rt", "choice", "reward"], "choice", subject="rat", session="day",
                                lag={"choice": 1, "reward": 2})
    np.testing.assert_array_equal(some.x[:, 0], frame["rt"])
    np.testing.assert_array_equal(some.x[:, 1], by["choice"].shift(1, fill_value=0))
    np.testing.assert_array_equal(some.x[:, 2], by["reward"].shift(2, fill_value=0))


def test_time_puts_rows_in_order():
    frame = choices(seed=3)
    mixed = frame.sample(frac=1, random_state=1)
    data = Sequences.from_table(mixed, "rt", "choice", subject="rat", session="day", time="trial")
    ordered = mixed.assign(first=mixed.groupby(["rat", "day"], sort=False).ngroup()).sort_values(["first", "trial"])
    np.testing.assert_array_equal(data.x[:, 0], ordered["rt"])
    order = mixed[["rat", "day"]].drop_duplicates().itertuples(index=False)
    assert data.ids.tolist() == [f"{rat}/{day}" for rat, day in order]
    dated = mixed.assign(trial=pd.Timestamp("2024-01-01") + pd.to_timedelta(mixed["trial"], "min"))
    zoned = dated.assign(trial=dated["trial"].dt.tz_localize("Europe/Berlin"))
    for times in (dated, zoned, dated.assign(trial=dated["trial"].dt.to_pydatetime().astype(object))):
        same(data, Sequences.from_table(times, "rt", "choice", subject="rat", session="day", time="trial"))


def test_one_hot_and_standardised_columns_are_scikit_learn_s_of_the_training_rows():
    frame = choices(seed=4)
    frame.loc[frame["rat"] == "rat 3", "stim"] = "shock"  # never seen in training
    roles = np.arange(12) % 4 != 3
    roles[9:] = False
    data = Sequences.from_table(frame, ["stim", "rt", "reward"], "choice", subject="rat", session="day", one_hot="stim",
                                standardize="rt", training=roles)
    training = frame[roles[frame.groupby(["rat", "day"], sort=False).ngroup()]]
    hot = OneHotEncoder(handle_unknown="ignore", sparse_output=False).fit(training[["stim"]])
    scaler = StandardScaler().fit(training[["rt"]])
    np.testing.assert_array_equal(data.x[:, :3], hot.transform(frame[["stim"]]))
    np.testing.assert_allclose(data.x[:, 3], scaler.transform(frame[["rt"]])[:, 0], rtol=1e-12)
    np.testing.assert_array_equal(data.x[:, 4], frame["reward"])
    assert data.input_names == ("stim=light", "stim=none", "stim=tone", "rt", "reward")
    by_number = Sequences.from_table(frame, ["stim", "rt", "reward"], "choice", subject="rat", session="day",
                                     one_hot="stim", standardize="rt", training=np.flatnonzero(roles))
    same(data, by_number)


def test_nothing_of_other_sequences_reaches_the_encoder():
    frame = choices(seed=5)
    roles = split(Sequences.from_table(frame, "rt", subject="rat", session="day"), by="subject") == TRAIN
    changed, outside = frame.copy(), ~roles[frame.groupby(["rat", "day"], sort=False).ngroup()]
    changed.loc[outside, "rt"], changed.loc[outside, "stim"] = 1e9, "other"
    given = {**COLUMNS, "one_hot": ["stim"], "standardize": ["rt"], "training": roles, "lag": 1}
    one, other = Sequences.from_table(frame, **given), Sequences.from_table(changed, **given)
    assert one.encoder == other.encoder
    for n in np.flatnonzero(roles):
        np.testing.assert_array_equal(one[n][0], other[n][0])


def test_an_encoder_encodes_other_tables_and_goes_through_json():
    frame = choices(seed=6)
    given = {**COLUMNS, "lag": 1}
    data = Sequences.from_table(frame, **given, one_hot=["stim"], standardize=["rt"], training="all")
    encoder = Encoder.from_dict(json.loads(json.dumps(data.encoder.as_dict())))
    assert encoder == data.encoder
    same(data, Sequences.from_table(frame, **given, encoder=encoder))
    part = frame[frame["rat"] == "rat 2"]
    other = Sequences.from_table(part, **given, encoder=encoder)
    np.testing.assert_array_equal(other.x, data.x[np.flatnonzero(frame["rat"] == "rat 2")])


def test_a_constant_column_is_shifted_to_zero():
    data = Sequences.from_table({"a": [0.1] * 7, "b": range(7)}, ["a", "b"], standardize=["a"], training="all")
    assert (data.x[:, 0] == 0).all() and data.x[:, 1].tolist() == list(range(7))


@pytest.mark.parametrize("size", [1e-300, 1e300])
def test_a_column_whose_squares_no_float_holds_is_standardised_all_the_same(size):
    values = np.array([1.0, -1.0, 0.5, 0.25])
    table = {"x": size * values}
    data = Sequences.from_table(table, "x", standardize="x", training="all")
    np.testing.assert_allclose(data.x[:, 0], (values - values.mean()) / values.std(), rtol=1e-12)


def test_whole_numbers_beyond_64_bits_are_floats():
    assert Sequences.from_table({"x": [2**70, 1]}, "x").x.tolist() == [[2.0**70], [1.0]]
    with pytest.raises(ValueError, match="^column 'x': got an integer beyond all floats, expected numbers$"):
        Sequences.from_table({"x": [10**400, 1]}, "x")


def test_inputs_of_long_numbers_have_names_of_their_own():
    table = {"code": [1_000_001, 1_000_002, 1_000_001], "gain": [0.1234567, 0.1234568, 0.5], "side": [0.5, 2.0, 0.5]}
    data = Sequences.from_table(table, list(table), one_hot=list(table))
    assert data.input_names[:2] == ("code=1000001", "code=1000002")
    assert data.input_names[2:5] == ("gain=0.1234567", "gain=0.1234568", "gain=0.5")
    assert data.input_names[5:] == ("side=0.5", "side=2")


def test_inputs_of_arrays_are_encoded_too():
    rng = np.random.default_rng(0)
    x = [np.stack([rng.integers(0, 3, length), rng.normal(2, 3, length)], 1) for length in (5, 7, 4)]
    data = Sequences(x, [each[:, 0] for each in x], input_names=["cue", "rt"], kind="reals")
    encoded = data.encoded(one_hot="cue", standardize="rt", training=[0, 2])
    used = np.concatenate([x[0], x[2]])
    scaler = StandardScaler().fit(used[:, 1:])
    np.testing.assert_allclose(encoded.x[:, -1:], scaler.transform(data.x[:, 1:]), rtol=1e-12)
    np.testing.assert_array_equal(encoded.x[:, :3], data.x[:, :1] == [0, 1, 2])
    assert encoded.input_names == ("cue=0", "cue=1", "cue=2", "rt")
    np.testing.assert_array_equal(encoded.x, data.encoded(encoder=encoded.encoder).x)
    assert encoded.y is data.y


def test_a_step_without_a_target_does_not_count():
    frame = choices(seed=7).astype({"choice": "float"})
    frame.loc[[2, 5], "choice"] = np.nan
    data = Sequences.from_table(frame, ["rt"], "choice", subject="rat", session="day")
    assert np.flatnonzero(data.weight == 0).tolist() == [2, 5] and data.kind == "bits"
    assert f"{len(frame) - 2} of {len(frame)} steps count" in repr(data)
    for missing in ([0, None, 2, 1], [0, np.nan, 2, 1], pd.array([0, pd.NA, 2, 1], "Int64"), pl.Series([0, None, 2, 1]),
                    np.ma.array([0, 9, 2, 1], mask=[0, 1, 0, 0]), pa.array([0, None, 2, 1])):
        classes = Sequences.from_table({"x": range(4), "y": missing}, "x", "y")
        assert (classes.kind, classes.classes, classes.y.tolist()) == ("classes", 3, [0, -1, 2, 1])
    names = Sequences.from_table({"x": range(4), "y": ["a", None, "c", "b"]}, "x", "y")
    assert (names.class_names, names.y.tolist()) == (("a", "b", "c"), [0, -1, 2, 1])
    texts = ["a", "", "c", "b"]
    for empty in (texts, pd.Series(texts), pl.Series(texts), np.array(texts), np.array(texts, "S1"),
                  pd.array(["a", "", pd.NA, "b"], "string"), ["a", "", None, "b"]):
        read = Sequences.from_table({"x": range(4), "y": empty}, "x", "y")
        assert read.class_names in (("a", "b", "c"), ("a", "b")) and read.y[1] == -1 and read.weight[1] == 0
    several = Sequences.from_table({"x": range(3), "a": [0.5, None, 1], "b": [1, 2, 3]}, "x", ["a", "b"])
    assert several.weight.tolist() == [1, 0, 1] and several.y.tolist() == [[0.5, 1], [0, 0], [1, 3]]


def test_a_missing_input_that_is_shifted_out_is_not_needed():
    table = {"choice": [0, 1, None, 1, 1, None], "s": [1, 1, 1, 2, 2, 2]}
    data = Sequences.from_table(table, "choice", "choice", group="s", lag=1)
    assert data.x[:, 0].tolist() == [0, 0, 1, 0, 1, 1] and data.weight.tolist() == [1, 1, 0, 1, 1, 0]


def test_a_column_of_weights():
    table = {"x": [1, 2, 3], "y": [1, 2, None], "w": [0.5, 0, 2]}
    data = Sequences.from_table(table, "x", "y", weight="w", kind="reals")
    assert data.weight.tolist() == [0.5, 0, 0]


FORMS = {
    "pandas": lambda frame: frame,
    "pandas categories": lambda frame: frame.astype({"rat": "category", "stim": "category"}),
    "pandas objects": lambda frame: frame.astype(object),
    "pandas nullable": lambda frame: frame.convert_dtypes(),
    "pandas index": lambda frame: frame.set_index(np.arange(len(frame))[::-1]),
    "polars": pl.from_pandas,
    "pyarrow": lambda frame: pa.Table.from_pandas(frame),
    "dict of lists": lambda frame: frame.to_dict("list"),
    "dict of arrays": lambda frame: {name: frame[name].to_numpy() for name in frame},
    "structured array": lambda frame: frame.to_records(index=False, column_dtypes={"rat": "U8", "stim": "S5"}),
}


@pytest.mark.parametrize("form", FORMS)
def test_every_library_s_table_gives_the_same(form):
    frame = choices(seed=8)
    given = {**COLUMNS, "one_hot": ["stim"], "lag": {"choice": 1}}
    same(Sequences.from_table(frame, **given), Sequences.from_table(FORMS[form](frame), **given))


def test_columns_may_have_any_names():
    frame = pd.DataFrame({"place": [1.0, 2.0], "names": [0, 1], "columns": [3, 3], 7: [5, 6]})
    data = Sequences.from_table(frame, ["place", "7"], "names", group="columns")
    assert data.x.tolist() == [[1, 5], [2, 6]] and data.ids.tolist() == [3]


def test_a_table_is_not_changed_or_kept():
    table = {"x": np.arange(4.0), "y": np.array([0.0, 1.0, np.nan, 1.0]), "s": np.array([1, 1, 2, 2])}
    copies = {name: column.copy() for name, column in table.items()}
    data = Sequences.from_table(table, "x", "y", group="s", lag=1, standardize="x", training="all")
    before = data.digest
    for name, column in table.items():
        np.testing.assert_array_equal(column, copies[name])
        column[:] = 7
    assert data.digest == before and data.groups["s"].tolist() == [1, 2]


FRAME = choices()
WRONG = {
    "kind of table": (dict(table=[1, 2]), "table: got list, expected a pandas or polars frame"),
    "lazy frame": (dict(table=pl.DataFrame({"rt": [1]}).lazy()), "table: got LazyFrame, expected a pandas or polars"),
    "kind of inputs": (dict(inputs=5), "inputs: got 5, expected names of columns"),
    "input": (dict(inputs=["rewad"]), "inputs: no column 'rewad': did you mean 'reward'?"),
    "target": (dict(target="hit"), "target: no column 'hit': known: rat, day, trial, stim, rt, choice, reward"),
    "subject": (dict(subject="Rat"), "subject: no column 'Rat': did you mean 'rat'?"),
    "subject as a group": (dict(group=["subject", "rat"]), "group: no column 'subject': "),
    "index": (dict(table=FRAME.set_index(["rat", "day"]), subject="rat"),
              "subject: no column 'rat': it is in the frame's index: give table.reset_index()"),
    "half of a name": (dict(table={"rt, s": [1, 2], "choice": [0, 1]}),
                       "inputs: no column 'rt': did you mean 'rt, s'?"),
    "path": (dict(table="choices.csv"),
             "a lazy frame is given as table.collect(), a file to Sequences.read(path, ...)"),
    "no inputs": (dict(inputs=[]), "inputs: got no column"),
    "input twice": (dict(inputs=["rt", "rt"]), "inputs: got 'rt' twice"),
    "no rows": (dict(table=FRAME[:0]), "table: got no rows"),
    "lengths": (dict(table={"rt": [1, 2], "choice": [1, 2, 3]}), "column 'choice' has 3 rows, column 'rt' 2"),
    "a column twice": (dict(table=pd.concat([FRAME, FRAME[["rt"]]], axis=1)), "inputs: the table has 2 columns 'rt'"),
    "text": (dict(inputs=["stim"]), "inputs: column 'stim' holds text ("),
    "text among numbers": (dict(table={"rt": ["1", "2", "x3"], "choice": [0, 1, 1]}),
     "inputs: column 'rt' holds text ('x3' at row 2)"),
    "numbers as text": (dict(table={"rt": ["1", "2"], "choice": [0, 1]}),
     "inputs: column 'rt' holds text ('1' at row 0), expected"),
    "text and numbers": (dict(table={"rt": np.array([1, "x"], object), "choice": [0, 1]}),
     "column 'rt': got text ('x') and 1"),
    "objects": (dict(table={"rt": [{}, {}], "choice": [0, 1]}), "column 'rt': got dict, expected numbers or text"),
    "two values a row": (dict(table={"rt": np.ones((2, 2)), "choice": [0, 1]}),
     "column 'rt': got shape (2, 2), expected one"),
    "times": (dict(table={"rt": np.array(["2020"], "M8[D]"), "choice": [1]}),
     "inputs: column 'rt' holds times (datetime64[D])"),
    "missing input": (dict(table={"rt": [1, None, 2], "choice": [0, 1, 1]}),
     "inputs: column 'rt' is missing or infinite at row 1, expected a value in each row, since the state depends on "
     "the inputs of all steps: fill in a number, and mark these rows in one more input"),
    "infinite input": (dict(table={"rt": [1, 2, np.inf], "choice": [0, 1, 1]}),
     "column 'rt' is missing or infinite at row 2"),
    "missing behind a lag": (dict(table={"rt": [1, None, 2], "choice": [0, 1, 1]}, lag=1),
     "column 'rt' is missing or infinite at row 1"),
    "missing in one_hot": (dict(table={"rt": ["a", None], "choice": [0, 1]}, one_hot="rt"),
     "column 'rt' is missing or infinite at row 1"),
    "empty text in one_hot": (dict(table={"rt": ["a", ""], "choice": [0, 1]}, one_hot="rt"),
     "column 'rt' is missing or infinite at row 1"),
    "empty text in a group": (dict(table={"rt": [1, 2], "choice": [0, 1], "g": ["a", ""]}, group="g"),
     "group: column 'g' is missing at row 1"),
    "empty text alone": (dict(table={"rt": [1, 2], "choice": ["", ""]}), "target choice: no step counts"),
    "missing group": (dict(table={"rt": [1, 2], "choice": [0, 1], "g": ["a", None]}, group="g"),
     "group: column 'g' is missing at row 1"),
    "times in one_hot": (dict(table={"rt": np.array(["2020"], "M8[D]"), "choice": [1]}, one_hot="rt"),
     "one_hot: column 'rt' holds times (datetime64[D]), expected numbers or text"),
    "rounded group": (dict(table={"rt": [1, 2], "choice": [0, 1], "g": [2**63 + 1, 2**63 + 2]}, group="g"),
     "group: column 'g' holds 9.22337e+18 at row 0; such large numbers may be rounded to equal"),
    "rounded subject": (dict(table={"rt": [1, 2], "choice": [0, 1], "g": np.uint64([1, 2**63])}, subject="g"),
     "subject: column 'g' holds 9.22337e+18 at row 1"),
    "two subjects": (dict(table={"rt": [1, 2], "choice": [0, 1], "subject": [1, 1], "g": [1, 2]}, subject="g",
                          group="subject"), "group: got 'subject', as which subject= names column 'g': give one"),
    "infinite target": (dict(table={"rt": [1, 2], "choice": [0.5, np.inf]}),
     "target choice: got inf at row 1, expected a finite"),
    "no targets": (dict(table={"rt": [1, 2], "choice": [None, None]}), "target choice: no step counts"),
    "class never present": (dict(table={"rt": [1, 2], "choice": [0, 2]}),
     "target choice: class 1 never occurs among whole numbers"),
    "target is seen": (dict(inputs=["choice"]),
     "inputs: 'choice' is the target, which the network would see: give lag={'choice': 1}"),
    "text targets": (dict(target=["choice", "stim"]), "target: column 'stim' holds text ("),
    "rows apart": (dict(table={"rt": [1, 2, 3], "choice": [0, 1, 1], "g": [5, 6, 5]}, group="g"),
     "group: rows of g=5 are not together, they continue at row 2"),
    "time twice": (dict(time="day", session=None, subject="rat"), "time: got 0 at row 0 and row 1 of one sequence"),
    "text as time": (dict(time="stim"), "time: column 'stim' holds text"),
    "missing time": (dict(table={"rt": [1, 2], "choice": [0, 1], "t": [1, None]}, time="t"),
     "time: column 't' is missing at row 1"),
    "negative lag": (dict(lag=-1), "lag: got -1, expected an integer of at least 0"),
    "no segment": (dict(segment=0), "segment: got 0, expected an integer of at least 1"),
    "half a lag": (dict(lag=0.5), "lag: got 0.5, expected an integer"),
    "lag of no input": (dict(lag={"reward": 1}), "lag: 'reward' is not an input: known: rt"),
    "one_hot": (dict(one_hot=["stim"]), "one_hot: 'stim' is not an input: known: rt"),
    "both": (dict(one_hot=["rt"], standardize=["rt"], training="all"), "standardize: 'rt' is in one_hot, too"),
    "no training": (dict(standardize=["rt"]), "standardize: say which sequences means come from: training="),
    "standardised text": (dict(inputs=["stim"], standardize=["stim"], training="all"),
     "standardize: column 'stim' holds text ("),
    "length of training": (dict(standardize=["rt"], training=[True, False]),
     "training: got bool (2,), expected 'all', 1 booleans"),
    "number in training": (dict(standardize=["rt"], training=[3]),
     "training: got 3 to 3, expected numbers of 1 sequences"),
    "nothing in training": (dict(standardize=["rt"], training=[False]),
     "training: got no sequence, expected at least one"),
    "encoder and one_hot": (dict(encoder=Encoder(()), one_hot="rt"), "encoder: it already says what is encoded"),
    "encoder of others": (dict(encoder=Sequences.from_table(FRAME, "reward").encoder),
     "inputs: got rt, expected reward as the encoder has"),
    "weight": (dict(table={"rt": [1, 2], "choice": [0, 1], "w": [1, -1]}, weight="w"),
     "weight: got -1 at row 1, expected finite"),
}


@pytest.mark.parametrize("case", WRONG)
def test_bad_tables_get_one_line(case):
    changed, message = WRONG[case]
    with pytest.raises((ValueError, TypeError)) as error:
        Sequences.from_table(**{"table": FRAME, "inputs": ["rt"], "target": "choice", **changed})
    assert message in str(error.value) and "\n" not in str(error.value)


def test_an_encoder_keeps_text_and_numbers_apart():
    encoder = Sequences.from_table({"a": ["1", "2"]}, "a", one_hot="a").encoder
    with pytest.raises(TypeError, match="one_hot: column 'a' holds numbers, but text was encoded before"):
        Sequences.from_table({"a": [1, 2]}, "a", encoder=encoder)
    with pytest.raises(ValueError, match="encoded: inputs of tables are encoded by from_table"):
        Sequences.from_table({"a": [1, 2]}, "a").encoded(one_hot="a")


@pytest.mark.parametrize("made_by", [pd.DataFrame, pl.DataFrame, pa.table])
def test_a_table_is_given_by_name_of_its_columns(made_by):
    with pytest.raises(TypeError, match=r"^x: got a table, (DataFrame|Table): give Sequences.from_table\("):
        Sequences(made_by({"a": [0.0, 1.0], "b": [0, 1]}))


@pytest.mark.parametrize("made_by", [pd.DataFrame, pl.DataFrame])
@pytest.mark.parametrize("name", ["inputs", "target", "group", "subject", "session", "time", "weight", "allowed"])
def test_columns_are_named_not_given(made_by, name):
    table = made_by({"a": [0.0, 1.0, 2.0], "b": [0, 1, 1], "s": [0, 0, 1]})
    arguments = {"inputs": "a", "target": "b"} | {name: table["s"]}
    with pytest.raises(TypeError, match=rf"^{name}: got [^\n]*, expected (the name of a column|names of columns)"):
        Sequences.from_table(table, **arguments)
    assert len(Sequences.from_table(table, inputs=pd.Index(["a", "s"]), target=("b",))) == 1
