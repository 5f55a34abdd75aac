// pictures: drawn when they come into sight, all over the same hours
const specs = JSON.parse(document.getElementById("figures").textContent);
const plots = [...document.querySelectorAll(".plot")];
const state = new Map(plots.map((plot) => [plot, { drawn: false, stale: true, seen: false }]));
const touch = matchMedia("(pointer: coarse)").matches;   // a finger has to scroll the page, not zoom the picture
const narrow = () => document.documentElement.clientWidth < 600;
const css = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
const timed = specs.filter((spec) => spec.time), linked = timed.filter((spec) => !spec.time.alone);
const ends = (spec) => spec.layout.xaxis.range.map((text) => Date.parse(text.replace(" ", "T") + "Z"));
const whole = linked.length ? ends(linked[0]) : [0, 1];
const shown = { range: whole.slice(), paper: 0 };
// a picture that stands alone shows hours of its own
const rangeOf = (spec) => spec.time.alone ? spec.range : shown.range;
let store;

for (const spec of timed) {
  spec.range = ends(spec);
  spec.steps = Math.round((spec.range[1] - Date.parse(spec.time.start.replace(" ", "T") + "Z")) / spec.time.step_ms + 0.4999);
}

// room left and right of the picture: the same for all of a kind, so that their hours stand above each other
function margins(spec) {
  if (!spec.time) return { r: 10, l: 46 };
  return { l: spec.wide ? (narrow() ? 76 : 98) : narrow() ? 46 : 56, r: 10 };
}

// colours that depend on light or dark are written as "@ink", "@faint" and "@page"
function painted(value, colours) {
  if (typeof value === "string") return colours[value] || value;
  if (Array.isArray(value)) return value.map((entry) => painted(entry, colours));
  if (value === null || typeof value !== "object" || value instanceof Float32Array) return value;
  return Object.fromEntries(Object.entries(value).map(([key, entry]) => [key, painted(entry, colours)]));
}
const colours = () => ({ "@ink": css("--ink"), "@faint": css("--faint"), "@page": css("--page") });
const stamp = (ms) => new Date(ms).toISOString().slice(0, 19).replace("T", " ");

function layoutOf(spec, width) {
  const axis = { gridcolor: css("--grid"), zerolinecolor: css("--muted"), linecolor: css("--line"), automargin: !spec.time, separatethousands: true };
  const layout = painted(spec.layout, colours());
  for (const name of ["xaxis", "yaxis", "yaxis2", "yaxis3"]) {
    if (layout[name] || ["xaxis", "yaxis"].includes(name)) layout[name] = { ...axis, ...layout[name] };
    if (touch && layout[name]) layout[name].fixedrange = true;
  }
  if (spec.time) {
    layout.xaxis.range = rangeOf(spec).map(stamp);
    layout.xaxis.nticks = Math.max(3, Math.round(width / 95));
    layout.yaxis.exponentformat = "none";
    layout.yaxis.tickfont = { size: 11, ...layout.yaxis.tickfont };
    for (const [name, ticks] of [["yaxis", 6], ["yaxis2", 5], ["yaxis3", 4]]) if (layout[name]) layout[name].nticks = ticks;
  }
  return {
    ...layout,
    width, autosize: false,
    margin: { t: 8, b: 30, ...layout.margin, ...margins(spec) },
    font: { family: getComputedStyle(document.body).fontFamily, size: 12, color: css("--ink") },
    paper_bgcolor: "rgba(0,0,0,0)", plot_bgcolor: "rgba(0,0,0,0)", showlegend: false, dragmode: touch ? false : "zoom",
    hoverlabel: { bgcolor: css("--card"), bordercolor: css("--line"), font: { color: css("--ink"), size: 12 }, namelength: 30 },
  };
}

const widthOf = (plot) => shown.paper || plot.clientWidth;

function draw(plot) {
  const spec = specs[plot.dataset.figure], mine = state.get(plot), width = widthOf(plot);
  if (!width) return undefined;   // folded away
  const window = spec.time ? windowOf(spec, rangeOf(spec), Math.max(250, Math.min(900, width))) : null;
  const palette = colours();
  const traces = spec.data.map((trace) => painted(seriesOf(trace, store, window), palette));
  const first = !mine.drawn;
  mine.drawn = true; mine.stale = false; mine.group = window && window.group;
  const done = Plotly.react(plot, traces, layoutOf(spec, width), { displaylogo: false, displayModeBar: false, doubleClick: false });
  plot.parentElement.style.setProperty("--l", `${margins(spec).l}px`);
  if (first && spec.time) listen(plot);
  return done;
}

