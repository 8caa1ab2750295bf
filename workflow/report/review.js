"use strict";
// Overlays lie on the picture of the same slice, which stands in the page once.
document.querySelectorAll("img[data-same]").forEach(function (image) {
  image.src = document.getElementById(image.dataset.same).src;
});

function show(plane, number) {
  const positions = plane.dataset.positions.split(" "), low = { Axial: "I", Coronal: "A", Sagittal: "R" }, high = { Axial: "S", Coronal: "P", Sagittal: "L" };
  const name = plane.querySelector("h3").textContent, position = Number(positions[number]), slider = plane.querySelector("input");
  plane.style.setProperty("--slice", number);
  if (slider) slider.value = number;
  plane.querySelector(".where").textContent = (position >= 0 ? high : low)[name] + " " + Math.abs(position).toFixed(1) + " mm" +
    (positions.length > 1 ? ", slice " + (number + 1) + " of " + positions.length : ", largest extent");
}

const planes = Array.from(document.querySelectorAll(".plane"));
const sliders = planes.map(function (plane) { return plane.querySelector("input"); }).filter(Boolean);

// Sequences cut at the same places move together.
function move(slider, number) {
  const places = slider.closest(".plane").dataset.positions;
  sliders.filter(function (other) { return other === slider || other.closest(".plane").dataset.positions === places; })
    .forEach(function (other) { show(other.closest(".plane"), number); });
}

planes.forEach(function (plane) { show(plane, Number(plane.style.getPropertyValue("--slice"))); });
sliders.forEach(function (slider) {
  slider.addEventListener("input", function () { move(slider, Number(slider.value)); });
  slider.closest(".plane").querySelectorAll(".view").forEach(function (view) {
    view.addEventListener("click", function () { move(slider, (Number(slider.value) + 1) % (Number(slider.max) + 1)); });
  });
});

document.querySelectorAll("[data-layer]").forEach(function (box) {
  box.addEventListener("change", function () {
    const layer = box.dataset.layer;
    document.body.classList.toggle((layer === "shell" ? "with-" : "without-") + layer, layer === "shell" ? box.checked : !box.checked);
  });
});

// The index hands on which patients it lists, in their order; nothing is stored.
const patient = document.body.dataset.patient;
const listed = decodeURIComponent(location.hash.slice(1)).split(",").filter(function (name) { return /^[A-Za-z0-9][A-Za-z0-9_.-]*$/.test(name); });
const at = listed.indexOf(patient);
function link(id, name) {
  if (!name) return;
  const element = document.getElementById(id);
  element.hidden = false;
  element.href = encodeURIComponent(name) + ".html#" + listed.join(",");
}
if (at >= 0) {
  link("previous", listed[at - 1]);
  link("next", listed[at + 1]);
  document.getElementById("place").textContent = (at + 1) + " of " + listed.length;
}

document.addEventListener("keydown", function (event) {
  if (event.target.closest("input:not([type=checkbox]), textarea, select") || event.ctrlKey || event.metaKey || event.altKey) return;
  if (event.key === "ArrowLeft" || event.key === "ArrowRight") {
    const element = document.getElementById(event.key === "ArrowLeft" ? "previous" : "next");
    if (!element.hidden) element.click();
  } else if ((event.key === "ArrowUp" || event.key === "ArrowDown") && sliders.length) {
    event.preventDefault();
    sliders.forEach(function (slider) {
      const wanted = Number(slider.value) + (event.key === "ArrowUp" ? 1 : -1);
      show(slider.closest(".plane"), Math.min(Math.max(wanted, 0), Number(slider.max)));
    });
  }
});

const row = document.getElementById("row"), reason = document.getElementById("reason");
reason.addEventListener("input", function () {
  row.textContent = "patient\texclude\n" + patient + "\t" + reason.value.replace(/[\t\r\n]/g, " ");
});
document.getElementById("copy").addEventListener("click", function () {
  getSelection().selectAllChildren(row);
  const done = document.execCommand("copy");
  document.getElementById("copied").textContent = done ? "Copied." : "Selected: copy it with the keyboard.";
});
