"""A nomogram to use: one HTML page, complete in itself, to set the predictors and read points and probability."""

import json

from jinja2 import Environment, StrictUndefined
from markupsafe import Markup

from habitat_radiomics.nomogram import tick_text

SLIDER_STEPS = 20  # between two ticks; any number can be typed
STYLE = """
body { font: 1rem/1.5 system-ui, sans-serif; margin: 0; color: #1a1a1a; background: #fff; }
main { max-width: 46rem; margin: 0 auto; padding: 1.5rem 1rem 3rem; }
h1 { font-size: 1.4rem; line-height: 1.25; margin: 0 0 .25rem; }
p { margin: .25rem 0 1rem; }
.note, .range { color: #555; font-size: .875rem; }
.row { border-top: 1px solid #c8c8c8; padding: .75rem 0;
  display: grid; grid-template-columns: minmax(0, 1fr) 7rem; gap: .25rem 1rem; align-items: center; }
.row > label { grid-column: 1 / -1; font-weight: 600; }
.number { display: grid; grid-template-columns: minmax(0, 1fr) 6.5rem; gap: .75rem; }
input, select { font: inherit; min-width: 0; width: 100%; box-sizing: border-box; accent-color: #0072b2; }
select, input[type=number] { padding: .25rem .4rem; border: 1px solid #6b6b6b; border-radius: .25rem; }
select, input[type=number] { background: #fff; }
:focus-visible { outline: 3px solid #d55e00; outline-offset: 1px; }
.points { text-align: right; font-variant-numeric: tabular-nums; }
.bar { grid-column: 1 / -1; height: .4rem; background: #e6e6e6; }
.bar > div { height: 100%; width: 0; background: #0072b2; }
.warning { grid-column: 1 / -1; color: #a33c00; font-size: .875rem; margin: 0; }
.warning:empty { display: none; }
.result { border-top: 2px solid #1a1a1a; padding-top: .75rem; display: grid; gap: .25rem 1rem;
  grid-template-columns: minmax(0, 1fr) auto; margin: 0; }
.result dd { margin: 0; text-align: right; font-weight: 700; font-variant-numeric: tabular-nums; }
.result .risk { font-size: 1.3rem; }
@media print { input[type=range] { display: none; } }
"""
SCRIPT = """
"use strict";
const nomogram = JSON.parse(document.getElementById("nomogram").textContent);
const at = (name, k) => document.getElementById(name + "-" + k);
const scales = {
  logistic: (scale, lp) => 1 / (1 + Math.exp(-lp)),
  survival: (scale, lp) => Math.pow(scale.baseline_survival, Math.exp(lp)),
};

// The entered value, as a number or (for a category) the number of the level; NaN when it is missing.
const entered = (k) => (at("value", k).value.trim() === "" ? NaN : Number(at("value", k).value));

function pointsOf(term, value) {
  const effect = term.coefficient === null ? term.effects[value] : term.coefficient * value;
  return nomogram.points_per_unit * (effect - Math.min(...term.effects));
}

function write(element, value, text) {
  element.dataset.exact = Number.isFinite(value) ? String(value) : "";
  element.textContent = Number.isFinite(value) ? text : "\\u2013";
}

function warning(term, value) {
  if (term.kind !== "number") return "";
  const low = term.ticks[0], high = term.ticks[term.ticks.length - 1];
  if (Number.isNaN(value)) return "Enter a number.";
  return value < low || value > high ? "Outside the range of the training patients: the model extrapolates." : "";
}

function update() {
  let total = 0;
  nomogram.terms.forEach((term, k) => {
    const value = entered(k), points = pointsOf(term, value);
    total += points;
    write(at("points", k), points, points.toFixed(1) + " points");
    at("bar", k).style.width = Math.min(100, Math.max(0, points || 0)) + "%";
    at("warning", k).textContent = warning(term, value);
    at("value", k).setAttribute("aria-invalid", Number.isNaN(value));
  });
  write(document.getElementById("total"), total, total.toFixed(1));
  const lp = nomogram.lp_at_zero + total / nomogram.points_per_unit;
  nomogram.scales.forEach((scale, k) => {
    const probability = scales[scale.kind](scale, lp);
    write(at("scale", k), probability, (100 * probability).toFixed(1) + " %");
  });
}

nomogram.terms.forEach((term, k) => {
  const value = at("value", k), slider = at("slider", k);
  value.addEventListener("input", () => { if (slider) slider.value = value.value; update(); });
  if (slider) slider.addEventListener("input", () => { value.value = slider.value; update(); });
});
update();
"""
PAGE = """<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy"
  content="default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'">
<title>{{ title }}</title>
<style>{{ style }}</style>
</head>
<body>
<main>
<h1>{{ title }}</h1>
<p>{{ note }}</p>
<form autocomplete="off" onsubmit="return false">
{% for row in rows %}
<div class="row">
<label for="value-{{ loop.index0 }}">{{ row.label }}</label>
{% if row.options %}
<select id="value-{{ loop.index0 }}" aria-describedby="points-{{ loop.index0 }}">
{% for value, text in row.options %}
<option value="{{ value }}">{{ text }}</option>
{% endfor %}
</select>
{% else %}
<div class="number">
<input type="range" id="slider-{{ loop.index0 }}" aria-label="{{ row.label }}, slider"
  min="{{ row.low }}" max="{{ row.high }}" step="{{ row.step }}" value="{{ row.start }}">
<input type="number" id="value-{{ loop.index0 }}" step="any" inputmode="decimal" value="{{ row.start }}"
  aria-describedby="range-{{ loop.index0 }} points-{{ loop.index0 }} warning-{{ loop.index0 }}">
</div>
{% endif %}
<output class="points" id="points-{{ loop.index0 }}" for="value-{{ loop.index0 }}"></output>
<div class="bar" aria-hidden="true"><div id="bar-{{ loop.index0 }}"></div></div>
{% if not row.options %}
<span class="range" id="range-{{ loop.index0 }}">Range {{ row.range }}</span>
{% endif %}
<p class="warning" id="warning-{{ loop.index0 }}" role="status"></p>
</div>
{% endfor %}
</form>
<dl class="result" aria-live="polite">
<dt>Total points</dt><dd id="total"></dd>
{% for scale in scales %}
<dt class="risk">{{ scale.label }}</dt><dd class="risk" id="scale-{{ loop.index0 }}"></dd>
{% endfor %}
</dl>
<p class="note">For research. Not a medical device; not to be used for decisions on patients. Everything is computed in
this page; nothing entered leaves it.</p>
</main>
<noscript>This page needs JavaScript to add the points up.</noscript>
<script type="application/json" id="nomogram">{{ data }}</script>
<script>{{ script }}</script>
</body>
</html>
"""


