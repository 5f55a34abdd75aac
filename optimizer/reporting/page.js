// the page: light and dark, paper, and the order in which things are drawn
let strip = null;

const themes = ["auto", "light", "dark"];
function setTheme(name) {
  const root = document.documentElement;
  if (name === "auto") delete root.dataset.theme; else root.dataset.theme = name;
  document.getElementById("theme").textContent = `Theme: ${name}`;
  try { localStorage.setItem("theme", name); } catch { /* a page without storage keeps to the system's */ }
}
function repaint() {
  if (!store) return;
  plots.forEach((plot) => { if (state.get(plot).drawn) refresh(plot); });
  if (strip) strip.drawStrip();
}
document.getElementById("theme").addEventListener("click", () => {
  setTheme(themes[(themes.indexOf(document.documentElement.dataset.theme || "auto") + 1) % themes.length]);
  repaint();
});
try { if (themes.includes(localStorage.getItem("theme"))) setTheme(localStorage.getItem("theme")); } catch { /* likewise */ }
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", repaint);
document.querySelectorAll(".legend button").forEach((button) => button.addEventListener("click", () => toggle(button)));

// ---------------------------------------------------------------- the time shown
const spans = [...document.querySelectorAll("[data-span-h]")];
spans.forEach((button) => button.addEventListener("click", () => {
  const length = button.dataset.spanH ? Number(button.dataset.spanH) * 3600000 : whole[1] - whole[0];
  const middle = Math.abs(shown.range[1] - shown.range[0] - (whole[1] - whole[0])) < 1 ? whole[0] + length / 2 : (shown.range[0] + shown.range[1]) / 2;
  show(middle - length / 2, middle + length / 2);
}));
document.querySelectorAll("[data-shift]").forEach((button) => button.addEventListener("click", () => {
  const by = Number(button.dataset.shift) * (shown.range[1] - shown.range[0]);
  show(shown.range[0] + by, shown.range[1] + by);
}));
document.addEventListener("shown", () => {
  const length = shown.range[1] - shown.range[0];
  spans.forEach((button) => {
    const own = button.dataset.spanH ? Number(button.dataset.spanH) * 3600000 : whole[1] - whole[0];
    button.setAttribute("aria-pressed", String(Math.abs(own - length) < 1));
  });
});

// ---------------------------------------------------------------- paper
const PAPER_WIDTH = 690;   // pixels of an upright A4 page within its margins
let folded = [], before;
addEventListener("beforeprint", () => {
  if (!store) return;
  before = document.documentElement.dataset.theme;
  document.documentElement.dataset.theme = "light";
  folded = [...document.querySelectorAll("details:not([open])")];
  document.documentElement.classList.add("paper");
  shown.paper = PAPER_WIDTH;
  plots.forEach((plot) => { if (!folded.some((fold) => fold.contains(plot))) draw(plot); });
  if (strip) strip.drawStrip();
});
addEventListener("afterprint", () => {
  shown.paper = 0;
  document.documentElement.classList.remove("paper");
  if (before) document.documentElement.dataset.theme = before; else delete document.documentElement.dataset.theme;
  repaint();
});
document.getElementById("print").addEventListener("click", () => window.print());

// ---------------------------------------------------------------- the beginning
const sight = new IntersectionObserver((entries) => {
  for (const entry of entries) {
    const mine = state.get(entry.target);
    mine.seen = entry.isIntersecting;
    if (mine.seen && mine.stale && store && !shown.paper) draw(entry.target);
  }
}, { rootMargin: "500px 0px" });

let waiting = 0;
addEventListener("resize", () => {
  clearTimeout(waiting);
  waiting = setTimeout(() => { if (!shown.paper) { repaint(); } }, 150);
});

(async () => {
  if (typeof DecompressionStream === "undefined") {
    document.getElementById("too-old").hidden = false;
    return;
  }
  // the library and the series come compressed: they are most of the page
  const [library, bytes] = await Promise.all([inflated("library"), inflated("arrays")]);
  const script = document.createElement("script");
  script.textContent = new TextDecoder().decode(library);
  document.head.append(script);
  store = new Store(bytes, JSON.parse(document.getElementById("lengths").textContent));
  if (plots.length) await draw(plots[0]);
  document.documentElement.dataset.firstPictureMs = String(Math.round(performance.now()));
  plots.forEach((plot) => sight.observe(plot));
  const hours = await inflated("hours");
  if (hours.length) strip = hoursOf(JSON.parse(new TextDecoder().decode(hours)));
  document.documentElement.dataset.ready = "1";
})();
