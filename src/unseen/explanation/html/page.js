"use strict";
// Everything is read from the page's own attributes and written as text, never as markup.

for (const map of document.querySelectorAll("[data-map]")) {
  const one = (name) => map.querySelector(`[data-${name}]`);
  const opacity = one("opacity");
  opacity.parentElement.hidden = false;
  const fade = () => {
    const share = opacity.value / 100, below = one("below").style;
    one("colours").style.opacity = share;
    below.filter = `grayscale(${share})`;
    below.opacity = 1 - 0.55 * share;
  };
  opacity.addEventListener("input", fade);
  fade();
  for (const box of map.querySelectorAll("[data-show]")) {
    box.disabled = false;
    box.addEventListener("change", () => {
      map.querySelector(`[data-part="${box.dataset.show}"]`).toggleAttribute("hidden", !box.checked);
    });
  }
  if (!one("walk")) continue;
  one("photo").src = one("below").src;
  const [shown, hidden, fractions] = ["shown", "hidden", "fractions"].map((name) => JSON.parse(map.dataset[name]));
  const walk = one("walk"), deletion = one("deletion"), canvas = one("canvas"), context = canvas.getContext("2d", { willReadFrequently: true });
  let steps = null;
  const draw = () => {
    if (steps === null) {
      context.drawImage(one("steps"), 0, 0, canvas.width, canvas.height);
      steps = context.getImageData(0, 0, canvas.width, canvas.height).data.filter((_, place) => place % 4 === 0);
    }
    const at = Number(walk.value), picture = context.createImageData(canvas.width, canvas.height);
    for (let place = 0; place < steps.length; place += 1) {
      const visible = (steps[place] <= at) !== deletion.checked;
      const stripe = ((place % canvas.width) + Math.floor(place / canvas.width)) % 12 < 3;
      picture.data.set(stripe ? [190, 190, 190, 255] : [240, 240, 240, 255], 4 * place);
      if (visible) picture.data[4 * place + 3] = 0;
    }
    context.putImageData(picture, 0, 0);
    const share = `${(100 * fractions[at]).toFixed(1)} % of the pixels ${deletion.checked ? "hidden" : "shown alone"}`;
    const said = (deletion.checked ? hidden : shown)[at];
    one("said").textContent = said === undefined
      ? `${share}; the model was not asked along this ranking` : `${share}: ${map.dataset.label} ${said}`;
    const here = one("here");
    if (here) here.setAttribute("d", `M${100 * fractions[at]} 0V100`);
  };
  walk.addEventListener("input", draw);
  deletion.addEventListener("change", draw);
  one("steps").decode().then(() => {
    walk.closest(".walk").hidden = false;
    const tenth = fractions.findIndex((share) => share >= 0.1);
    walk.value = Math.max(0, tenth);
    draw();
  });
}

