// How it goes: the server's numbers over time.

import { get } from "./api.js";
import { Lines, bars } from "./chart.js";
import { h, show } from "./dom.js";
import { count, duration, number, share, short, when } from "./format.js";
import { empty, every, itemLink, panel, refresh, table, userLink } from "./parts.js";

const SPANS = [[300, "5 min"], [900, "15 min"], [3600, "1 h"], [21_600, "6 h"], [86_400, "24 h"]];
const SMOOTH_MS = 5000;
const JUDGED = 400; // items that a point of hit@k looks back on
const FEWEST = 30;

/** Differences a second of what only grows, over the last few seconds of each sample. */
export function rates(times, column, overMs = SMOOTH_MS) {
  let from = 0;
  return times.map((time, place) => {
    while (from < place - 1 && times[from + 1] <= time - overMs) from += 1;
    if (place === from || !Number.isFinite(column[place]) || !Number.isFinite(column[from])) return null;
    return Math.max(0, ((column[place] - column[from]) * 1000) / (time - times[from]));
  });
}

/** Share of the last so many judged items that were hits, at each sample; null where there are too few. */
export function recentShare(judged, hits, over = JUDGED) {
  let from = 0;
  return judged.map((total, place) => {
    while (from < place && total - judged[from + 1] >= over) from += 1;
    const of = total - judged[from];
    return of >= FEWEST ? (hits[place] - hits[from]) / of : null;
  });
}

