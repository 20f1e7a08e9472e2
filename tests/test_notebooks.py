"""The notebooks of examples/: what is stored is whole and shows what their code gives."""

import base64
import io
import json
import re
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from fastrnn.simd.host import arithmetic

FOLDER = Path(__file__).resolve().parent.parent / "examples"
NAMES = [path.name for path in sorted(FOLDER.glob("*.ipynb"))]


def code_cells(book):
    return [cell for cell in book["cells"] if cell["cell_type"] == "code"]


def printed(cell):
    return "".join("".join(out["text"]) for out in cell["outputs"] if out.get("name") == "stdout")


def pictures(cell):
    found = [out["data"]["image/png"] for out in cell["outputs"] if "image/png" in out.get("data", {})]
    return [np.array(Image.open(io.BytesIO(base64.b64decode(each))).convert("RGB")) for each in found]


@pytest.mark.parametrize("name", NAMES)
def test_stored_outputs_are_those_of_one_run_from_the_top(name):
    text = (FOLDER / name).read_text(encoding="utf-8")
    book = json.loads(text)
    cells = code_cells(book)
    assert [cell["execution_count"] for cell in cells] == list(range(1, len(cells) + 1))
    for cell in cells:
        source = "".join(cell["source"])
        assert ("print(" in source) == bool(printed(cell)) and ("plt.show()" in source) == bool(pictures(cell))
        assert all(out["output_type"] in ("stream", "display_data") for out in cell["outputs"])
        bars = "".join("".join(out["text"]) for out in cell["outputs"] if out.get("name") == "stderr")
        assert ("tqdm(" in source) == bool(bars) and all("100%" in line for line in bars.splitlines())
    assert not re.search(r"/(home|root|tmp|work|usr)/", text), "a path of somebody's machine"
    links = re.findall(r"\]\(([^)]+)\)", text)
    assert links and all((FOLDER / link).exists() for link in links)


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
def test_notebooks_run_and_give_what_is_stored(name, tmp_path):
    import nbformat
    from nbclient import NotebookClient

    book = nbformat.read(FOLDER / name, 4)
    stored = json.loads((FOLDER / name).read_text(encoding="utf-8"))
    NotebookClient(book, timeout=600, resources={"metadata": {"path": str(tmp_path)}}).execute()
    for cell, before in zip(code_cells(book), code_cells(stored)):
        text, expected = printed(cell), printed(before)
        # Other arithmetics round differently: their trainings end with other numbers.
        if arithmetic() != "avx512f":
            text, expected = (re.sub(r"[\d.,]+", "", each) for each in (text, expected))
        assert text == expected
        assert [each.shape for each in pictures(cell)] == [each.shape for each in pictures(before)]
        assert all(len(np.unique(each.reshape(-1, 3), axis=0)) > 20 for each in pictures(cell)), "a blank picture"
