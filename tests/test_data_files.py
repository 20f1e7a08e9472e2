"""Sequences in files against pandas' and SciPy's readers."""

import struct
import sys
import wave

import numpy as np
import pandas as pd
import pytest
from data_tables import COLUMNS, choices, same
from scipy.io import wavfile

from fastrnn import Sequences
from fastrnn.data.csv_table import CsvTable

GIVEN = {**COLUMNS, "one_hot": ["stim"], "lag": {"choice": 1}}


@pytest.fixture
def frame():
    frame = choices(seed=9).astype({"choice": "float"})
    frame.loc[len(frame) - 1, "choice"] = np.nan  # the last of its day, so that no later step needs it
    return frame


@pytest.mark.parametrize("separator, ending", [(",", "csv"), (";", "CSV"), ("\t", "tsv"), (",", "txt")])
def test_csv_gives_what_pandas_frame_gives(tmp_path, frame, separator, ending):
    path = tmp_path / f"choices.{ending}"
    frame.to_csv(path, sep=separator, index=False)
    data = Sequences.read(path, **GIVEN)
    assert data.name == "choices"
    same(data, Sequences.from_table(frame, **GIVEN))
    same(data, Sequences.from_table(pd.read_csv(path, sep=separator), **GIVEN))


def test_csv_as_spreadsheets_write_it(tmp_path):
    path = tmp_path / "a.csv"
    text = '\ufeffid, "x, scaled" ,y,ok\r\n\r\n007, 1.5,left,True\r\n007,-2e-3,"say ""no""",false\r\n8,NA,,TRUE\r\n\r\n'
    path.write_bytes(text.encode())
    data = Sequences.read(path, ["x, scaled"], "y", group="id", lag=1)
    assert data.x[:, 0].tolist() == [0, 1.5, 0] and data.class_names == ("left", 'say "no"')
    assert data.weight.tolist() == [1, 1, 0] and data.ids.tolist() == [7, 8]
    assert Sequences.read(path, "id", "ok").y[:, 0].tolist() == [1, 0, 1]


@pytest.mark.parametrize("text, values", [
    ("1\n2\n-3", [1, 2, -3]), ("1\n\n2.5", [1, 2.5]), ("1\nNA\n3", [1, None, 3]),
    ("nan\n1e3\n-inf", [None, 1000, -np.inf]),
    ("9223372036854775808\n1", [2.0**63, 1]), ("True\nNaN\nFalse", [1, None, 0]),
])
def test_numbers_in_csv(tmp_path, text, values):
    path = tmp_path / "a.csv"
    path.write_text("y,x\n" + "\n".join(f"{line},0" for line in text.split("\n") if line))
    given = [value for value in values if value is None or np.isfinite(value)]
    if given != values:
        with pytest.raises(ValueError, match="target y: got -inf at line 4, expected a finite number"):
            Sequences.read(path, "x", "y", kind="reals")
        return
    data = Sequences.read(path, "x", "y", kind="reals")
    assert [None if not weight else y for y, weight in zip(data.y[:, 0].tolist(), data.weight)] == values


def test_names_with_underscores_are_no_numbers(tmp_path):
    path = tmp_path / "a.csv"
    path.write_text("id,x\n1_0,1\n10,2\n")
    assert Sequences.read(path, "x", group="id").ids.tolist() == ["1_0", "10"]
    # As pandas has them.
    path.write_text("x\n" + "1\n" * 1100 + "1_0\n")
    column = CsvTable(path).columns(["x"])["x"]
    assert column.names == ("1", "1_0") and column.values[-1] == 1


@pytest.mark.parametrize("first, later", [
    ("7", "x1"), ("2.5", "x1"), ("True", "x1"), ("True", "1"), ("1", "2.5"), ("2.5", "1"), ("NA", "7"), ("7", "NA"),
    ("NA", "x1"), ("x1", "7"), ("x1", "NA"), ("True", "NA"), ("NA", "True"), ("NA", "2.5"), ("NA", "NA"),
])
def test_columns_that_change_their_looks_far_down(tmp_path, first, later):
    texts = [first] * 1100 + [later] * 1100
    (tmp_path / "a.csv").write_text("y,x\n" + "".join(f"{text},1\n" for text in texts))
    column = CsvTable(tmp_path / "a.csv").columns(["y"])["y"]
    frame = pd.read_csv(tmp_path / "a.csv")["y"]
    np.testing.assert_array_equal(column.missing, frame.isna())
    given = [text for text in texts if text != "NA"]
    numbers = {"True": 1.0, "7": 7.0, "1": 1.0, "2.5": 2.5}
    is_text = "x1" in given or {"True", "1"} <= set(given)
    assert (column.names is not None) == is_text
    assert column.contents()[~column.missing].tolist() == (given if is_text else [numbers[text] for text in given])