for (const volume of document.querySelectorAll("[data-slices]")) {
  volume.hidden = false;
  const strength = volume.querySelector("[data-strength]"), layer = volume.querySelector("[data-layer]");
  const parts = [...volume.querySelectorAll("[data-parts]")];
  const draws = [...volume.querySelectorAll("[data-pane]")].map((pane) => {
    const canvas = pane.querySelector("canvas"), context = canvas.getContext("2d");
    const photo = pane.querySelector("img"), layers = [...pane.querySelectorAll("[data-sheets]")];
    const [height, width] = JSON.parse(pane.dataset.size), names = JSON.parse(pane.dataset.names), ends = JSON.parse(pane.dataset.ends);
    const slider = pane.querySelector("[data-slice]"), columns = Number(pane.dataset.columns);
    const traced = Object.assign(document.createElement("canvas"), { width: canvas.width, height: canvas.height });
    const line = traced.getContext("2d");
    const draw = () => {
      const [colours, ...masks] = layers[layer.selectedIndex].children;
      const at = Number(slider.value), x = width * (at % columns), y = height * Math.floor(at / columns);
      const paint = (where, sheet, opacity = 1, right = 0, down = 0) => {
        where.imageSmoothingEnabled = false;
        where.globalAlpha = opacity;
        where.drawImage(sheet, x, y, width, height, right, down, canvas.width, canvas.height);
      };
      const share = strength.value / 100, marks = parts[layer.selectedIndex].querySelectorAll("[data-mark]");
      context.clearRect(0, 0, canvas.width, canvas.height);
      paint(context, photo, 1 - 0.55 * share);
      paint(context, colours, share);
      masks.filter((_, number) => marks[number].checked).forEach((mask) => { // what lies around the part, two pixels wide
        line.globalCompositeOperation = "source-over";
        line.clearRect(0, 0, canvas.width, canvas.height);
        for (const [right, down] of [[-2, 0], [2, 0], [0, -2], [0, 2]]) paint(line, mask, 1, right, down);
        line.globalCompositeOperation = "destination-out";
        paint(line, mask);
        context.globalAlpha = 1;
        context.drawImage(traced, 0, 0);
      });
      context.globalAlpha = 1;
      Object.assign(context, { textAlign: "center", textBaseline: "middle", font: "bold 12px sans-serif", lineWidth: 3 });
      const middle = [canvas.width / 2, canvas.height / 2];
      [[middle[0], 9], [middle[0], canvas.height - 9], [9, middle[1]], [canvas.width - 9, middle[1]]].forEach((place, number) => {
        context.strokeText(ends[number], ...place); // yellow with a black edge is read on black and on white
        context.fillStyle = "#ffd34d";
        context.fillText(ends[number], ...place);
      });
      pane.querySelector("[data-name]").textContent = names[at];
    };
    slider.addEventListener("input", draw);
    Promise.all([...pane.querySelectorAll("img")].map((sheet) => sheet.decode())).then(draw);
    return draw;
  });
  layer.addEventListener("input", () => parts.forEach((part, number) => { part.hidden = number !== layer.selectedIndex; }));
  volume.addEventListener("input", (event) => { if (!event.target.matches("[data-slice]")) draws.forEach((draw) => draw()); });
}

const numberOf = (text) => {
  const found = /[-+−]?[\d,]*\.?\d+(e[-+]?\d+)?/i.exec(text);
  return found ? Number(found[0].replace("−", "-").replaceAll(",", "")) : null;
};
for (const table of document.querySelectorAll("[data-table]")) {
  const body = table.querySelector("tbody"), rows = [...body.rows], field = table.querySelector("[data-filter]");
  field.parentElement.hidden = rows.length < 4;
  field.addEventListener("input", () => {
    const words = field.value.toLowerCase().split(/\s+/).filter(Boolean);
    for (const row of rows) {
      const text = row.textContent.toLowerCase();
      row.hidden = !words.every((word) => text.includes(word));
    }
  });
  for (const button of table.querySelectorAll("[data-sort]")) {
    button.disabled = false;
    button.addEventListener("click", () => {
      const head = button.parentElement, place = Number(button.dataset.sort);
      const down = head.getAttribute("aria-sort") === "ascending";
      for (const other of table.querySelectorAll("th")) other.removeAttribute("aria-sort");
      head.setAttribute("aria-sort", down ? "descending" : "ascending");
      const number = head.classList.contains("number");
      const key = (row) => number ? numberOf(row.cells[place].textContent) : row.cells[place].textContent;
      const sorted = [...rows].sort((one, other) => {
        const [a, b] = [key(one), key(other)];
        if (a === null || b === null) return (a === null) - (b === null); // no value comes last
        return (number ? a - b : a.localeCompare(b)) * (down ? -1 : 1);
      });
      body.append(...sorted);
    });
  }
}

if (window.parent !== window) { // within another page, which makes room for all of it
  document.body.classList.add("framed");
  const tell = () => window.parent.postMessage({ height: document.body.scrollHeight }, "*");
  new ResizeObserver(tell).observe(document.body);
  window.addEventListener("load", tell); // an observer sleeps while the frame is out of sight
}
