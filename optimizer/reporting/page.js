(() => {
  "use strict";
  const specs = JSON.parse(document.getElementById("figures").textContent);
  const plots = [...document.querySelectorAll(".plot")];
  const drawn = new Set();
  // a finger has to scroll the page, not zoom the picture
  const touch = matchMedia("(pointer: coarse)").matches;
  const css = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();

  // colours that depend on light or dark are written as "@ink", "@faint" and "@page"
  const colours = () => ({ "@ink": css("--ink"), "@faint": css("--faint"), "@page": css("--page") });
  function painted(value, colours) {
    if (typeof value === "string") return colours[value] || value;
    if (Array.isArray(value)) return value.map((entry) => painted(entry, colours));
    if (value === null || typeof value !== "object" || value.bdata) return value;
    return Object.fromEntries(Object.entries(value).map(([key, entry]) => [key, painted(entry, colours)]));
  }

  function layoutOf(spec, width) {
    const axis = { gridcolor: css("--grid"), zerolinecolor: css("--muted"), linecolor: css("--line"), automargin: true, separatethousands: true };
    const layout = painted(spec.layout, colours());
    for (const name of ["xaxis", "yaxis", "yaxis2", "yaxis3"]) {
      if (layout[name] || ["xaxis", "yaxis"].includes(name)) layout[name] = { ...axis, ...layout[name] };
      if (touch && layout[name]) layout[name].fixedrange = true;
    }
    if (spec.time) {
      layout.xaxis.nticks = Math.max(4, Math.round(width / 90));
      layout.yaxis.exponentformat = "none";
      for (const [name, ticks] of [["yaxis", 7], ["yaxis2", 5], ["yaxis3", 4]]) if (layout[name]) layout[name].nticks = ticks;
    }
    return {
      ...layout,
      margin: { l: 46, r: 10, t: 8, b: 30, ...layout.margin },
      font: { family: getComputedStyle(document.body).fontFamily, size: 12, color: css("--ink") },
      paper_bgcolor: "rgba(0,0,0,0)", plot_bgcolor: "rgba(0,0,0,0)", showlegend: false, dragmode: touch ? false : "zoom",
      hoverlabel: { bgcolor: css("--card"), bordercolor: css("--line"), font: { color: css("--ink"), size: 12 }, namelength: 30 },
    };
  }

  async function draw(plot) {
    const spec = specs[plot.dataset.figure];
    const traces = painted(spec.data, colours());
    const config = { responsive: true, displaylogo: false, displayModeBar: false };
    const first = !drawn.has(plot);
    drawn.add(plot);
    await Plotly.react(plot, traces, layoutOf(spec, plot.clientWidth), config);
    if (first && spec.time) plot.on("plotly_relayout", (change) => follow(plot, change));
  }

  // all pictures over time show the same hours
  let following = false;
  async function follow(source, change) {
    const chosen = change["xaxis.range[0]"] !== undefined;
    if (following || (!chosen && !change["xaxis.autorange"])) return;
    following = true;
    for (const plot of drawn) {
      const spec = specs[plot.dataset.figure];
      if (!spec.time) continue;
      const range = chosen ? [change["xaxis.range[0]"], change["xaxis.range[1]"]] : spec.layout.xaxis.range;
      if (plot !== source || !chosen) await Plotly.relayout(plot, { "xaxis.range": range.slice() });
    }
    following = false;
  }

  function toggle(button) {
    const shown = button.getAttribute("aria-pressed") !== "true";
    button.setAttribute("aria-pressed", String(shown));
    const plot = button.closest("figure").querySelector(".plot");
    const spec = specs[plot.dataset.figure];
    const mine = [...spec.data.keys()].filter((i) => spec.data[i].legendgroup === button.dataset.group);
    mine.forEach((i) => { spec.data[i].visible = shown; });
    if (drawn.has(plot)) Plotly.restyle(plot, { visible: shown }, mine);
  }

  document.querySelectorAll(".legend button").forEach((button) => button.addEventListener("click", () => toggle(button)));
  // paper is light, whatever the screen is
  for (const media of ["(prefers-color-scheme: dark)", "print"]) {
    matchMedia(media).addEventListener("change", () => drawn.forEach(draw));
  }
  // the library comes compressed: it is most of the page
  async function unpack() {
    const packed = Uint8Array.from(atob(document.getElementById("library").textContent), (c) => c.charCodeAt(0));
    const stream = new Blob([packed]).stream().pipeThrough(new DecompressionStream("deflate"));
    const script = document.createElement("script");
    script.textContent = await new Response(stream).text();
    document.head.append(script);
  }

  (async () => {
    if (typeof DecompressionStream === "undefined") {
      document.getElementById("too-old").hidden = false;
      return;
    }
    await unpack();
    for (const plot of plots) {
      await draw(plot);
      await new Promise((resume) => setTimeout(resume));   // the reader may scroll between two pictures
    }
  })();
})();
