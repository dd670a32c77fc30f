// What pages are made of: panels, tables, figures, and the clock that keeps them up.

import { h, quoted, show } from "./dom.js";
import { number } from "./format.js";

/** A titled area. `json` is where its numbers come from. */
export function panel(title, { json, note, wide, readout } = {}, ...children) {
  return h("section", { class: `panel${wide ? " wide" : ""}` },
    h("header", {}, h("h2", {}, title),
      json ? h("a", { class: "json", href: `../${json}`, title: `/${json}`, "aria-label": `${title} as JSON` }, "JSON") : null, readout ?? null),
    note ? h("p", { class: "muted note" }, note) : null, ...children);
}

export function empty(text) {
  return h("p", { class: "empty" }, text);
}

/** Columns: [heading, class]. Rows: arrays of nodes or text. */
export function table(caption, columns, rows, whenEmpty = "Nothing yet.") {
  if (!rows.length) return empty(whenEmpty);
  return h("div", { class: "scroll", tabindex: 0, role: "region", "aria-label": caption },
    h("table", {}, h("caption", { class: "hidden" }, caption),
      h("thead", {}, h("tr", {}, columns.map(([name, kind]) => h("th", { scope: "col", class: kind }, name)))),
      h("tbody", {}, rows.map((cells) => h("tr", {}, cells.map((cell, place) => h("td", { class: columns[place][1] }, cell)))))));
}

/** Names and values, in columns. */
export function facts(pairs) {
  return h("dl", { class: "facts" }, pairs.filter(Boolean).map(([name, value, hint]) =>
    h("div", {}, h("dt", { title: hint }, name), h("dd", {}, value))));
}

export function itemLink(id, title) {
  return h("a", { href: `#/items/${quoted(id)}`, class: "item", title: id },
    h("bdi", {}, title ?? id), title && title !== id ? h("bdi", { class: "id" }, id) : null);
}

export function clusterLink(id) {
  if (id === null || id === undefined) return h("span", { class: "muted" }, "none");
  if (id < 0) return h("span", { class: "muted", title: "no code yet" }, "unfiled");
  return h("a", { href: `#/map/${id}`, class: "cluster" }, number(id));
}

export function userLink(id) {
  return h("a", { href: `#/query/${quoted(id)}` }, h("bdi", {}, id));
}

/** Call `work` now and every `ms` while the page is shown and visible; errors go to `report`. */
export function every(ms, work, { signal, report }) {
  let timer = 0;
  const run = async () => {
    clearTimeout(timer);
    if (signal.aborted) return;
    if (!document.hidden) {
      try {
        await work();
        report(null);
      } catch (error) {
        if (!signal.aborted) report(error);
      }
    }
    if (!signal.aborted) timer = setTimeout(run, ms);
  };
  document.addEventListener("visibilitychange", () => document.hidden || run(), { signal });
  signal.addEventListener("abort", () => clearTimeout(timer));
  return run();
}

/** Replace a node's content unless somebody is reading it: a selection or focus inside would be lost. */
export function refresh(node, build) {
  const selection = document.getSelection();
  if (node.contains(document.activeElement) || (selection && !selection.isCollapsed && node.contains(selection.anchorNode))) return;
  show(node, build());
}
