// the strip of reasons and the table of one hour
function hoursOf(data) {
  const strip = document.getElementById("strip"), slider = document.getElementById("hour"), tip = document.getElementById("tip");
  const { clock, rows } = data;
  const series = (reference) => store.get(reference);
  let chosen = data.chosen, row = 0;
  const NOTHING = -1;

  const number = (value, digits = 2) => (Number(value.toFixed(digits)) + 0).toLocaleString("en-US", { maximumFractionDigits: digits });
  const money = (value) => Math.abs(value) >= 1000 ? number(value, 0) : number(value, 2);
  const offsetAt = (step) => clock.offsets.filter(([from]) => from <= step).at(-1);
  const onAxis = (step) => clock.utc + step * clock.step + clock.offsets[0][1] * 60000;
  const stepAt = (time) => Math.max(0, Math.min(clock.steps - 1, Math.floor((time - onAxis(0)) / clock.step)));
  const nameOf = (step) => {
    const [, minutes, zone] = offsetAt(step);
    const local = new Date(clock.utc + step * clock.step + minutes * 60000);
    const day = local.toLocaleDateString("en-GB", { weekday: "short", day: "numeric", month: "short", year: "numeric", timeZone: "UTC" }).replace(",", "");
    return `${day} ${local.toISOString().slice(11, 16)} ${zone}`.trim();
  };

  // ---------------------------------------------------------------- what is known of a component in an hour
  for (const entry of rows) {
    const power = series(entry.power);
    entry.most = power ? power.reduce((most, value) => Math.max(most, Math.abs(value)), 0) : 0;
  }
  const striped = data.explained ? rows : rows.filter((entry) => entry.colour);
  // a limit's words with its number, which stands with the component that meets it
  function told(limit, figure) {
    const size = figure === null || figure !== figure ? "its bound" : number(Math.abs(figure), Math.abs(figure) >= 1000 ? 0 : 2);
    return `${limit.words.replaceAll("{limit}", size).replaceAll("{figure}", size)} (${limit.where})`;
  }
  function at(entry, step) {
    const get = (key) => entry[key] ? series(entry[key])[step] : null;
    const code = entry.code ? data.codes[get("code")] || null : null;
    const limit = entry.limit && get("limit") > NOTHING ? told(data.limits[get("limit")], get("figure")) : "";
    const other = entry.also && get("also") > NOTHING ? told(data.limits[get("also")], null) : "";
    const sentence = data.sentences && entry.sentence ? data.sentences[get("sentence")] : "";
    return { power: entry.power ? get("power") : 0, money: entry.money ? get("money") : 0, code, sentence, limit, other, margin: get("margin"), value: get("value") };
  }
  const colourOf = (code, on) => !code ? data.groups.none : code.group === "money" && !on ? data.notPaying : data.groups[code.group] || data.groups.none;

  // ---------------------------------------------------------------- the strip
  const HEIGHT = Number(strip.dataset.row);
  const left = () => margins({ time: true, wide: true }).l;
  function drawStrip() {
    const width = strip.clientWidth, height = strip.clientHeight, scale = window.devicePixelRatio || 1;
    if (!width) return;
    strip.width = Math.round(width * scale); strip.height = Math.round(height * scale);
    const pen = strip.getContext("2d");
    pen.scale(scale, scale);
    const l = left(), inner = width - l - 10, [from, to] = shown.range;
    const x = (time) => l + (time - from) / (to - from) * inner;
    pen.font = `${Math.min(11, HEIGHT - 3)}px ${getComputedStyle(document.body).fontFamily}`;
    pen.textBaseline = "middle";
    striped.forEach((entry, number) => {
      const top = number * HEIGHT + 2, room = HEIGHT - 4;
      pen.fillStyle = css(number === row && document.activeElement === strip ? "--ink" : "--muted");
      pen.textAlign = "right";
      let name = entry.label;
      while (name.length > 3 && pen.measureText(name).width > l - 12) name = name.slice(0, -2) + "…";
      pen.fillText(name, l - 6, top + room / 2 + 0.5);
      const first = stepAt(from), last = stepAt(to - 1), codes = series(entry.code), power = series(entry.power);
      const cells = Math.min(last - first + 1, Math.ceil(inner * scale));
      for (let cell = 0; cell < cells; cell++) {
        const a = first + Math.floor(cell * (last - first + 1) / cells), b = first + Math.floor((cell + 1) * (last - first + 1) / cells);
        let level = 0, most = 0, code = null;
        const seen = new Map();
        for (let i = a; i < b; i++) {
          level += power ? Math.abs(power[i]) : 0;
          if (codes) { const count = (seen.get(codes[i]) || 0) + 1; seen.set(codes[i], count); if (count > most) { most = count; code = data.codes[codes[i]] || null; } }
        }
        level = entry.most ? level / (b - a) / entry.most : 0;
        if (!codes && level < 1e-4) continue;
        const x0 = Math.max(l, x(onAxis(a))), x1 = Math.min(l + inner, x(onAxis(b)));
        const high = codes ? 3 + (room - 3) * level : room * level;
        pen.fillStyle = codes ? colourOf(code, level > 1e-3) : entry.colour || data.groups.none;
        pen.fillRect(x0, top + room - high, Math.max(0.5, x1 - x0 + 0.15), high);
      }
      pen.fillStyle = css("--grid");
      pen.fillRect(l, top + room, inner, 1);
    });
  }

  function placeOnStrip(event) {
    const box = strip.getBoundingClientRect(), l = left();
    const share = (event.clientX - box.left - l) / (box.width - l - 10);
    const found = Math.floor((event.clientY - box.top) / HEIGHT);
    if (found < 0 || found >= striped.length || share > 1) return null;
    return { row: found, step: share < 0 ? null : stepAt(shown.range[0] + share * (shown.range[1] - shown.range[0])) };
  }

  function say(entry, step) {
    const found = at(entry, step);
    const parts = [found.sentence || (found.code ? found.code.title : "")];
    if (entry.power) parts.push(`${number(found.power)} MW`);
    if (found.margin !== null && found.margin === found.margin) parts.push(`margin ${money(found.margin)} ${data.currency}/MWh`);
    if (found.limit) parts.push(`limit: ${found.limit}`);
    if (found.value > 0) parts.push(`one unit more earns ${money(found.value)} ${data.currency}`);
    return { title: `${entry.label}, ${nameOf(step)}`, parts: parts.filter(Boolean) };
  }

  function showTip(event) {
    const where = placeOnStrip(event);
    if (!where || where.step === null) { tip.hidden = true; point(null); return; }
    const told = say(striped[where.row], where.step);
    tip.replaceChildren(...[told.title, ...told.parts].map((text, i) => Object.assign(document.createElement(i ? "div" : "b"), { textContent: text })));
    tip.hidden = false;
    tip.style.left = `${Math.max(8, Math.min(event.clientX + 14, innerWidth - tip.offsetWidth - 8))}px`;
    const below = event.clientY + 16, above = event.clientY - tip.offsetHeight - 12;
    tip.style.top = `${below + tip.offsetHeight < innerHeight ? below : Math.max(4, above)}px`;
    point(onAxis(where.step + 0.5));
  }

  // ---------------------------------------------------------------- the table
  const cell = (text, kind = "") => Object.assign(document.createElement("td"), { textContent: text, className: kind });
  function fill() {
    slider.value = chosen;
    slider.setAttribute("aria-valuetext", nameOf(chosen));
    document.getElementById("hour-name").textContent = nameOf(chosen);
    document.getElementById("hour-facts").textContent = data.sites.map((site) => {
      const facts = [`import ${number(series(site.import)[chosen], 1)} MW`];
      if (series(site.export)[chosen] > 1e-6) facts.push(`feed-in ${number(series(site.export)[chosen], 1)} MW`);
      for (const [name, prices] of site.prices) { const price = series(prices)[chosen]; if (price === price) facts.push(`${name} ${number(price)}`); }
      if (site.powerPrice) facts.push(`one MWh more at the bus is worth ${number(series(site.powerPrice)[chosen])} ${data.currency}`);
      return `${site.name}: ${facts.join(" · ")}`;
    }).join(" — ");
    const body = document.querySelector("#hour-table tbody");
    const quiet = [];
    body.replaceChildren(...rows.map((entry) => {
      const found = at(entry, chosen), line = document.createElement("tr");
      if (entry === striped[row]) line.className = "current";
      const head = Object.assign(document.createElement("th"), { scope: "row", textContent: entry.label });
      head.append(Object.assign(document.createElement("span"), { textContent: ` ${entry.kind}` }));
      line.append(head, cell(entry.power ? number(found.power) : "", "number"), cell(entry.money && Math.abs(found.money) >= 0.005 ? money(found.money) : "", "number"));
      if (data.explained) {
        const why = cell("", "why");
        if (found.code) {
          const dot = Object.assign(document.createElement("span"), { className: "dot" });
          dot.style.setProperty("--c", colourOf(found.code, Math.abs(found.power) > 1e-6));
          why.append(dot, Object.assign(document.createElement("b"), { textContent: found.code.title }));
          if (found.sentence) why.append(Object.assign(document.createElement("div"), { textContent: found.sentence }));
        }
        const margin = found.margin !== null && found.margin === found.margin ? money(found.margin) : "";
        line.append(why, cell(margin, "number"), cell([found.limit, found.other].filter(Boolean).join("; also ")), cell(found.value > 1e-9 ? money(found.value) : "", "number"));
      }
      ["", "MW", data.currency, "", `margin, ${data.currency}/MWh`, "limit", "one unit more earns"].forEach((name, k) => { if (line.children[k]) line.children[k].dataset.name = name; });
      for (const one of line.children) if (!one.textContent) one.classList.add("empty");
      const idle = Math.abs(found.power) < 1e-6 && Math.abs(found.money) < 0.005 && (!found.code || found.code.group === "none");
      if (!idle || entry === striped[row]) return line;
      quiet.push(entry.label);
      return null;
    }).filter(Boolean));
    if (quiet.length) {
      const line = document.createElement("tr"), all = cell(`Nothing to do or to decide: ${quiet.join(", ")}`, "quiet");
      all.colSpan = document.querySelectorAll("#hour-table thead th").length;
      line.append(all);
      body.append(line);
    }
    place("--chosen", onAxis(chosen + 0.5));
  }

  function choose(step, { aloud = false, far = true } = {}) {
    chosen = Math.max(0, Math.min(clock.steps - 1, step));
    fill();
    const middle = onAxis(chosen + 0.5), [from, to] = shown.range;
    if (far && (middle < from || middle > to)) show(middle - (to - from) / 2, middle + (to - from) / 2);
    if (aloud) { const told = say(striped[row], chosen); document.getElementById("hour-said").textContent = `${told.title}: ${told.parts.join("; ")}`; }
  }

  slider.addEventListener("input", () => choose(Number(slider.value)));
  document.querySelectorAll("[data-hours]").forEach((button) => button.addEventListener("click", () => {
    const hours = Number(button.dataset.hours);
    choose(chosen + (Math.abs(hours) === 1 ? hours : Math.sign(hours) * Math.max(1, Math.round(24 * 3600000 / clock.step))));
  }));
  document.addEventListener("chosen", (event) => choose(stepAt(event.detail)));
  document.addEventListener("shown", () => { drawStrip(); place("--chosen", onAxis(chosen + 0.5)); });
  strip.addEventListener("pointermove", showTip);
  strip.addEventListener("pointerleave", () => { tip.hidden = true; point(null); });
  strip.addEventListener("click", (event) => {
    const where = placeOnStrip(event);
    if (!where) return;
    row = where.row;
    if (where.step === null) fill(); else choose(where.step);
    drawStrip();
  });
  strip.addEventListener("keydown", (event) => {
    const day = Math.max(1, Math.round(24 * 3600000 / clock.step));
    const moves = { ArrowLeft: -1, ArrowRight: 1, PageUp: -day, PageDown: day, Home: -clock.steps, End: clock.steps };
    if (event.key in moves) choose(chosen + moves[event.key], { aloud: true });
    else if (event.key === "ArrowUp" || event.key === "ArrowDown") {
      row = Math.max(0, Math.min(striped.length - 1, row + (event.key === "ArrowUp" ? -1 : 1)));
      choose(chosen, { aloud: true });
    } else return;
    event.preventDefault();
    drawStrip();
  });
  for (const name of ["focus", "blur"]) strip.addEventListener(name, drawStrip);
  strip.parentElement.style.setProperty("--l", `${left()}px`);
  drawStrip();
  fill();
  return { drawStrip };
}
