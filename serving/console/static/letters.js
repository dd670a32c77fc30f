// Events that were not taken, and why.

import { get } from "./api.js";
import { h, show } from "./dom.js";
import { count, number, when } from "./format.js";
import { every, panel, refresh, table } from "./parts.js";

export default function letters(main, _, context) {
  const list = h("div"), reasons = h("p", { class: "tools" }), readout = h("span", { class: "readout" });
  show(main, h("h1", { class: "hidden" }, "Dead letters"),
    panel("Dead letters", { json: "v1/dead-letters", readout, note: ["Events that could not be used, with their bytes. Once the reason is gone they go back: ", h("code", {}, "svq dead-letters replay"), "."] }, reasons, list));
  every(5000, async () => {
    const seen = await get("v1/dead-letters?limit=50", context.signal);
    show(readout, h("span", { class: "muted" }, seen.complete ? `all of ${count(seen.looked, "record")}` : `the last ${count(seen.looked, "record")}`));
    show(reasons, Object.entries(seen.reasons).map(([reason, times]) => h("span", { class: "tag" }, h("bdi", {}, reason), " ", h("b", {}, number(times)))),
      seen.foreign ? h("span", { class: "tag" }, `${count(seen.foreign, "record")} that are no letters`) : null);
    refresh(list, () => table("Dead letters, latest first", [["time", "fixed"], ["reason", "fixed"], ["what was wrong", ""], ["where it came from", "fixed"], ["key", "fixed"], ["event", ""]],
      seen.letters.map((letter) => [when(letter.time), h("bdi", {}, letter.reason, letter.replayed ? " (replayed)" : ""), h("bdi", {}, letter.detail),
        h("bdi", { class: "mono" }, letter.place), text(letter.key, letter.key_base64), value(letter)]),
      "None. Every event that arrived was taken."));
  }, context);
}

/** Text, or what is none as base64; null where there is neither. */
function text(plain, base64) {
  if (plain !== null) return h("bdi", { class: "mono" }, plain);
  return base64 === null ? h("span", { class: "muted" }, "none") : h("span", { class: "mono" }, `base64 ${base64}`);
}

function value(letter) {
  const shown = letter.value ?? letter.value_base64;
  if (shown === null || shown.length <= 60) return text(letter.value, letter.value_base64);
  const rest = letter.value_bytes > shown.length ? ` … ${number(letter.value_bytes)} bytes in all` : "";
  return h("details", {}, h("summary", { class: "mono" }, h("bdi", {}, `${letter.value === null ? "base64 " : ""}${shown.slice(0, 60)}…`)), h("pre", {}, shown, rest));
}
