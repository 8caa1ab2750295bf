"""The nomogram as a page: in a real browser it computes what Python computes, and it stands alone."""

import json
import re

import numpy as np
import pytest
from test_nomogram import BIRTHS, LUNG, logistic_nomogram, small_nomogram, survival_nomogram

from browser import in_browser
from habitat_radiomics.nomogram import nomogram_document, probabilities, total_points
from habitat_radiomics.nomogram_page import nomogram_page

# Moves the inputs as a reader does (events, not function calls) and writes down what the page then shows.
READ_ALL = """
const exact = (name) => parseFloat(document.getElementById(name).dataset.exact);
const read = (patient) => {
  nomogram.terms.forEach((term, k) => {
    const value = patient[term.name];
    at("value", k).value = term.kind === "category" ? term.ticks.indexOf(value) : String(value);
    at("value", k).dispatchEvent(new Event("input"));
  });
  return [exact("total"), ...nomogram.scales.map((scale, k) => exact("scale-" + k))];
};
const answer = {patients: JSON.parse(PATIENTS).map(read)};
const slider = document.querySelector("input[type=range]");
const number = document.getElementById(slider.id.replace("slider", "value"));
const move = (element, value) => {
  element.value = value; element.dispatchEvent(new Event("input"));
  const k = element.id.split("-")[1];
  return [slider.value, number.value, at("points", k).textContent, at("warning", k).textContent,
    document.getElementById("total").textContent];
};
answer.slider = move(slider, slider.max);
answer.typed = move(number, slider.min);
answer.outside = move(number, Number(slider.max) + 1000);
answer.empty = move(number, "");
return answer;
"""


@pytest.mark.parametrize(
    ("nomogram", "table"),
    [(logistic_nomogram(), BIRTHS.table()), (survival_nomogram(), LUNG.table())],
    ids=["logistic", "cox"],
)
def test_the_page_shows_the_numbers_of_python_for_every_patient(nomogram, table, tmp_path):
    patients = table[[term.name for term in nomogram.terms]].to_dict("records")
    script = READ_ALL.replace("PATIENTS", json.dumps(json.dumps(patients)))
    answer, console = in_browser(nomogram_page(nomogram_document(nomogram), title="Nomogram"), script, tmp_path)
    assert console == []
    totals = total_points(nomogram, table)
    expected = np.column_stack([totals, *probabilities(nomogram, totals).values()])
    np.testing.assert_allclose(answer["patients"], expected, rtol=0, atol=1e-9)
    low, high = nomogram.terms[0].ticks[0], nomogram.terms[0].ticks[-1]
    assert answer["slider"][:2] == [f"{high:g}", f"{high:g}"]
    assert answer["typed"][:2] == [f"{low:g}", f"{low:g}"]
    extremes = sorted(float(answer[name][2].removesuffix(" points")) for name in ("slider", "typed"))
    assert extremes[0] == 0
    assert "" == answer["slider"][3] == answer["typed"][3]
    assert answer["outside"][3] == "Outside the range of the training patients: the model extrapolates."
    assert answer["empty"][2:] == ["\N{EN DASH}", "Enter a number.", "\N{EN DASH}"]


def test_the_page_loads_and_sends_nothing():
    page = nomogram_page(nomogram_document(small_nomogram()), title="T")
    assert "default-src 'none'" in page
    assert not re.search(r"https?:|src=|href=|@import|url\(|fetch|XMLHttp", page.replace("default-src", ""))


def test_every_input_has_a_label_and_results_are_announced():
    page = nomogram_page(nomogram_document(logistic_nomogram()), title="T")
    inputs = re.findall(r'<(?:select|input type="number") id="(value-\d)"', page)
    assert len(inputs) == 5
    assert all(f'<label for="{name}">' in page for name in inputs)
    assert all(
        f'id="{name}"' in page for names in re.findall('aria-describedby="(.*?)"', page) for name in names.split()
    )
    assert '<dl class="result" aria-live="polite">' in page
    assert 'lang="en"' in page


def test_few_values_are_chosen_from_a_list_and_many_moved_with_a_slider():
    page = nomogram_page(nomogram_document(logistic_nomogram()), title="T")
    assert page.count('type="range"') == 1
    assert 'min="80" max="260" step="1" value="180"' in page
    assert page.count("<select") == 4
    assert '<option value="1">1</option>' in page
    assert '<option value="1">black</option>' in page


def test_names_cannot_break_the_page():
    document = nomogram_document(small_nomogram())
    document["terms"][1]["label"] = 'Sex</script><script>alert("x")</script>'
    page = nomogram_page(document, title="<b>T</b>", note="p < 0.05 & more")
    assert page.count("</script>") == 2
    assert "&lt;b&gt;T&lt;/b&gt;" in page
    assert "p &lt; 0.05 &amp; more" in page


def test_equal_documents_give_equal_pages():
    assert len({nomogram_page(nomogram_document(survival_nomogram()), title="T") for _ in range(2)}) == 1


def test_a_document_with_a_missing_number_is_refused():
    document = nomogram_document(small_nomogram())
    document["lp_at_zero"] = float("nan")
    with pytest.raises(ValueError, match="Out of range float values are not JSON compliant"):
        nomogram_page(document, title="T")