function refresh(plot) {
  const mine = state.get(plot);
  if (mine.seen || shown.paper) draw(plot); else mine.stale = true;
}
const refreshAll = () => plots.forEach(refresh);

// ---------------------------------------------------------------- the hours shown
function show(from, to) {
  const length = Math.min(to - from, whole[1] - whole[0]);
  const start = Math.max(whole[0], Math.min(from, whole[1] - length));
  shown.range = [start, start + length];
  for (const plot of plots) {
    const spec = specs[plot.dataset.figure], mine = state.get(plot);
    if (!spec.time || spec.time.alone) continue;
    if (!mine.seen || !mine.drawn) { mine.stale = true; continue; }
    draw(plot);
  }
  document.dispatchEvent(new CustomEvent("shown"));
}

const timeAt = (plot, clientX) => {
  const spec = specs[plot.dataset.figure], { l, r } = margins(spec), box = plot.getBoundingClientRect();
  const share = (clientX - box.left - l) / (box.width - l - r);
  return share < 0 || share > 1 ? null : shown.range[0] + share * (shown.range[1] - shown.range[0]);
};

function listen(plot) {
  const spec = specs[plot.dataset.figure];
  const go = (from, to) => { if (spec.time.alone) { spec.range = [from, to]; draw(plot); } else show(from, to); };
  plot.on("plotly_relayout", (change) => {
    const found = ["xaxis.range[0]", "xaxis.range[1]"].map((key) => change[key]);
    if (found[0] !== undefined) go(...found.map((text) => typeof text === "number" ? text : Date.parse(String(text).replace(" ", "T") + "Z")));
  });
  plot.on("plotly_doubleclick", () => { restoreAxes(plot); go(...(spec.time.alone ? ends(spec) : whole)); });
  if (spec.time.alone) { plot.parentElement.classList.remove("time"); return; }
  let from = 0;
  plot.addEventListener("pointerdown", (event) => { from = event.clientX; }, true);
  plot.addEventListener("click", (event) => {
    const time = Math.abs(event.clientX - from) < 4 ? timeAt(plot, event.clientX) : null;
    if (time !== null) document.dispatchEvent(new CustomEvent("chosen", { detail: time }));
  }, true);
  plot.addEventListener("pointermove", (event) => point(timeAt(plot, event.clientX)));
  plot.addEventListener("pointerleave", () => point(null));
}

// prices off the scale are shown by a double click as well
function restoreAxes(plot) {
  const spec = specs[plot.dataset.figure];
  for (const name of ["yaxis", "yaxis2", "yaxis3"]) {
    if (!spec.layout[name] || !spec.layout[name].range || spec.data.some((trace) => trace._row)) continue;
    spec.free = !spec.free;
    spec.kept = spec.kept || spec.layout[name].range;
    spec.layout[name] = { ...spec.layout[name], range: spec.free ? undefined : spec.kept, autorange: spec.free || undefined };
  }
}

// the line at the pointer, and that of the chosen hour, in all pictures at once
const place = (name, time) => {
  const share = time === null ? -1 : (time - shown.range[0]) / (shown.range[1] - shown.range[0]);
  document.documentElement.style.setProperty(name, String(share));
  document.documentElement.style.setProperty(`${name}-on`, share >= 0 && share <= 1 ? "1" : "0");
};
const point = (time) => place("--at", time);

function toggle(button) {
  const visible = button.getAttribute("aria-pressed") !== "true";
  button.setAttribute("aria-pressed", String(visible));
  const plot = button.closest("figure").querySelector(".plot");
  const spec = specs[plot.dataset.figure];
  const mine = [...spec.data.keys()].filter((i) => spec.data[i].legendgroup === button.dataset.group);
  mine.forEach((i) => { spec.data[i].visible = visible; });
  if (state.get(plot).drawn) Plotly.restyle(plot, { visible }, mine);
}
