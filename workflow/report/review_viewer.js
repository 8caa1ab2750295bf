"use strict";
const layers = JSON.parse(document.getElementById("volumes").textContent), at = (id) => document.getElementById(id);
const images = layers.filter((layer) => layer.kind === "image"), labels = layers.filter((layer) => layer.kind === "labels");
const nv = new niivue.Niivue({ backColor: [0, 0, 0, 1], crosshairWidth: 0.3, isRadiologicalConvention: true, sagittalNoseLeft: true, isOrientCube: false, dragMode: 1, logLevel: "error" });
let ready = Promise.resolve(), place = "";

function colourTable(colours) {
  const channel = (place) => [0].concat(colours.map((colour) => parseInt(colour.slice(place, place + 2), 16)));
  return { R: channel(1), G: channel(3), B: channel(5), A: [0].concat(colours.map(() => 255)), I: [...Array(colours.length + 1).keys()], labels: [""].concat(colours.map((_, k) => String(k + 1))) };
}

async function volume(layer) {
  const found = await niivue.NVImage.loadFromBase64({ base64: layer.source, name: layer.name + ".nii.gz", colormap: "gray" });
  if (layer.kind === "labels") { found.setColormapLabel(colourTable(layer.colours)); found.opacity = Number(at("opacity").value); }
  return found;
}

const ticked = () => Array.from(document.querySelectorAll("#layers label:not([hidden]) input:checked")).map((box) => labels[Number(box.value)]);

async function show() {
  const image = images[Number(at("image").value)];
  labels.forEach((layer, k) => { at("layer" + k).parentNode.hidden = layer.group !== image.group; });
  while (nv.volumes.length) nv.removeVolume(nv.volumes[0]);
  for (const layer of [image].concat(ticked())) nv.addVolume(await volume(layer));
  nv.setSliceType(Number(at("view").value));
  const centred = labels.find((layer) => layer.group === image.group && layer.centre_mm);
  if (centred && centred.group !== place) {
    place = centred.group;
    nv.scene.crosshairPos = nv.mm2frac(centred.centre_mm);
    nv.drawScene();
  }
  at("state").textContent = [image].concat(ticked()).map((layer) => layer.name).join(" + ");
}

function later() { ready = ready.then(show); return ready; }

images.forEach((layer, k) => at("image").append(new Option(layer.name, k)));
labels.forEach(function (layer, k) {
  const label = document.createElement("label"), box = document.createElement("input"), swatch = document.createElement("span");
  Object.assign(box, { type: "checkbox", id: "layer" + k, value: k, checked: layer.colours.length > 1 || k === labels.findIndex((other) => other.group === layer.group) });
  swatch.className = "swatch";
  swatch.style.background = layer.colours[0];
  label.append(box, swatch, layer.name);
  at("layers").append(label);
  box.addEventListener("change", later);
});
at("image").addEventListener("input", later);
at("view").addEventListener("input", () => nv.setSliceType(Number(at("view").value)));
at("opacity").addEventListener("input", function () {
  nv.volumes.slice(1).forEach((_, k) => nv.setOpacity(k + 1, Number(at("opacity").value)));
});
ready = nv.attachToCanvas(at("canvas")).then(show).catch(function (error) { at("state").textContent = "The volumes cannot be shown: " + error; });
