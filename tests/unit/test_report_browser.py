"""The report in a real browser: tables are sorted, figures and tables saved, nothing is asked of a network."""

import csv
import io

import pytest
from test_report import PARTS, results_of

from browser import in_browser
from habitat_radiomics.report import report_page

ALL_TABLES = """
const tables = Array.from(document.querySelectorAll("main table")).filter((t) => t.tHead.querySelector("button"));
"""


@pytest.fixture(scope="module")
def page(tmp_path_factory):
    return report_page(results_of(tmp_path_factory.mktemp("study")), PARTS)


@pytest.mark.parametrize("size", [(1280, 900), (375, 800)], ids=["desktop", "phone"])
def test_the_page_needs_no_network_says_nothing_on_the_console_and_fits_the_window(page, tmp_path, size):
    script = """
    const asked = performance.getEntriesByType("resource").map((e) => e.name).filter((n) => !n.startsWith("data:"));
    const root = document.scrollingElement;
    return {asked: asked, wide: root.scrollWidth - root.clientWidth,
            broken: Array.from(document.images).filter((i) => !i.complete || !i.naturalWidth).length};
    """
    answer, console = in_browser(page, script, tmp_path, size=size)
    assert answer == {"asked": [], "wide": 0, "broken": 0}
    assert console == []


def test_a_click_on_a_title_sorts_every_group_by_that_column_and_a_second_click_turns_it_round(page, tmp_path):
    script = (
        ALL_TABLES
        + """
    const table = tables.find((t) => t.caption.textContent.startsWith("Performance of every model"));
    const groups = () => { const all = []; for (const row of table.tBodies[0].rows) {
      if (row.classList.contains("group")) all.push([row.textContent]);
      else all[all.length - 1].push(parseFloat(row.cells[1].firstChild.textContent)); } return all; };
    const button = table.tHead.rows[0].cells[1].querySelector("button");
    const before = groups();
    button.click();
    const rising = groups(), said = button.parentNode.getAttribute("aria-sort");
    button.click(); return {before: before, rising: rising, falling: groups(), said: said};
    """
    )
    answer, _ = in_browser(page, script, tmp_path)
    assert [len(group) for group in answer["before"]] == [7] * 4  # title and models
    for before, rising, falling in zip(answer["before"], answer["rising"], answer["falling"], strict=True):
        assert before[0] == rising[0] == falling[0]  # groups keep their titles and their order
        assert rising[1:] == sorted(before[1:])
        assert falling[1:] == sorted(before[1:], reverse=True)
    assert answer["said"] == "ascending"


def test_numbers_are_sorted_as_numbers_and_dashes_come_last(page, tmp_path):
    script = """
    const made = document.createElement("table"); made.innerHTML = "<thead><tr><th>n</th></tr></thead><tbody></tbody>";
    for (const text of ["10", "\\u2013", "\\u22123", "2", "<0.001", "1\\u202f000"]) {
      const row = made.tBodies[0].insertRow(); row.insertCell().textContent = text; }
    sort(made, 0, false);
    return Array.from(made.tBodies[0].rows).map((row) => row.textContent);
    """
    answer, _ = in_browser(page, script, tmp_path)
    assert answer == ["\N{MINUS SIGN}3", "<0.001", "2", "10", "1\N{NARROW NO-BREAK SPACE}000", "\N{EN DASH}"]


def test_a_figure_is_saved_as_drawn_and_as_pixels_and_a_table_as_csv(page, tmp_path):
    script = """
    const link = document.querySelector("figure a.save"), figure = link.closest("figure");
    const pixels = Array.from(figure.querySelectorAll("a.download")).find((a) => a.textContent === "as PNG");
    pixels.addEventListener("click", (event) => { if (pixels.href.startsWith("data:")) event.preventDefault(); });
    pixels.click();
    const csv = Array.from(document.querySelectorAll("a.download")).find((a) => a.textContent === "Save as CSV");
    return {svg: link.href.slice(0, 26), png: pixels.href.slice(0, 22), names: [link.download, pixels.download],
            csv: atob(csv.href.split(",")[1])};
    """
    answer, _ = in_browser(page, script, tmp_path)
    assert answer["svg"] == "data:image/svg+xml;base64,"
    assert answer["png"] == "data:image/png;base64,"
    assert answer["names"][0].endswith(".svg") and answer["names"][1] == answer["names"][0].replace(".svg", ".png")
    assert len(list(csv.reader(io.StringIO(answer["csv"])))) > 1


def test_printing_opens_what_is_folded_but_no_listings(page, tmp_path):
    script = """
    window.dispatchEvent(new Event("beforeprint"));
    const all = Array.from(document.querySelectorAll("details"));
    return {open: all.filter((d) => !d.classList.contains("listing")).every((d) => d.open), number: all.length};
    """
    answer, _ = in_browser(page, script, tmp_path)
    assert answer["open"] and answer["number"] > 3
