"""Pictures of pages for docs/page.md, taken in a browser: `make docs-pictures`."""

import contextlib
import os
import re
import shutil
import tempfile
from pathlib import Path

from selenium import webdriver

from fastrnn.cli import main

DOCS = Path(__file__).resolve().parent
SIZE, FIT = (1200, 800), "--target choice --inputs choice,reward --lag 1 --group subject,session"
NUMBERS = (173, 90)


def shoot(browser, page, script, picture, height):
    """Open a page, run a script in it, and save what is seen."""
    shape = {"width": SIZE[0], "height": height, "deviceScaleFactor": 1, "mobile": False}
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", shape)
    browser.get(page.resolve().as_uri())
    browser.execute_script(script)
    browser.save_screenshot(str(picture))


def draw(folder):
    """Train what the page describes, in a folder, and take the pictures."""
    os.chdir(folder)
    assert main(["train", "--quiet"]) == main(["page", "runs/addition-8.safetensors", "adder.html"]) == 0
    table = re.search(r"```python\n(.*?)```", (DOCS / "fit.md").read_text(encoding="utf-8"), re.S)[1]
    exec(table, {})
    assert main([*f"fit choices.csv {FIT} --hidden 2 --seeds 8 --output runs/choices".split()]) == 0
    assert main("page runs/choices choices.html --data choices.csv".split()) == 0
    options = webdriver.ChromeOptions()
    for option in ("--headless=new", "--no-sandbox", "--hide-scrollbars"):
        options.add_argument(option)
    options.binary_location = shutil.which("chromium")
    browser = webdriver.Chrome(options, webdriver.ChromeService(shutil.which("chromedriver")))
    with contextlib.closing(browser):
        shoot(browser, Path("adder.html"), f"fill({list(NUMBERS)}); player.go(6)", DOCS / "page-adder.png", 850)
        shoot(browser, Path("choices.html"), "player.go(41)", DOCS / "page-choices.png", 760)


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder:
        draw(folder)
