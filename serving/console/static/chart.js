// Lines over time, and bars. Plain SVG; hover or use the arrow keys to read a point.

import { h, s, show } from "./dom.js";
import { clock, short } from "./format.js";

const LEFT = 46, RIGHT = 8, TOP = 8, BOTTOM = 18;

/** About three round numbers from 0 to `most`. */
export function ticks(most) {
  if (!(most > 0)) return [0, 1];
  const raw = most / 3, size = 10 ** Math.floor(Math.log10(raw));
  const step = [1, 2, 2.5, 5, 10].map((factor) => factor * size).find((candidate) => candidate >= raw * 0.999);
  const count = Math.ceil(most / step - 1e-9);
  return Array.from({ length: count + 1 }, (_, place) => place * step);
}

/** Series are [{name, kind}]; `kind` is a class: one, two, three. `say` formats values. */
export class Lines {
  constructor(title, series, { say = short, least = 0, height = 132, none = "" } = {}) {
    Object.assign(this, { title, series, say, least, height, none, times: [], columns: [], at: null, span: 1 });
    this.readout = h("span", { class: "readout" });
    this.node = h("div", {
      class: "chart", tabindex: 0, role: "img", "aria-label": title,
      onpointermove: (event) => this.#point(event.offsetX), onpointerleave: () => this.#read(null),
      onblur: () => this.#read(null), onkeydown: (event) => this.#key(event),
    });
    this.node.style.height = `${height}px`;
    new ResizeObserver(() => this.draw()).observe(this.node);
  }

  update(times, columns, spanMs) {
    Object.assign(this, { times, columns, span: spanMs });
    this.draw();
  }

  draw() {
    const width = this.node.clientWidth;
    if (!width) return;
    const end = this.times.at(-1) ?? Date.now();
    const begin = Math.max(end - this.span, Math.min(this.times[0] ?? end, end - 60_000));
    const x = (time) => LEFT + ((width - LEFT - RIGHT) * Math.max(0, time - begin)) / (end - begin);
    const most = Math.max(this.least, ...this.columns.flat().filter(Number.isFinite));
    const marks = ticks(most), top = marks.at(-1);
    const y = (value) => TOP + (this.height - TOP - BOTTOM) * (1 - value / top);
    Object.assign(this, { x, y, width });
    const picture = s("svg", { width, height: this.height, "aria-hidden": "true" },
      marks.map((mark) => [
        s("line", { class: mark ? "grid" : "axis", x1: LEFT, x2: width - RIGHT, y1: y(mark), y2: y(mark) }),
        s("text", { class: "tick", x: LEFT - 5, y: y(mark) + 3.5, "text-anchor": "end" }, this.say(mark)),
      ]),
      s("text", { class: "tick", x: LEFT, y: this.height - 4 }, clock(begin)),
      s("text", { class: "tick", x: width - RIGHT, y: this.height - 4, "text-anchor": "end" }, clock(end)),
      this.columns.map((column, place) => s("path", { class: `line ${this.series[place].kind}`, d: this.#path(column) })),
      this.columns.flat().some(Number.isFinite) ? null : s("text", { class: "tick none", x: (LEFT + width) / 2, y: this.height / 2, "text-anchor": "middle" }, this.none),
      (this.cursor = s("g", { class: "cursor" })));
    show(this.node, picture);
    this.#read(this.at === null ? null : Math.min(this.at, this.times.length - 1));
  }

  #path(column) {
    let path = "", open = false;
    column.forEach((value, place) => {
      if (!Number.isFinite(value)) return void (open = false);
      path += `${open ? "L" : "M"}${this.x(this.times[place]).toFixed(1)} ${this.y(value).toFixed(1)}`;
      if (!open) path += "h.01"; // one alone is a dot
      open = true;
    });
    return path;
  }

  #point(offset) {
    if (!this.times.length || !this.x) return;
    const distance = (time) => Math.abs(this.x(time) - offset);
    this.#read(this.times.reduce((best, time, place) => (distance(time) < distance(this.times[best]) ? place : best), 0));
  }

  #key(event) {
    const step = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
    if (!step || !this.times.length) return;
    event.preventDefault();
    const last = this.times.length - 1;
    this.#read(Math.min(last, Math.max(0, (this.at ?? last) + step)));
  }

  #read(at) {
    this.at = at;
    const latest = (column) => column.findLast(Number.isFinite);
    const values = this.series.map(({ name, kind }, place) => {
      const column = this.columns[place] ?? [];
      const value = at === null ? latest(column) : column[at];
      return h("span", { class: `key ${kind}` }, this.series.length > 1 ? `${name} ` : null, h("b", {}, this.say(value)));
    });
    show(this.readout, at === null ? null : h("span", { class: "muted" }, clock(this.times[at])), values);
    this.node.setAttribute("aria-label", `${this.title}: ${this.readout.textContent}`);
    if (!this.cursor || !this.x) return;
    show(this.cursor, at === null ? [] : [
      s("line", { x1: this.x(this.times[at]), x2: this.x(this.times[at]), y1: TOP, y2: this.height - BOTTOM }),
      this.columns.map((column, place) => Number.isFinite(column[at]) &&
        s("circle", { class: this.series[place].kind, r: 3, cx: this.x(this.times[at]), cy: this.y(column[at]) })),
    ]);
  }
}

/** Bars side by side. `bars` are [{label, value, hint}]; `every` labels are written. */
export function bars(title, data, { height = 132, kind = "one", every = 1 } = {}) {
  const node = h("div", { class: "chart", role: "img" });
  node.style.height = `${height}px`;
  const draw = () => {
    const width = node.clientWidth;
    if (!width) return;
    const marks = ticks(Math.max(1, ...data.map(({ value }) => value)));
    const inner = width - LEFT - RIGHT, step = inner / Math.max(1, data.length);
    const y = (value) => TOP + (height - TOP - BOTTOM) * (1 - value / marks.at(-1));
    show(node, s("svg", { width, height, "aria-hidden": "true" },
      marks.map((mark) => [
        s("line", { class: mark ? "grid" : "axis", x1: LEFT, x2: width - RIGHT, y1: y(mark), y2: y(mark) }),
        s("text", { class: "tick", x: LEFT - 5, y: y(mark) + 3.5, "text-anchor": "end" }, short(mark)),
      ]),
      data.map(({ label, value, hint }, place) => [
        s("rect", { class: `bar ${kind}`, x: LEFT + place * step + 0.5, width: Math.max(1, step - 1), y: y(value),
          height: Math.max(value ? 1 : 0, y(0) - y(value)) }, s("title", {}, hint)),
        place % every === 0 && s("text", { class: "tick", x: LEFT + (place + 0.5) * step, y: height - 4, "text-anchor": "middle" }, label),
      ])));
  };
  new ResizeObserver(draw).observe(node);
  node.setAttribute("aria-label", `${title}: ${data.filter(({ value }) => value).map(({ hint }) => hint).join("; ") || "nothing yet"}`);
  return node;
}
