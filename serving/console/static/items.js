// One item: what is known of it, and its clusters over time. Without one: which items moved lately.

import { get } from "./api.js";
import { h, s, show, quoted } from "./dom.js";
import { clock, count, duration, number, when } from "./format.js";
import { clusterLink, empty, every, facts, itemLink, panel, refresh, table } from "./parts.js";

const COLUMNS = [["time", "fixed"], ["item", ""], ["from", "number"], ["to", "number"]];

export default function items(main, id, context) {
  const field = h("input", { id: "item-id", type: "search", placeholder: "id of an item", autocomplete: "off", spellcheck: "false", value: id ?? "" });
  const search = h("form", { class: "tools", role: "search", onsubmit: (event) => {
    event.preventDefault();
    if (field.value) location.hash = `#/items/${quoted(field.value)}`;
  } }, h("label", { for: "item-id", class: "hidden" }, "Id of an item"), field, h("button", { type: "submit" }, "Show"));
  if (id === null) return lately(main, search, context);
  one(main, search, id, context);
}

function lately(main, search, context) {
  const moves = h("div"), readout = h("span", { class: "readout" });
  show(main, h("h1", { class: "hidden" }, "Items"), search, panel("Items that moved lately", { json: "v1/moves", readout }, moves));
  every(2000, async () => {
    const seen = await get("v1/moves?limit=100", context.signal);
    show(readout, h("span", { class: "muted" }, seen.began ? `since ${when(seen.began)}: ` : "", `${number(seen.filed)} filed for the first time, ${number(seen.moved)} moved`));
    refresh(moves, () => table("Moves", COLUMNS, seen.moves.map((move) => [clock(move.time), itemLink(move.item, move.title), clusterLink(move.origin), clusterLink(move.to)]),
      "No item has moved since this server began to look. Publish a candidate, or look up an item by its id."));
  }, context);
}

function one(main, search, id, context) {
  const path = `v1/items/${quoted(id)}`;
  const heading = h("h1", {}, h("bdi", {}, id)), about = h("div"), life = h("div"), moves = h("div"), given = h("div"), alike = h("div");
  show(main, search, h("div", { class: "tools" }, heading), h("div", { class: "split" },
    h("div", { class: "grid" },
      panel("Where it is filed", { json: path, wide: true }, about),
      panel("Its clusters over time", { json: `v1/moves?item_id=${quoted(id)}`, wide: true }, life, moves)),
    h("div", { class: "grid" }, panel("As it was published", { json: path, wide: true }, given),
      panel("Items like it", { json: `${path}/similar`, wide: true }, alike))));

  every(2000, async () => {
    const [item, seen] = await Promise.all([get(path, context.signal), get(`v1/moves?item_id=${quoted(id)}&limit=200`, context.signal)]);
    const title = ["title", "name", "label"].map((name) => item.attributes[name]).find((value) => typeof value === "string" && value);
    show(heading, h("bdi", {}, title ?? id), title ? h("bdi", { class: "muted mono" }, ` ${id}`) : null);
    const state = item.retrievable ? "yes" : item.clusters ? "no: not published, or not eligible" : "no: not filed";
    show(about, facts([
      ["cluster", item.clusters ? clusterLink(item.clusters[0]) : "not filed"],
      ["retrievable", state],
      ["exposures", number(item.exposures)],
      ["log share", item.log_share === null ? "–" : item.log_share.toFixed(2), "log p: its share of all exposures lately"],
      ...Object.entries(item.bias ?? {}).map(([task, bias]) => [`bias ${task}`, bias.toFixed(3)]),
      ["last event", item.age_s === null ? "–" : `${duration(item.age_s)} ago`, "published or exposed"],
      ["published", item.bare ? "never, only shown" : when(item.published)],
      ["version", h("span", { class: "mono" }, item.version === null ? "–" : String(item.version)), "of the model that filed it"],
    ]));
    show(life, timeline(seen, item));
    refresh(moves, () => table("Moves of this item", [["time", "fixed"], ["from", "fixed number"], ["to", "fixed number"], ["and stayed for", ""]],
      seen.moves.map((move, n) => [clock(move.time), clusterLink(move.origin), clusterLink(move.to),
        duration(((seen.moves[n - 1]?.time ?? Date.now()) - move.time) / 1000)]),
      seen.began ? `It has stayed where it is since ${when(seen.began)}, or its moves were longer ago than the last ${number(seen.kept)} of all items.` : "This server has not begun to look."));
    refresh(given, () => [pairs("Attributes", item.attributes), pairs("Features", item.features)]);
  }, context);

  similar();
  async function similar() {
    try {
      const found = await get(`${path}/similar?k=10`, context.signal);
      show(alike, table("Items like it", [["item", ""], ["cosine", "number"], ["cluster", "number"]],
        found.items.map((near) => [itemLink(near.id, near.attributes.title), near.similarity.toFixed(3), clusterLink(near.cluster)])));
    } catch (error) {
      if (!context.signal.aborted) show(alike, empty(error.message));
    }
  }
}

function pairs(heading, values) {
  const entries = Object.entries(values);
  return [h("h3", {}, heading), entries.length ? h("dl", { class: "pairs" }, entries.map(([name, value]) =>
    [h("dt", {}, h("bdi", {}, name)), h("dd", {}, h("bdi", {}, typeof value === "string" ? value : JSON.stringify(value)))])) : empty("None.")];
}

/** A strip of time, coloured by cluster; what was before the first move is where that one came from. */
function timeline({ moves, began }, item) {
  if (!began || !item.clusters) return null;
  const now = Date.now(), steps = [...moves].reverse();
  const begin = Math.min(began, steps[0]?.time ?? began), span = Math.max(now - begin, 1000);
  const parts = [];
  let from = begin, cluster = steps.length ? steps[0].origin : item.clusters[0];
  for (const step of [...steps, { time: now, to: null }]) {
    if (cluster !== null) parts.push({ cluster, from, to: step.time });
    [from, cluster] = [step.time, step.to];
  }
  const width = 700, x = (time) => ((time - begin) / span) * width;
  const label = parts.map((part) => `cluster ${part.cluster} for ${duration((part.to - part.from) / 1000)}`).join(", then ");
  return s("svg", { class: "life", viewBox: `0 0 ${width} 54`, role: "img", "aria-label": label },
    parts.map((part, n) => [s("rect", { class: n === parts.length - 1 ? "a3" : `a${1 + (n % 2)}`, x: x(part.from), width: Math.max(1, x(part.to) - x(part.from)), y: 2, height: 18 },
      s("title", {}, `cluster ${part.cluster}: ${clock(part.from)} to ${clock(part.to)}`)),
    x(part.to) - x(part.from) > 26 && s("text", { x: x(part.from) + 2, y: 33 }, part.cluster < 0 ? "none" : String(part.cluster))]),
    s("text", { class: "tick", x: 0, y: 50 }, clock(begin)), s("text", { class: "tick", x: width, y: 50, "text-anchor": "end" }, `now, after ${count(moves.length, "move")}`));
}
