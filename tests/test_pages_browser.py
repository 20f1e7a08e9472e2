"""Pages in a real browser: typing, playing, keys, colours, widths, and nothing in the console. See `make test-page`."""

import io
import shutil
import time
from pathlib import Path

import numpy as np
import pytest
from certified_models import proved
from PIL import Image
from test_pages import fitted

import fastrnn

pytestmark = pytest.mark.browser
WIDE, PHONE = (1200, 1000), (390, 1400)


@pytest.fixture(scope="module")
def browser():
    from selenium import webdriver

    options = webdriver.ChromeOptions()
    for option in ("--headless=new", "--no-sandbox", "--disable-dev-shm-usage", "--hide-scrollbars"):
        options.add_argument(option)
    options.binary_location = shutil.which("chromium")
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    driver = webdriver.Chrome(options, webdriver.ChromeService(shutil.which("chromedriver")))
    yield driver
    driver.quit()


@pytest.fixture(scope="module")
def pages(tmp_path_factory):
    """{name: path} of the page of an adder with its proof, and of fits of one, two and more numbers in the state."""
    folder = tmp_path_factory.mktemp("pages")
    found = proved()
    found.save(folder / "proof.safetensors")
    fastrnn.write_page(found.model, folder / "adder.html", certificate=folder / "proof.safetensors")
    for name, cell in (("one", fastrnn.GRU(1)), ("two", fastrnn.GRU(2)), ("more", fastrnn.LSTM(3))):
        fastrnn.write_page(*fitted(cell)[:1], folder / f"{name}.html", data=fitted(cell)[1])
    return {path.stem: path for path in folder.glob("*.html")}


@pytest.fixture
def show(browser, pages):
    """show(name, size, dark) opens a page and returns the function that evaluates JavaScript in it; it logs nothing."""

    def show(name, size=WIDE, dark=False):
        shape = {"width": size[0], "height": size[1], "deviceScaleFactor": 1, "mobile": size is PHONE}
        browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", shape)
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": [scheme]})
        browser.get(pages[name].as_uri())
        return lambda text: browser.execute_script(f"return {text}")

    yield show
    assert browser.get_log("browser") == []


def text_of(browser, name):
    return browser.find_element("id", name).text


def picture(browser):
    return np.array(Image.open(io.BytesIO(browser.get_screenshot_as_png())).convert("RGB"))


def until(condition):
    end = time.monotonic() + 10
    while not condition():
        assert time.monotonic() < end, "nothing happened in 10 seconds"
        time.sleep(0.05)


def type_numbers(browser, *numbers):
    for n, number in enumerate(numbers):
        field = browser.find_element("id", f"operand{n}")
        field.clear()
        field.send_keys(str(number))


def test_numbers_that_are_typed_are_added(browser, show):
    evaluate = show("adder")
    assert float(evaluate("byId('agreement').dataset.difference")) < 1e-5
    for numbers in ((9, 60), (2**64 - 1, 1), (123456789123456789, 987654321987654321)):
        type_numbers(browser, *numbers)
        assert f"{numbers[0]} + {numbers[1]} = {sum(numbers)} ✓" in text_of(browser, "result")
        assert evaluate("document.querySelector('[data-inside]').dataset.inside") == "true"
    type_numbers(browser, "-3")
    assert '"-3" is no whole number' in text_of(browser, "result")
    type_numbers(browser, 1 << 600, 1)
    assert "more than 512 bits" in text_of(browser, "result")


def test_playing_and_keys_move_through_time(browser, show):
    show("adder")
    type_numbers(browser, 9, 60)
    assert text_of(browser, "readout").startswith("Step 8 of 8")
    browser.execute_script("document.activeElement.blur(); player.speed.value = 150")
    body = browser.find_element("tag name", "body")
    body.send_keys(" ")
    until(lambda: text_of(browser, "readout").startswith("Step 3 of 8"))
    body.send_keys(" ")
    stopped = text_of(browser, "readout")
    time.sleep(0.4)
    assert text_of(browser, "readout") == stopped and "play" in text_of(browser, "play")
    home, end, left, right = "\ue011", "\ue010", "\ue012", "\ue014"
    for key, step in ((home, 1), (left, 2), (left, 3), (right, 2), (end, 8)):
        body.send_keys(key)
        assert text_of(browser, "readout").startswith(f"Step {step} of 8")
    browser.find_element("id", "play").click()
    until(lambda: text_of(browser, "readout").startswith("Step 8 of 8") and "play" in text_of(browser, "play"))


@pytest.mark.parametrize("name", ["one", "two", "more"])
def test_a_fit_plays_sequences_and_inputs_that_are_typed(browser, show, name):
    evaluate = show(name)
    assert float(evaluate("byId('agreement').dataset.difference")) < 1e-5
    assert "sequence 0: " in text_of(browser, "result") and " of 5 steps predicted" in text_of(browser, "result")
    browser.execute_script("byId('sequence').value = '2'; byId('sequence').dispatchEvent(new Event('change'))")
    assert "sequence 2 (the first 400 of 450 steps)" in text_of(browser, "result")
    browser.execute_script("byId('sequence').value = 'typed'; byId('sequence').dispatchEvent(new Event('change'))")
    field = browser.find_element("id", "inputs")
    field.clear()
    field.send_keys("1, 0\n0.5, -1")
    assert text_of(browser, "readout").startswith("Step 2 of 2: a 0.5, <b> -1; predicted: ")
    field.send_keys("\n7")
    assert "Line 3: expected 2 numbers: a, <b>." in text_of(browser, "result")
    assert evaluate("document.querySelectorAll('#space svg .now').length") == 1


@pytest.mark.parametrize("size", [WIDE, PHONE], ids=["wide", "phone"])
@pytest.mark.parametrize("name", ["adder", "one", "two", "more"])
def test_the_page_fits_its_window_and_is_drawn_in_light_and_dark(browser, show, name, size):
    lights = []
    for dark in (False, True):
        evaluate = show(name, size, dark)
        assert evaluate("document.documentElement.scrollWidth") <= size[0]
        shown = picture(browser)
        assert len(np.unique(shown.reshape(-1, 3), axis=0)) > 100, "the picture is blank"
        lights.append(np.median(shown))
    assert lights[0] > 230 and lights[1] < 60


def test_on_paper_there_are_no_controls_and_no_dark_ground(browser, show):
    evaluate = show("adder", dark=True)
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": "print"})
    try:
        displays = "['controls', 'hover', 'tracks'].map(name => getComputedStyle(byId(name)).display)"
        assert evaluate(displays) == ["none", "none", "grid"]
        assert evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
    finally:
        browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": ""})


def test_the_search_of_the_site_has_its_worker_also_from_the_disk(browser, tmp_path):
    shutil.copy(Path(__file__).resolve().parent.parent / "docs" / "iframe-worker.js", tmp_path)
    (tmp_path / "add.js").write_text("addEventListener('message', event => postMessage(event.data + 1))")
    (tmp_path / "page.html").write_text(
        "<body><script src='iframe-worker.js'></script><script>const worker = new Worker('add.js');"
        "worker.addEventListener('message', event => { document.title = event.data; });"
        "worker.postMessage(41);</script>"
    )
    browser.get((tmp_path / "page.html").as_uri())
    end = time.monotonic() + 10
    while browser.title != "42" and time.monotonic() < end:
        time.sleep(0.05)
    assert browser.title == "42" and browser.get_log("browser") == []