export default function live(main, _, context) {
  const charts = {
    exposures: new Lines("Exposures a second", [{ name: "learnt", kind: "one" }, { name: "counted", kind: "two" }]),
    hits: new Lines("Hit@100", [{ name: "index", kind: "one" }, { name: "popular", kind: "two" }], { say: share, least: 0.05, none: `Begins with ${FEWEST} items that sampled users liked.` }),
    lag: new Lines("Records not read yet", [{ name: "this server", kind: "one" }, { name: "trainer", kind: "two" }]),
    age: new Lines("Age of the version", [{ name: "age", kind: "one" }], { say: duration, least: 1 }),
    codes: new Lines("Codes", [{ name: "perplexity", kind: "one" }, { name: "used", kind: "two" }, { name: "all", kind: "three" }]),
    moves: new Lines("Items filed a second", [{ name: "new", kind: "two" }, { name: "moved", kind: "one" }]),
    times: new Lines("Time of an answer", [{ name: "p50", kind: "one" }, { name: "p99", kind: "two" }],
      { say: (ms) => duration(ms / 1000), least: 5, none: "Nobody has asked anything." }),
  };
  let span = Number(sessionStorage.getItem("streamvq-span")) || 900;
  let k = 100, series = null, loaded = 0;
  const strip = h("dl", { class: "strip" });
  const immediacy = h("div"), immediacyNote = h("span", { class: "readout" });
  const sizes = h("div"), sizesNote = h("span", { class: "readout" });
  const answersNote = h("span", { class: "muted" });
  const latest = h("div"), latestNote = h("span", { class: "readout" });
  const spanChoice = choice("Time shown", SPANS, span, (value) => {
    span = value;
    sessionStorage.setItem("streamvq-span", value);
    series = null;
    step();
  });
  const kChoice = choice("k", [[10, "@10"], [100, "@100"]], k, (value) => {
    k = value;
    draw();
  });
  show(main, h("h1", { class: "hidden" }, "Live"), strip, h("div", { class: "tools" }, spanChoice),
    h("div", { class: "grid" },
      panel("Exposures a second", { json: "v1/series", readout: charts.exposures.readout }, charts.exposures.node),
      panel("Hit rate", { json: "v1/foresight", readout: h("span", { class: "readout" }, kChoice, charts.hits.readout) }, charts.hits.node),
      panel("From event to found", { json: "v1/immediacy", readout: immediacyNote }, immediacy),
      panel("Records behind", { json: "v1/series", readout: charts.lag.readout }, charts.lag.node),
      panel("Age of the version in force", { json: "v1/stats", readout: charts.age.readout }, charts.age.node),
      panel("Codes", { json: "v1/stats", readout: charts.codes.readout }, charts.codes.node),
      panel("Sizes of the clusters", { json: "v1/codebook/map", readout: sizesNote }, sizes),
      panel("Items filed a second", { json: "v1/moves", readout: charts.moves.readout }, charts.moves.node),
      panel("Answers", { json: "v1/series", readout: h("span", { class: "readout" }, answersNote, charts.times.readout) }, charts.times.node),
      panel("What users liked, and where the index had it the moment before", { json: "v1/foresight", wide: true, readout: latestNote,
        note: "Sampled users, asked about with nothing but their id. The place among the items answered, beside the place by popularity." }, latest)));

  function draw() {
    if (!series) return;
    const { time } = series, ms = span * 1000;
    const lines = (name, ...columns) => charts[name].update(time, columns, ms);
    lines("exposures", rates(time, series.learnt), rates(time, series.exposures));
    lines("hits", recentShare(series.judged, series[`hits_${k}`]), recentShare(series.judged, series[`popular_${k}`]));
    lines("lag", series.lag, series.backlog);
    lines("age", series.version_age_s);
    lines("codes", series.perplexity, series.codes_used, series.codes);
    lines("moves", rates(time, series.filed), rates(time, series.moved));
    lines("times", series.p50_ms, series.p99_ms);
    show(answersNote, `${number(rates(time, series.answers).at(-1) ?? null)}/s`);
    const last = (column) => column.at(-1);
    const learning = rates(time, series.learnt).at(-1);
    show(strip, [
      ["items", number(last(series.items)), "retrievable"],
      ["users", number(last(series.users)), "with a history"],
      ["exposures", number(last(series.exposures)), "counted over all clusters"],
      ["learnt a second", short(learning), "over the last 5 s"],
      ["trainer behind", number(last(series.backlog)), "records of exposures in Kafka that no version has learnt from yet"],
      ["version age", duration(last(series.version_age_s)), "since the version in force was published"],
      ["codes used", `${number(last(series.codes_used))} of ${number(last(series.codes))}`, "that hold an item"],
      ["perplexity", number(last(series.perplexity)), "how many equally large clusters would be as evenly filled"],
    ].map(([name, value, hint]) => h("div", { title: hint }, h("dt", {}, name), h("dd", {}, value))));
  }

  function merge(more) {
    if (!series) return void (series = more);
    const since = more.time.at(-1) - span * 1000;
    const first = series.time.findIndex((time) => time > since);
    for (const [name, column] of Object.entries(more)) {
      if (Array.isArray(column)) series[name] = [...series[name].slice(first < 0 ? series.time.length : first), ...column];
    }
  }

  async function step() {
    const after = series?.time.at(-1) ?? 0, asked = span;
    const whole = !series || Date.now() - loaded > 60_000; // what came one by one is thinned out again each minute
    const more = await get(`v1/series?span_s=${span}&points=300&after=${whole ? 0 : after}`, context.signal);
    if (asked !== span) return;
    if (whole) series = null, loaded = Date.now();
    if (more.time.length || !series) merge(more);
    draw();
  }

  async function slow() {
    const [soon, seen] = await Promise.all(["v1/immediacy", "v1/foresight"].map((path) => get(path, context.signal)));
    drawImmediacy(soon);
    drawLatest(seen);
    const map = await get("v1/codebook/map?limit=1", context.signal).catch((error) => {
      if (error.code !== "not_ready") throw error;
      return null;
    });
    if (map) drawSizes(map);
  }

  function drawImmediacy({ filed, published }) {
    const which = published.total >= FEWEST ? published : filed;
    show(immediacyNote, which.total ? [
      h("span", { class: "muted", title: which.what }, which === published ? "published → found" : "filed → found"),
      h("span", {}, "p50 ≤ ", h("b", {}, duration(which.p50_s))), h("span", {}, "p99 ≤ ", h("b", {}, duration(which.p99_s)))] : []);
    show(immediacy, which.total ? bars("From event to found", which.counts.map((value, place) => {
      const upTo = which.up_to_s[place], label = upTo ? duration(upTo) : "more";
      return { value, label: label.replace(" ms", "").replace(" s", "s").replace(" min", "m"), hint: `${count(value, "item")} within ${label}` };
    }), { every: 2 }) : empty("No item was published or exposed in the last five minutes."));
  }

  function drawSizes({ sizes: counts, sizes_from: from }) {
    const total = counts.reduce((sum, value) => sum + value, 0);
    show(sizesNote, total ? h("span", {}, count(total, "code")) : []);
    show(sizes, total ? bars("Sizes of the clusters", counts.map((value, place) => {
      const to = (from[place + 1] ?? from[place] + (from[1] ?? 1)) - 1;
      const range = to > from[place] ? `${number(from[place])} to ${number(to)}` : number(from[place]);
      return { value, label: short(from[place]), hint: `${count(value, "cluster")} of ${range} items` };
    }), { every: Math.ceil(counts.length / 8) }) : empty("The codebook has not started: it waits for enough exposures."));
  }

  function drawLatest(seen) {
    show(latestNote, seen.judged ? h("span", {}, count(seen.judged, "item"), " of ", count(seen.samples, "user"),
      " · hit@10 ", h("b", {}, share(seen.hit_10)), h("span", { class: "muted" }, ` popularity ${share(seen.popular_10)}`),
      " · hit@100 ", h("b", {}, share(seen.hit_100)), h("span", { class: "muted" }, ` popularity ${share(seen.popular_100)}`)) : []);
    refresh(latest, () => table("What users liked next", [["time", "fixed"], ["user", "fixed"], ["item", ""], ["index", "number"], ["popularity", "number"]],
      seen.latest.slice(0, 12).map((one) => [when(one.time), userLink(one.user), itemLink(one.item, one.title),
        place(one.place), place(one.popular_place)]),
      seen.share ? "No user of the sample has liked anything yet." : "Switched off: server.measure_share is 0."));
  }

  every(2000, step, context);
  every(4000, slow, context);
}

function place(value) {
  return value === null ? h("span", { class: "muted" }, "> 100") : number(value);
}

/** A row of buttons of which one is pressed. */
export function choice(label, options, chosen, onchoose) {
  const buttons = options.map(([value, text]) => h("button", { type: "button", "aria-pressed": value === chosen, onclick: () => {
    buttons.forEach((button, at) => button.setAttribute("aria-pressed", options[at][0] === value));
    onchoose(value);
  } }, text));
  for (const [at, button] of buttons.entries()) button.setAttribute("aria-pressed", options[at][0] === chosen);
  return h("div", { class: "choice", role: "group", "aria-label": label }, buttons);
}
