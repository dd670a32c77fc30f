// The codebook on a plane: how large clusters are, how active, and what is in one.

import { get } from "./api.js";
import { Lines, bars } from "./chart.js";
import { h, s, show } from "./dom.js";
import { clock, count, number, share, short } from "./format.js";
import { rates } from "./live.js";
import { clusterLink, empty, every, facts, itemLink, panel, refresh, table } from "./parts.js";

const WIDTH = 900, HEIGHT = 620, EDGE = 34, LEVELS = 6;
const MOST = 2000;

/** Which of the colours an activity has: by how often it is the largest one, in factors of two. */
function level(rate, most) {
  if (!(rate > 0)) return 0;
  return Math.max(1, LEVELS - 1 - Math.floor(Math.log2(most / rate)));
}

export default function map(main, argument, context) {
  const chosen = argument !== null && /^\d+$/.test(argument) ? Number(argument) : null;
  const picture = h("div"), side = h("div"), readout = h("span", { class: "readout" });
  const legend = h("span", { class: "legend" });
  let data = null, around = null;
  const history = new Lines("Items over time", [{ name: "items", kind: "one" }], { height: 92 });
  const activity = new Lines("Exposures a second over time", [{ name: "exposures/s", kind: "two" }], { height: 92 });
  const charts = h("div", {}, h("h3", {}, "Items ", history.readout), history.node,
    h("h3", {}, "Exposures a second ", activity.readout), activity.node);
  const text = h("div");
  show(main, h("h1", { class: "hidden" }, "Map of the codebook"),
    h("div", { class: "split" },
      panel("Codes by the two directions in which they differ most", { json: "v1/codebook/map", readout }, picture, h("p", { class: "note" }, legend)),
      chosen === null ? panel("Clusters", { json: "v1/clusters" }, side)
        : panel(`Cluster ${number(chosen)}`, { json: `v1/clusters/${chosen}/surroundings`, readout: h("a", { href: "#/map" }, "all clusters") }, text, charts, side)));

  function draw() {
    if (!data.codes) {
      show(picture, empty("The codebook has not started: it waits for enough exposures. Items are retrievable meanwhile, by popularity."));
      show(readout);
      show(legend);
      return;
    }
    const most = Math.max(...data.exposures_s, 1e-9), largest = Math.max(...data.items, 1);
    const place = placed(data), near = new Set(around?.neighbours.slice(0, 6).map(({ id }) => id));
    const radius = (items) => (items ? Math.max(2.5, Math.sqrt(items / largest) * Math.min(34, 210 / Math.sqrt(data.shown))) : 2.5);
    const at = data.id.indexOf(chosen);
    const hint = (n) => `cluster ${data.id[n]}: ${count(data.items[n], "item")}, ${number(data.exposures_s[n])} exposures/s`;
    const circles = data.id.map((id, n) => {
      const kind = data.items[n] ? `a${level(data.exposures_s[n], most)}` : "hollow";
      return s("circle", { class: `${kind}${id === chosen ? " chosen" : near.has(id) ? " near" : ""}`, r: radius(data.items[n]).toFixed(1),
        cx: place.x(n).toFixed(1), cy: place.y(n).toFixed(1), "data-id": id }, s("title", {}, hint(n)));
    });
    const named = data.id.map((id, n) => ({ id, n, r: radius(data.items[n]) })).filter(({ id, r }) => id === chosen || near.has(id) || r > 10);
    const inside = (n) => (level(data.exposures_s[n], most) > 2 ? "high" : "low");
    show(picture, s("svg", { class: "atlas", viewBox: `0 0 ${WIDTH} ${HEIGHT}`, tabindex: 0, role: "img",
      "aria-label": `Map of ${count(data.shown, "code")}. Arrow keys choose the next one in their direction; the table beside it lists them.`,
      onclick: (event) => event.target.dataset.id && go(event.target.dataset.id), onkeydown: key },
    at >= 0 && near.size ? data.id.map((id, n) => near.has(id) && s("line", { class: "tie", x1: place.x(at), y1: place.y(at), x2: place.x(n), y2: place.y(n) })) : null,
    circles, named.map(({ id, n, r }) => s("text", { class: r > 10 ? inside(n) : null, x: place.x(n).toFixed(1), y: (place.y(n) + (r > 10 ? 4 : -r - 4)).toFixed(1) }, String(id)))));
    const shown = data.shown < data.codes ? `the largest ${number(data.shown)} of ${number(data.codes)}` : count(data.codes, "code");
    show(readout, h("span", { class: "muted" }, `${shown} · the axes explain ${Math.round(100 * (data.explained[0] + data.explained[1]))} % of the variance`));
    show(legend, "size: items · colour: exposures a second", s("svg", { width: LEVELS * 18, height: 10, "aria-hidden": "true" },
      Array.from({ length: LEVELS }, (_, n) => s("rect", { class: `a${n}`, x: n * 18, width: 17, height: 10 }))), `0 to ${short(most)}`);

    function key(event) {
      const way = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] }[event.key];
      if (!way) return;
      event.preventDefault();
      const from = Math.max(at, 0);
      let best = -1, least = Infinity;
      data.id.forEach((_, n) => {
        const [dx, dy] = [place.x(n) - place.x(from), place.y(n) - place.y(from)];
        const ahead = dx * way[0] + dy * way[1], aside = Math.abs(dx * way[1] + dy * way[0]);
        if (n !== from && ahead > 0 && ahead + 2 * aside < least) [best, least] = [n, ahead + 2 * aside];
      });
      if (best >= 0) go(data.id[best], true);
    }
  }

  function go(id, keyboard) {
    if (keyboard) sessionStorage.setItem("streamvq-map-focus", "1");
    location.hash = `#/map/${id}`;
  }

  function drawAll() {
    refresh(side, () => {
      const order = data.id.map((_, n) => n).filter((n) => data.items[n]);
      const total = data.sizes.reduce((sum, value) => sum + value, 0);
      return [total ? h("div", {}, h("h3", {}, "Sizes"), bars("Sizes of the clusters", data.sizes.map((value, n) => (
        { value, label: short(data.sizes_from[n]), hint: `${count(value, "cluster")} of ${number(data.sizes_from[n])} items or a little more` })),
      { height: 100, every: Math.ceil(data.sizes.length / 8) })) : null,
      table("Clusters, the largest first", [["cluster", ""], ["items", "number"], ["exposures/s", "number"], ["exposures", "number"]],
        order.slice(0, 100).map((n) => [clusterLink(data.id[n]), number(data.items[n]), number(data.exposures_s[n]), short(data.exposures[n])]),
        "No cluster holds an item yet.")];
    });
  }

  function drawOne() {
    show(text, facts([["items", number(around.items)], ["exposures", number(around.exposures)], ["exposures/s", number(around.exposures_s), "over the last minute"]]));
    const { time, items, exposures } = around.history, span = Math.max(60_000, (time.at(-1) ?? 0) - (time[0] ?? 0));
    history.update(time, [items], span);
    activity.update(time, [rates(time, exposures, 15_000)], span);
    refresh(side, () => [
      h("h3", {}, "Best items"), table("Best items", [["item", ""], ["exposures", "number"]], around.best.slice(0, 20).map((one) => [itemLink(one.id, one.title), number(one.exposures)]), "It holds none."),
      h("h3", {}, "Nearest clusters"), table("Nearest clusters", [["cluster", ""], ["cosine", "number"], ["items", "number"], ["exposures/s", "number"]],
        around.neighbours.map((one) => [clusterLink(one.id), share(one.similarity), number(one.items), number(one.exposures_s)])),
      h("h3", {}, "Items that came and went"), table("Moves", [["time", "fixed"], ["item", ""], ["from", "number"], ["to", "number"]],
        around.moves.slice(0, 20).map((move) => [clock(move.time), itemLink(move.item, move.title), clusterLink(move.origin), clusterLink(move.to)]),
        "None since this server began to look.")]);
  }

  every(3000, async () => {
    [data, around] = await Promise.all([get(`v1/codebook/map?limit=${MOST}`, context.signal),
      chosen === null ? null : get(`v1/clusters/${chosen}/surroundings`, context.signal)]);
    const focused = picture.contains(document.activeElement) || sessionStorage.getItem("streamvq-map-focus");
    sessionStorage.removeItem("streamvq-map-focus");
    draw();
    if (focused) picture.firstElementChild?.focus({ preventScroll: true });
    if (around) drawOne();
    else drawAll();
  }, context);
}

/** Coordinates to pixels, in the same proportion both ways. */
function placed({ x, y }) {
  const middle = (values) => (Math.min(...values) + Math.max(...values)) / 2;
  const reach = (values) => Math.max(Math.max(...values) - Math.min(...values), 1e-6);
  const scale = Math.min((WIDTH - 2 * EDGE) / reach(x), (HEIGHT - 2 * EDGE) / reach(y));
  const [mx, my] = [middle(x), middle(y)];
  return { x: (n) => WIDTH / 2 + (x[n] - mx) * scale, y: (n) => HEIGHT / 2 - (y[n] - my) * scale };
}
