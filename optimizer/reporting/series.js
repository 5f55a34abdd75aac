// series: unpacked once, and put together in groups where there are more steps than pixels
const DAY_MS = 86400000;
const LONGEST_GROUP_MS = 8 * 3600000;   // longer groups are whole days, so that day and night do not beat against them

async function inflated(id) {
  const text = document.getElementById(id).textContent;
  if (!text) return new Uint8Array(0);
  const letters = atob(text), packed = new Uint8Array(letters.length);
  for (let i = 0; i < letters.length; i++) packed[i] = letters.charCodeAt(i);
  const stream = new Blob([packed]).stream().pipeThrough(new DecompressionStream("deflate"));
  return new Uint8Array(await new Response(stream).arrayBuffer());
}

class Store {
  // bytes of the same significance stand together in each block
  constructor(bytes, lengths) {
    this.bytes = bytes;
    this.lengths = lengths;
    this.starts = [];
    this.ready = new Map();
    let start = 0;
    for (const length of lengths) { this.starts.push(start); start += 4 * length; }
  }

  get(reference) {
    if (!reference) return null;
    const number = reference.array;
    if (!this.ready.has(number)) {
      const n = this.lengths[number], from = this.starts[number], bytes = new Uint8Array(4 * n);
      for (let part = 0; part < 4; part++) for (let i = 0; i < n; i++) bytes[4 * i + part] = this.bytes[from + part * n + i];
      this.ready.set(number, new Float32Array(bytes.buffer));
    }
    return this.ready.get(number);
  }
}

function grouped(values, first, count, group, way) {
  const found = new Float32Array(count);
  for (let k = 0; k < count; k++) {
    const from = first + k * group, to = Math.min(from + group, values.length - 1);
    if (way === "state") { found[k] = values[from]; continue; }
    let sum = 0, seen = 0, low = Infinity, high = -Infinity;
    for (let i = from; i < to; i++) {
      const value = values[i];
      if (value !== value) continue;
      sum += value; seen += 1;
      if (value < low) low = value;
      if (value > high) high = value;
    }
    found[k] = !seen ? NaN : way === "low" ? low : way === "high" ? high : sum / seen;
  }
  return found;
}

// what is drawn of a picture: from which step, in groups of how many, how many groups
function windowOf(spec, range, most) {
  const start = Date.parse(spec.time.start.replace(" ", "T") + "Z"), step = spec.time.step_ms, steps = spec.steps;
  const from = Math.max(0, Math.floor((range[0] - start) / step)), to = Math.min(steps, Math.ceil((range[1] - start) / step));
  let group = Math.max(1, Math.ceil((to - from) / most));
  if (group * step > LONGEST_GROUP_MS && DAY_MS % step === 0) group = Math.ceil(group * step / DAY_MS) * DAY_MS / step;
  const first = Math.max(0, Math.floor(from / group) * group - 2 * group);
  const count = Math.max(1, Math.min(Math.ceil(steps / group) - first / group, Math.ceil((to - first) / group) + 2));
  return { first, group, count, start: start + first * step, step: step * group, whole: first === 0 && group === 1 && count === steps };
}

// a trace as plotly takes it, of the hours shown
function seriesOf(trace, store, shown) {
  const given = {};
  for (const [key, value] of Object.entries(trace)) {
    if (key.startsWith("_")) continue;
    given[key] = value && value.array !== undefined ? store.get(value) : value;
  }
  if (!trace._lod) return given;
  const cut = (reference, way) => {
    const values = store.get(reference);
    if (shown.whole) return values;
    const found = new Float32Array(shown.count + 1);
    found.set(grouped(values, shown.first, shown.count, shown.group, way));
    const end = Math.min(shown.first + shown.count * shown.group, values.length - 1);
    found[shown.count] = way === "state" || end < values.length - 1 ? values[end] : found[shown.count - 1];
    return found;
  };
  given.y = cut(trace.y, trace._lod);
  given.x0 = new Date(shown.start).toISOString().slice(0, 19).replace("T", " ");
  given.dx = shown.step;
  if (trace._low && trace._between && (trace._spread || shown.group > 1)) {
    const low = cut(trace._low, "low"), high = cut(trace._high, "high");
    given.customdata = Array.from(low, (value, i) => [value, high[i]]);
    given.hovertemplate = trace._between;
  }
  if (trace._row) given.customdata = Array.from(given.y, (value) => (value - trace._row[0]) / trace._row[1]);
  return given;
}
