// Figures: the link saves what is shown, as it is (SVG) or as pixels three times as dense (PNG).
document.querySelectorAll("a.save").forEach(function (link) {
  const image = link.closest("figure").querySelector("img");
  link.href = image.src;
  if (!image.src.startsWith("data:image/svg")) return;
  const pixels = document.createElement("a");
  pixels.className = "download";
  pixels.href = "#";
  pixels.textContent = "as PNG";
  pixels.setAttribute("download", link.getAttribute("download").replace(/\.svg$/, ".png"));
  pixels.addEventListener("click", function (event) {
    if (pixels.href.startsWith("data:")) return;
    event.preventDefault();
    const canvas = document.createElement("canvas"), scale = 3;
    canvas.width = scale * image.naturalWidth;
    canvas.height = scale * image.naturalHeight;
    const context = canvas.getContext("2d");
    context.fillStyle = "white";
    context.fillRect(0, 0, canvas.width, canvas.height);
    context.drawImage(image, 0, 0, canvas.width, canvas.height);
    pixels.href = canvas.toDataURL("image/png");
    pixels.click();
  });
  link.after(" ", pixels);
});

// Tables: a click on a title sorts by that column, within the groups of the table; a dash always comes last.
function value(row, column) {
  const text = row.cells[column].firstChild ? row.cells[column].firstChild.textContent.trim() : "";
  const number = text.replace(/\u2212/g, "-").replace(/[\u2009\u202f\u00a0,]/g, "").match(/^[<>]?\s*(-?\d*\.?\d+(?:e-?\d+)?)/i);
  return { missing: text === "" || text === "\u2013", number: number ? Number(number[1]) : null, text: text };
}

function compare(a, b, falling) {
  if (a.missing !== b.missing) return a.missing ? 1 : -1;
  const order = a.number !== null && b.number !== null ? a.number - b.number : a.text.localeCompare(b.text, "en", { numeric: true });
  return falling ? -order : order;
}

function sort(table, column, falling) {
  const body = table.tBodies[0], groups = [[]];
  Array.from(body.rows).forEach(function (row) {
    if (row.classList.contains("group")) groups.push([row]);
    else groups[groups.length - 1].push(row);
  });
  groups.forEach(function (rows) {
    const head = rows.length && rows[0].classList.contains("group") ? rows.shift() : null;
    rows.sort(function (a, b) { return compare(value(a, column), value(b, column), falling); });
    (head ? [head] : []).concat(rows).forEach(function (row) { body.append(row); });
  });
}

document.querySelectorAll("main table").forEach(function (table) {
  if (table.tBodies[0].rows.length < 3) return;
  const titles = Array.from(table.tHead.rows[0].cells);
  titles.forEach(function (title, column) {
    const button = document.createElement("button");
    button.type = "button";
    button.title = "Sort by this column";
    button.append(...title.childNodes);
    title.append(button);
    button.addEventListener("click", function () {
      const falling = title.getAttribute("aria-sort") === "ascending";
      titles.forEach(function (other) { other.removeAttribute("aria-sort"); });
      title.setAttribute("aria-sort", falling ? "descending" : "ascending");
      sort(table, column, falling);
    });
  });
});

window.addEventListener("beforeprint", function () {
  document.querySelectorAll("details:not(.listing)").forEach(function (part) { part.open = true; });
});
