// Painting on the photograph: every shape is drawn anew from what was done, so that each can be undone.
const state = { shapes: [], open: null, ring: null };
const find = (what) => element.querySelector(what);
const tool = () => find("input[name=unseen-tool]:checked").value;
const canvas = () => find("canvas");
const radius = () => Number(find("[data-size]").value) / 200 * Math.max(canvas().width, canvas().height);

const trace = (context, shape) => {
  const { kind, points, size } = shape;
  context.globalCompositeOperation = kind === "eraser" ? "destination-out" : "source-over";
  context.beginPath();
  if (kind === "box") {
    const [[x, y], [right, bottom]] = [points[0], points[points.length - 1]];
    context.rect(Math.min(x, right), Math.min(y, bottom), Math.abs(right - x), Math.abs(bottom - y));
    context.fill();
  } else if (kind === "lasso") {
    points.forEach(([x, y]) => context.lineTo(x, y));
    context.closePath();
    context.fill();
  } else {
    context.lineCap = context.lineJoin = "round";
    context.lineWidth = 2 * size;
    context.moveTo(...points[0]);
    points.forEach(([x, y]) => context.lineTo(x + 0.01, y));
    context.stroke();
  }
};

const masked = () => {
  const mask = document.createElement("canvas");
  [mask.width, mask.height] = [canvas().width, canvas().height];
  const context = mask.getContext("2d");
  context.fillStyle = context.strokeStyle = "#0072b2";
  [...state.shapes, ...(state.open ? [state.open] : [])].forEach((shape) => trace(context, shape));
  return mask;
};

const draw = () => {
  const context = canvas().getContext("2d");
  context.clearRect(0, 0, canvas().width, canvas().height);
  context.globalAlpha = 0.65;
  context.drawImage(masked(), 0, 0);
  context.globalAlpha = 1;
  if (!state.ring) return;
  for (const [colour, width] of [["#000", 3], ["#fff", 1.5]]) {
    context.beginPath();
    context.strokeStyle = colour;
    context.lineWidth = width;
    context.arc(...state.ring, Math.max(4, radius()), 0, 2 * Math.PI);
    context.stroke();
  }
};

const send = () => trigger("submit", { mask: state.shapes.length ? masked().toDataURL("image/png") : "" });

const finish = () => {
  if (state.open) state.shapes.push(state.open);
  state.open = null;
  draw();
  send();
};

const place = (event) => {
  const box = canvas().getBoundingClientRect();
  return [(event.clientX - box.left) / box.width * canvas().width, (event.clientY - box.top) / box.height * canvas().height];
};

element.addEventListener("pointerdown", (event) => {
  if (event.target !== canvas() || event.button !== 0) return;
  canvas().setPointerCapture(event.pointerId);
  state.ring = null;
  state.open = { kind: tool(), points: [place(event)], size: radius() };
  draw();
});
element.addEventListener("pointermove", (event) => {
  if (event.target !== canvas() || !state.open || !event.buttons) return;
  state.open.points.push(place(event));
  draw();
});
element.addEventListener("pointerup", (event) => { if (event.target === canvas() && state.open) finish(); });
element.addEventListener("pointercancel", () => { state.open = null; if (canvas()) draw(); });

const STEPS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
element.addEventListener("keydown", (event) => {
  if (event.target !== canvas()) return;
  state.ring ??= [canvas().width / 2, canvas().height / 2];
  if (STEPS[event.key]) {
    const step = event.shiftKey ? 2 : 16, [x, y] = STEPS[event.key];
    state.ring = [
      Math.min(canvas().width, Math.max(0, state.ring[0] + step * x)),
      Math.min(canvas().height, Math.max(0, state.ring[1] + step * y)),
    ];
  } else if (event.key === " ") {
    const corners = tool() === "box" || tool() === "lasso";
    state.open ??= { kind: tool(), points: [], size: radius() };
    state.open.points.push([...state.ring]);
    if (!corners || (tool() === "box" && state.open.points.length === 2)) finish();
  } else if (event.key === "Enter" && state.open) {
    finish();
  } else {
    return;
  }
  event.preventDefault();
  draw();
});

element.addEventListener("click", (event) => {
  if (event.target.matches("[data-undo]")) state.shapes.pop();
  else if (event.target.matches("[data-clear]")) state.shapes = [];
  else return;
  state.open = null;
  draw();
  send();
});

watch("value", () => Object.assign(state, { shapes: [], open: null, ring: null }));