def test_parquet_gives_what_the_frame_gives(tmp_path, frame):
    frame.to_parquet(tmp_path / "a.parquet")
    same(Sequences.read(tmp_path / "a.parquet", **GIVEN), Sequences.from_table(frame, **GIVEN))


def test_npz_as_arrays_and_as_columns(tmp_path, frame):
    x, y = np.arange(24.0).reshape(2, 6, 2), np.arange(12).reshape(2, 6) % 3
    subject, path = np.array(["a", "b"]), tmp_path / "a.npz"
    np.savez(path, x=x, y=y, lengths=[4, 6], subject=subject, ids=[5, 6])
    data = Sequences.read(path)
    same(data, Sequences(x, y, lengths=[4, 6], groups={"subject": subject}, ids=[5, 6]))
    same(Sequences.read(path, segment=3), data.segments(3))
    assert (data.name, Sequences.read(path, name="b").name) == ("a", "b")
    flat = dict(x=data.x, y=data.y, offsets=data.offsets, weight=data.weight)
    np.savez_compressed(path, **flat)
    same(Sequences.read(path, kind="classes", classes=4), Sequences(**flat, kind="classes", classes=4))
    columns = {name: frame[name].to_numpy(str if frame[name].dtype == "str" else None) for name in frame}
    np.savez(path, **columns)
    same(Sequences.read(path, **GIVEN), Sequences.from_table(frame, **GIVEN))


