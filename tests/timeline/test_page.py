"""The HTML page in headless Chromium: it shows, filters and zooms its events, and runs nothing else.

The tests are skipped without Chromium and its driver. NETLAKE_SCREENSHOTS names a folder for pictures of the page.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import hostile
import pytest

import netlake
from netlake.cli import main

if TYPE_CHECKING:
    from selenium.webdriver import Chrome

CHROMIUM = shutil.which("chromium") or shutil.which("google-chrome")
DRIVER = shutil.which("chromedriver")
pytestmark = pytest.mark.skipif(not (CHROMIUM and DRIVER), reason="Chromium and its driver are not installed")
SWITCHES = (
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update",
    "--disable-sync", "--disable-dev-shm-usage", "--window-size=1500,950",
)  # fmt: skip
Opened = Callable[..., "Chrome"]


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Chrome]:
    from selenium import webdriver
    from selenium.webdriver.chrome.service import Service

    options = webdriver.ChromeOptions()
    options.binary_location = CHROMIUM or ""
    for switch in (*SWITCHES, f"--user-data-dir={tmp_path_factory.mktemp('chromium')}"):
        options.add_argument(switch)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    driver = webdriver.Chrome(options=options, service=Service(DRIVER))
    yield driver
    driver.quit()


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Path]:
    """The file with the page of a timeline with these options, which is written once."""
    folder, known = tmp_path_factory.mktemp("pages"), dict[tuple[Any, ...], Path]()

    def page(lake: Path, *options: str) -> Path:
        file = known.setdefault((lake, *options), folder / f"{len(known)}.html")
        assert file.exists() or main(["timeline", "--lake", str(lake), "-o", str(file), *options]) == 0
        return file

    return page


@pytest.fixture
def opened(browser: Chrome, path: Path, pages: Callable[..., Path]) -> Iterator[Opened]:
    """Open the page of a timeline with these options; afterwards the browser must have no error."""

    def page(*options: str, lake: Path = path) -> Chrome:
        browser.get(pages(lake, *options).as_uri())
        return browser

    yield page
    assert _logged(browser) == []


def _logged(browser: Any) -> list[dict[str, Any]]:
    """What the browser reported since the last call."""
    found: list[dict[str, Any]] = browser.get_log("browser")
    return found


def shown(browser: Chrome) -> int:
    """Number of events that pass the filters and are in the chosen time."""
    return int(browser.find_element("id", "status").get_attribute("data-shown") or "-1")


def rows(browser: Chrome) -> list[list[str]]:
    """The cells of the rows that are elements."""
    found: list[list[str]] = browser.execute_script(
        "return [...document.querySelectorAll('#rows .row')].map("
        "row => [...row.children].map(cell => cell.textContent))"
    )
    return found


def fill(browser: Chrome, name: str, text: str) -> None:
    field = browser.find_element("id", name)
    field.clear()
    field.send_keys(text)
    browser.execute_async_script("setTimeout(arguments[0], 250)")


def drag(browser: Chrome, name: str, begin: float, end: float) -> None:
    """Drag over a chart, from one part of its width to another."""
    from selenium.webdriver import ActionChains

    chart = browser.find_element("id", name)
    width = chart.size["width"]
    actions = ActionChains(browser)
    actions.move_to_element_with_offset(chart, round((begin - 0.5) * width), 0).click_and_hold()
    actions.move_to_element_with_offset(chart, round((end - 0.5) * width), 0).release().perform()


def times(lake: netlake.Lake, **question: Any) -> list[Any]:
    return [row[0] for row in lake.timeline(**question).rows()]


def test_page_shows_the_rows_in_order(opened: Opened, lake: netlake.Lake) -> None:
    browser = opened()
    expected = lake.timeline().rows()
    assert shown(browser) == len(expected)
    for cells, (ts, kind, message, source, destination, flow, packet, _) in zip(rows(browser), expected, strict=False):
        assert cells == [
            f"{ts:%Y-%m-%d %H:%M:%S.%f}", kind, message, source or "", destination or "",
            "" if flow is None else str(flow), str(packet)
        ]  # fmt: skip
    assert 10 < len(rows(browser)) < 100
    _picture(browser, "light")


def test_scrolling_shows_the_last_rows(opened: Opened, lake: netlake.Lake) -> None:
    browser = opened()
    browser.execute_async_script("const list = document.getElementById('list'); list.scrollTop = 1e9;"
                                 " setTimeout(arguments[0], 200)")  # fmt: skip
    assert rows(browser)[-1][2] == lake.timeline().rows()[-1][2]


@pytest.mark.parametrize(
    ("field", "text", "condition"),
    [
        ("text", "arp", lambda row: "arp" in f"{row[1]} {row[2]} {row[3]} {row[4]}".lower()),
        ("text", "DNS -answer lab", lambda row: all(word in _text(row) for word in ("dns", "lab"))
         and "answer" not in _text(row)),
        ("host", "10.20.0.2", lambda row: any(_is(end, "10.20.0.2") for end in row[3:5])),
        ("host", "fd00:20::2", lambda row: any(_is(end, "fd00:20::2") for end in row[3:5])),
        ("host", "10.2", lambda row: False),
        ("host", "10.20.", lambda row: any((end or "").startswith("10.20.") for end in row[3:5])),
        ("flow", "167", lambda row: row[5] == 167),
        ("text", "no such event", lambda row: False),
    ],
)  # fmt: skip
def test_filter(opened: Opened, lake: netlake.Lake, field: str, text: str, condition: Callable[[Any], bool]) -> None:
    browser = opened()
    fill(browser, field, text)
    expected = [row for row in lake.timeline().rows() if condition(row)]
    assert shown(browser) == len(expected)
    assert [cells[2] for cells in rows(browser)] == [row[2] for row in expected[: len(rows(browser))]]
    browser.find_element("id", "clear").click()
    assert shown(browser) == len(lake.timeline().rows())


def _is(end: str | None, address: str) -> bool:
    """Whether an end is this address, with a port or without one."""
    return (end or "").partition("]")[0].lstrip("[") == address or (end or "").rpartition(":")[0] == address


def _text(row: Any) -> str:
    return f"{row[1]} {row[2]} {row[3] or ''} {row[4] or ''}".lower()


def test_kinds_are_hidden_and_shown(opened: Opened, lake: netlake.Lake) -> None:
    browser = opened("--kinds", "arp,dns")
    counts = {name: lake.tables[name] for name in ("arp", "dns")}
    assert shown(browser) == sum(counts.values())
    browser.find_element("css selector", "[data-kind=dns]").click()
    assert shown(browser) == counts["arp"]
    assert {cells[1] for cells in rows(browser)} == {"arp"}
    browser.find_element("css selector", "[data-kind=dns]").click()
    assert shown(browser) == sum(counts.values())


def test_dragging_zooms_to_a_time(opened: Opened, lake: netlake.Lake) -> None:
    """The events of the middle half of the time, but for the pixels at its ends."""
    browser = opened()
    every = times(lake)
    begin, length = every[0], every[-1] - every[0]
    drag(browser, "histogram", 0.25, 0.75)
    inner = [time for time in every if begin + length * 0.26 < time < begin + length * 0.74]
    outer = [time for time in every if begin + length * 0.24 < time < begin + length * 0.76]
    assert len(inner) <= shown(browser) <= len(outer) < len(every)
    _picture(browser, "zoomed")
    drag(browser, "histogram", 0.0, 0.5)
    assert shown(browser) < len(inner)
    drag(browser, "overview", 0.25, 0.75)
    assert len(inner) <= shown(browser) <= len(outer)
    browser.find_element("id", "reset").click()
    assert shown(browser) == len(every)


def test_event_shows_its_details_and_filters_by_them(opened: Opened, lake: netlake.Lake) -> None:
    browser = opened("--kinds", "dns,connection")
    fill(browser, "text", "query -connection")
    row = browser.find_element("css selector", "#rows .row")
    flow = rows(browser)[0][5]
    row.click()
    browser.execute_script("document.getElementById('theme').click()")
    _picture(browser, "dark")
    detail = browser.find_element("id", "detail")
    assert rows(browser)[0][2] in detail.text
    assert f"netlake timeline --flow {flow} --capture " in detail.text
    assert "demo.pcapng" in detail.text
    browser.find_element("xpath", f"//button[text()='Only flow {flow}']").click()
    browser.find_element("id", "text").clear()
    fill(browser, "text", "")
    assert {cells[5] for cells in rows(browser)} == {flow}


def test_hostile_text_is_shown_and_not_run(opened: Opened, tmp_path: Path) -> None:
    browser = opened(lake=hostile.lake(tmp_path / "lake"))
    assert shown(browser) == len(hostile.TEXTS) + 1
    assert browser.execute_script("return window.hostile") is None
    found = [cells[2] for cells in rows(browser)]
    assert found[0] == f"GET a.example/{hostile.TEXTS[0]}"
    assert found[3] == r"GET a.example/\x1b[2J\x1b]0;title\x07"
    assert found[4] == r"GET a.example/right\u202eto\u2066left"
    assert rows(browser)[-1][0] == "no time"
    browser.find_element("css selector", "#rows .row").click()
    assert browser.find_elements("css selector", "img") == []
    assert browser.execute_script("return window.hostile") is None


def test_script_that_is_not_the_page_s_is_refused(browser: Chrome, path: Path, tmp_path: Path) -> None:
    """The policy works: a script that is added to the file does not run."""
    file = tmp_path / "changed.html"
    assert main(["timeline", "--lake", str(path), "-o", str(file), "--kinds", "arp"]) == 0
    text = file.read_text(encoding="utf-8")
    file.write_text(text.replace("</body>", "<script>window.hostile = 1</script></body>"), encoding="utf-8")
    browser.get(file.as_uri())
    assert shown(browser) > 0
    assert browser.execute_script("return window.hostile") is None
    assert any("Content Security Policy" in entry["message"] for entry in _logged(browser))


def test_page_without_events(opened: Opened) -> None:
    browser = opened("--to", "2000-01-01")
    assert shown(browser) == 0
    assert rows(browser) == []


def _picture(browser: Chrome, name: str) -> None:
    if folder := os.environ.get("NETLAKE_SCREENSHOTS"):
        browser.save_screenshot(f"{folder}/{name}.png")
