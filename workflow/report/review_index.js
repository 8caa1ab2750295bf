"use strict";
const list = document.getElementById("cases"), cases = Array.from(list.children);
const search = document.getElementById("search"), cohort = document.getElementById("cohort"), order = document.getElementById("order");
const chips = Array.from(document.querySelectorAll(".chip"));

function wanted(item) {
  const codes = item.dataset.codes.split(" ").filter(Boolean);
  const asked = chips.filter(function (chip) { return chip.getAttribute("aria-pressed") === "true"; });
  return item.dataset.patient.toLowerCase().includes(search.value.trim().toLowerCase()) &&
    (!cohort.value || item.dataset.cohort === cohort.value) &&
    (!asked.length || asked.some(function (chip) { return chip.dataset.flag ? codes.includes(chip.dataset.flag) : !codes.length; }));
}

function measure(item) {
  const value = Number(item.dataset[order.value].replace(/,/g, ""));
  return Number.isNaN(value) ? -1 : value;
}

function update() {
  cases.sort(function (a, b) {
    const first = order.value === "patient" ? 0 : measure(b) - measure(a);
    return first || a.dataset.patient.localeCompare(b.dataset.patient, "en", { numeric: true });
  });
  cases.forEach(function (item) { item.hidden = !wanted(item); list.append(item); });
  const shown = cases.filter(function (item) { return !item.hidden; });
  const pages = shown.filter(function (item) { return item.querySelector("a"); }).map(function (item) { return item.dataset.patient; });
  shown.forEach(function (item) {
    item.querySelectorAll("a").forEach(function (link) { link.href = encodeURIComponent(item.dataset.patient) + ".html#" + pages.join(","); });
  });
  document.getElementById("count").textContent = shown.length === cases.length ? cases.length + " patients" : shown.length + " of " + cases.length + " patients";
}

const rows = document.getElementById("rows"), reason = document.getElementById("reason");
function write() {
  const ticked = cases.filter(function (item) { const box = item.querySelector(".leave-out"); return box && box.checked; });
  const names = ticked.map(function (item) { return item.dataset.patient; }).sort();
  rows.value = ["patient\texclude"].concat(names.map(function (name) { return name + "\t" + reason.value.replace(/[\t\r\n]/g, " "); })).join("\n");
}

chips.forEach(function (chip) {
  chip.addEventListener("click", function () {
    chip.setAttribute("aria-pressed", chip.getAttribute("aria-pressed") !== "true");
    update();
  });
});
[search, cohort, order].forEach(function (control) { control.addEventListener("input", update); });
list.addEventListener("change", write);
reason.addEventListener("input", write);
document.getElementById("copy").addEventListener("click", function () {
  rows.select();
  document.getElementById("copied").textContent = document.execCommand("copy") ? "Copied." : "Selected: copy them with the keyboard.";
});
update();