def nomogram_page(document, *, title, note=""):
    """Return the page as HTML text.

    The page computes in the browser what `nomogram.points_of` and `nomogram.probabilities` compute here, loads nothing
    and sends nothing (its content security policy forbids it). Every shown number carries its full precision in the
    attribute ``data-exact``.

    Parameters
    ----------
    document : dict
        See `nomogram.nomogram_document`.
    title, note : str
        The note says whose model this is and how it was validated.
    """
    environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    return environment.from_string(PAGE).render(
        title=title,
        note=note,
        rows=[_row(term) for term in document["terms"]],
        scales=document["scales"],
        style=Markup(STYLE),
        script=Markup(SCRIPT),
        data=Markup(_script_data(document)),
    )


def no_nomogram_page(title, reason):
    """Return a page that says why there is no nomogram."""
    note = f"{reason[:1].upper()}{reason[1:]}: there is nothing to set."
    document = {"terms": [], "scales": [], "points_per_unit": 1.0, "lp_at_zero": 0.0, "lp_range": [0.0, 0.0]}
    return nomogram_page(document, title=title, note=note)


def _row(term):
    """What a predictor's input shows: options to choose from, or the range of a slider."""
    if term["kind"] == "category":
        return {"label": term["label"], "options": list(enumerate(term["ticks"]))}
    if term["kind"] == "discrete":
        return {
            "label": term["label"],
            "options": [(repr(tick).removesuffix(".0"), tick_text(tick)) for tick in term["ticks"]],
        }
    low, high = term["ticks"][0], term["ticks"][-1]
    return {
        "label": term["label"],
        "options": [],
        "low": f"{low:.12g}",
        "high": f"{high:.12g}",
        "step": f"{(term['ticks'][1] - low) / SLIDER_STEPS:.12g}",
        "start": f"{term['ticks'][len(term['ticks']) // 2]:.12g}",
        "range": f"{tick_text(low)} to {tick_text(high)}",
    }


def _script_data(document):
    """JSON that cannot end the script element it stands in."""
    return json.dumps(document, sort_keys=True, allow_nan=False).replace("<", "\\u003c")
