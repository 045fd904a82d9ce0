// A Plotly figure that keeps its place: Plotly.react on the same node, so that a refresh does not blink,
// zoom stays, and colours follow the theme at once. Colours in figures are custom properties: var(--s0).

let library;
function plotly(source) {
  library ??= new Promise((resolve, reject) => {
    if (window.Plotly) return resolve(window.Plotly);
    const script = document.createElement("script");
    script.src = new URL(source, document.baseURI);
    script.onload = () => resolve(window.Plotly);
    script.onerror = () => {
      library = undefined;
      script.remove();
      reject(new Error("the chart library did not load"));
    };
    document.head.append(script);
  });
  return library;
}

function colours(node) {
  const probe = document.createElement("span");
  probe.hidden = true;
  node.append(probe);
  const found = new Map();
  const resolve = (name) => {
    if (!found.has(name)) {
      probe.style.color = name;
      found.set(name, getComputedStyle(probe).color);
    }
    return found.get(name);
  };
  return { resolve, done: () => probe.remove() };
}

function dressed(plot, text) {
  const small = innerWidth <= 640;
  const touch = matchMedia("(pointer: coarse)").matches;
  const palette = colours(plot.parentElement);
  // A region may be called like a colour.
  const spec = JSON.parse(text, (key, value) =>
    typeof value === "string" && key !== "name" && value.startsWith("var(--") ? palette.resolve(value) : value);
  const [card, ink, muted, grid] = ["card", "text", "muted", "grid"].map((name) => palette.resolve(`var(--${name})`));
  palette.done();
  const family = getComputedStyle(plot).fontFamily;
  const layout = spec.layout;
  delete layout.template;
  Object.assign(layout, {
    autosize: true,
    paper_bgcolor: "rgba(0,0,0,0)",
    plot_bgcolor: "rgba(0,0,0,0)",
    font: { family, color: muted, size: small ? 14 : 12.5 },
    hoverlabel: { bgcolor: card, bordercolor: grid, namelength: 40, font: { color: ink, family, size: 14 } },
  });
  // On a touch screen a finger scrolls the page; it does not draw a zoom.
  if (touch) layout.dragmode = false;
  for (const axis of Object.keys(layout).filter((name) => /^[xy]axis/.test(name))) {
    layout[axis] = { ...layout[axis], color: muted, gridcolor: grid, linecolor: grid, tickfont: { size: small ? 14 : 12 } };
  }
  if (small) layout.xaxis.nticks = 5;
  return spec;
}

// Names come escaped, for Plotly reads markup in them; the table shows them as text.
const plain = (name) => name.replaceAll("&lt;", "<").replaceAll("&gt;", ">").replaceAll("&amp;", "&");

// Time moves on, and Plotly forgets a zoom as soon as the window it was given is another. The node remembers
// the window it was given last: where it shows something else, somebody zoomed.
function keepZoom(plot, layout) {
  const shown = plot.layout?.xaxis?.range;
  const zoomed = plot.whole && shown && (shown[0] !== plot.whole[0] || shown[1] !== plot.whole[1]);
  plot.whole = [...layout.xaxis.range];
  if (zoomed) layout.xaxis.range = [...shown];
}

// Rows of the table: one a moment, one column a name; pieces of a broken line come together again.
function rows(plot) {
  const names = [...new Set(plot._fullData.map((trace) => trace.name))];
  const moments = new Map();
  for (const trace of plot._fullData) {
    const start = typeof trace.x0 === "number" ? trace.x0 : new Date(`${trace.x0.replace(" ", "T")}Z`).getTime();
    Array.from(trace.y, (value, place) => {
      const at = start + place * trace.dx;
      if (!moments.has(at)) moments.set(at, new Map());
      if (Number.isFinite(value)) moments.get(at).set(trace.name, value);
    });
  }
  // Time runs backwards, the newest first; a share of the month forwards.
  const axis = plot._fullLayout.xaxis;
  const linear = axis.type === "linear";
  const sorted = [...moments].sort(([one], [other]) => (linear ? one - other : other - one));
  return { names, moments: sorted, suffix: linear ? axis.ticksuffix : null };
}

function cell(tag, text, number) {
  const made = document.createElement(tag);
  made.textContent = text;
  if (number) made.className = "n";
  return made;
}

function tabulate(plot, box, unit) {
  const { names, moments, suffix } = rows(plot);
  const table = document.createElement("table");
  table.className = "tb";
  const head = table.createTHead().insertRow();
  head.append(cell("th", suffix === null ? "Time" : "Share"), ...names.map((name) => cell("th", unit ? `${plain(name)}, ${unit}` : plain(name), true)));
  const body = table.createTBody();
  // Over more than a day the time alone does not say when.
  const days = suffix === null && moments.length > 1 && moments[0][0] - moments.at(-1)[0] > 86_400_000;
  for (const [at, values] of moments) {
    const row = body.insertRow();
    const said = suffix === null ? new Date(at).toISOString() : `${at.toFixed(2)}${suffix}`;
    row.append(cell("td", days ? said.slice(0, 16).replace("T", " ") : suffix === null ? said.slice(11, 19) : said));
    for (const name of names) {
      const value = values.get(name);
      row.append(cell("td", value === undefined ? "–" : value.toLocaleString("en", { maximumFractionDigits: 1 }), true));
    }
  }
  box.replaceChildren(table);
}

export default function ({ parentElement, data }) {
  const plot = parentElement.querySelector(".cx");
  const details = parentElement.querySelector(".cx-t");
  const box = parentElement.querySelector(".cx-s");
  plot.style.height = `${data.height}px`;
  plot.setAttribute("role", "img");
  plot.setAttribute("aria-label", data.alt);
  let gone = false;
  const draw = async () => {
    const library = await plotly(data.library);
    if (gone) return;
    const spec = dressed(plot, data.figure);
    keepZoom(plot, spec.layout);
    await library.react(plot, spec.data, spec.layout, { displayModeBar: false, responsive: true, doubleClick: false });
    // A double click shows the whole window again, as it is now and not as it was first drawn.
    plot.removeAllListeners("plotly_doubleclick");
    plot.on("plotly_doubleclick", () => library.relayout(plot, { "xaxis.range": [...plot.whole] }));
    if (details.open) tabulate(plot, box, data.unit);
  };
  draw().catch((error) => console.warn(error.message));
  details.ontoggle = () => (details.open && plot._fullData ? tabulate(plot, box, data.unit) : box.replaceChildren());
  // The theme is a class of the page: draw again in its colours.
  const app = document.querySelector(".stApp");
  let scheme = getComputedStyle(app).colorScheme;
  const watch = new MutationObserver(() => {
    const now = getComputedStyle(app).colorScheme;
    if (now !== scheme) {
      scheme = now;
      draw().catch((error) => console.warn(error.message));
    }
  });
  watch.observe(app, { attributes: true, attributeFilter: ["class", "style"] });
  return () => {
    gone = true;
    watch.disconnect();
  };
}