def write_wav(path, samples, bits):
    """PCM by the standard library, from integers (steps, channels)."""
    with wave.open(str(path), "wb") as file:
        file.setnchannels(samples.shape[1])
        file.setsampwidth(bits // 8)
        file.setframerate(8000)
        signed = bits > 8
        file.writeframes(b"".join(int(value + 128 * (not signed)).to_bytes(bits // 8, "little", signed=signed)
                                  for value in samples.flat))


@pytest.mark.parametrize("bits", [8, 16, 24, 32])
def test_wav_of_integers(tmp_path, bits):
    low = -(1 << (bits - 1))
    samples = np.array([[0, 1], [-1, low], [-low - 1, 5], [low // 2, 77]])
    write_wav(tmp_path / "in.wav", samples, bits)
    write_wav(tmp_path / "out.wav", samples[:, :1], bits)
    data = Sequences.from_wav(tmp_path / "in.wav", tmp_path / "out.wav")
    np.testing.assert_array_equal(data.x, samples / 2.0 ** (bits - 1))
    np.testing.assert_array_equal(data.y, samples[:, :1] / 2.0 ** (bits - 1))
    assert (len(data), data.kind, data.x.min(), data.name) == (1, "reals", -1, "out")


@pytest.mark.parametrize("kind", [np.float32, np.float64])
def test_wav_of_floats_in_segments(tmp_path, kind):
    samples = np.random.default_rng(0).normal(size=(10, 2)).astype(kind)
    wavfile.write(tmp_path / "in.wav", 44100, samples)
    wavfile.write(tmp_path / "out.wav", 44100, samples[:, 0])
    data = Sequences.from_wav(str(tmp_path / "in.wav"), tmp_path / "out.wav", segment=4)
    np.testing.assert_array_equal(data.x, samples)
    np.testing.assert_array_equal(data.y[:, 0], samples[:, 0])
    assert data.lengths.tolist() == [4, 4, 2] and data.pieces.tolist() == [0, 1, 2]
    with pytest.raises(ValueError, match="^segment: got 0, expected an integer of at least 1"):
        Sequences.from_wav(tmp_path / "in.wav", tmp_path / "out.wav", segment=0)


def test_wav_with_an_extensible_header_odd_chunks_and_an_early_end(tmp_path):
    form = struct.pack("<HHIIHHHHIH14s", 0xFFFE, 1, 8000, 16000, 2, 16, 22, 16, 4, 1, bytes(14))
    samples = np.arange(-3, 4, dtype="<i2").tobytes()
    chunks = b"LIST\x03\0\0\0abc\0fmt " + struct.pack("<I", len(form)) + form + b"data" + struct.pack("<I", 100)
    chunks += samples
    (tmp_path / "a.wav").write_bytes(b"RIFF" + struct.pack("<I", 4 + len(chunks)) + b"WAVE" + chunks + b"\1")
    data = Sequences.from_wav(tmp_path / "a.wav", tmp_path / "a.wav")
    assert (data.x[:, 0] * 32768).tolist() == [-3, -2, -1, 0, 1, 2, 3]


WRONG = {
    "a.csv": {
        "no inputs": ("a,b\n1,2\n", {}, "inputs: say which columns are the inputs"),
        "column": ("reward,b\n1,2\n", dict(inputs="rewad"), "inputs: no column 'rewad': did you mean 'reward'?"),
        "empty": ("", dict(inputs="a"), "the first line is empty"),
        "no rows": ("a,b\n", dict(inputs="a"), "table: got no rows"),
        "short line": ("a,b\n1,2\n\n1\n", dict(inputs="a"), "line 4: got 1 fields, expected 2 as the first line has"),
        "long line": ("a,b\n1,2,3\n", dict(inputs="a"), "line 2: got 3 fields, expected 2"),
        "text": ("a,b\n1,2\n\nx1,2\n", dict(inputs="a"),
         "inputs: column 'a' holds text ('x1' at line 4), expected numbers"),
        "missing": ('a,b\n1,"2\n2"\n,2\n', dict(inputs="a"), "column 'a' is missing or infinite at line 4"),
        "bytes": (b"a,b\n1,\xff\n", dict(inputs="a"), "some bytes are not UTF-8"),
        "bytes in names": (b"a,\xff\n1,2\n", dict(inputs="a"), "some bytes are not UTF-8"),
        "a long field": ("a,b\n1,%s\n" % ("9" * 200_000), dict(inputs="a"), "line 2: field larger than field limit"),
        "column twice": ("a,a\n1,2\n", dict(inputs="a"), "inputs: the table has 2 columns 'a'"),
    },
    "a.xls": {"ending": ("", dict(inputs="a"), "got the ending '.xls', known: .csv, .tsv, .txt, .parquet, .pq, "
                          ".npz; save it as .csv, or give a pandas frame to Sequences.from_table")},
    "a.parqet": {"ending": ("", dict(inputs="a"), "got the ending '.parqet', did you mean '.parquet'?")},
    "a.parquet": {"no Parquet": (b"PAR1", dict(inputs="a"), "expected a Parquet file")},
    "a.npz": {
        "no npz": (b"nothing", {}, "expected an .npz file of arrays"),
        "no zip": (b"PK\3\4", {}, "expected an .npz file"),
        "empty": (b"", {}, "expected an .npz file"),
        "as table": (b"x", dict(inputs="a"), "expected an .npz file"),
    },
}


@pytest.mark.parametrize("name, case", [(name, case) for name, cases in WRONG.items() for case in cases])
def test_bad_files_get_one_line_with_their_path(tmp_path, name, case):
    content, given, message = WRONG[name][case]
    path = tmp_path / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises((ValueError, TypeError)) as error:
        Sequences.read(path, **given)
    assert str(error.value).startswith(f"{path}: ") and message in str(error.value) and "\n" not in str(error.value)


def test_npz_without_x_or_with_objects(tmp_path):
    np.savez(tmp_path / "a.npz", a=[1], b=[2])
    with pytest.raises(ValueError, match="got no array x among a, b: name columns by inputs=, or save x"):
        Sequences.read(tmp_path / "a.npz")
    np.savez(tmp_path / "b.npz", x=np.array([[1], [2, 3]], object))
    with pytest.raises(ValueError, match="expected an .npz file of arrays without objects"):
        Sequences.read(tmp_path / "b.npz")


def test_a_file_that_is_not_there():
    for name in ("no.csv", "no.parquet", "no.npz"):
        with pytest.raises(FileNotFoundError):
            Sequences.read(name, inputs="a")


def test_parquet_without_pyarrow(tmp_path, frame, monkeypatch):
    frame.to_parquet(tmp_path / "a.parquet")
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(ValueError, match=r"pyarrow is missing .*: python -m pip install pyarrow"):
        Sequences.read(tmp_path / "a.parquet", inputs="rt")


def test_wav_files_that_do_not_fit(tmp_path):
    one, short, slow, bad = (tmp_path / name for name in ("one.wav", "short.wav", "slow.wav", "bad.wav"))
    wavfile.write(one, 8000, np.zeros(8, np.int16))
    wavfile.write(short, 8000, np.zeros(7, np.int16))
    wavfile.write(slow, 4000, np.zeros(8, np.int16))
    for other, message in ((short, "short.wav: got 7 samples, expected 8 as .*one.wav has"),
                           (slow, "slow.wav: got 4,000 samples per second, expected 8,000")):
        with pytest.raises(ValueError, match=message):
            Sequences.from_wav(one, other)
    content = one.read_bytes()
    for broken, message in ((b"MThd" + content[4:], "expected a RIFF WAVE file, it begins with b'MThd'"),
                            (content[:30], "no format or no samples"),
                            (content[:20] + b"\x55" + content[21:], "got format 85 with 16 bits"),
                            (content[:32] + b"\x05" + content[33:], "do not make frames of 5 bytes"),
                            (b"", "expected a RIFF WAVE file")):
        bad.write_bytes(broken)
        with pytest.raises(ValueError, match=message) as error:
            Sequences.from_wav(bad, one)
        assert str(error.value).startswith(f"{bad}: ")
