// The frame: which page is shown, how the server is, colours, and the key.

import { askAgain, onKeyNeeded, readiness, useKey } from "./api.js";
import { h, show } from "./dom.js";
import { duration, number } from "./format.js";

const PAGES = { live: "Live", map: "Map", items: "Items", query: "Query", letters: "Dead letters" };
const main = document.getElementById("content");
const notice = document.getElementById("notice");
const status = document.getElementById("status");
let leaving = new AbortController();
let failed = null, state = null;

async function open() {
  leaving.abort();
  leaving = new AbortController();
  const { signal } = leaving;
  const [, name = "live", ...rest] = location.hash.split("/");
  const page = name in PAGES ? name : "live";
  document.title = `${PAGES[page]} · streamvq`;
  for (const link of document.querySelectorAll("nav a")) {
    if (link.hash === `#/${page}`) link.setAttribute("aria-current", "page");
    else link.removeAttribute("aria-current");
  }
  report(null);
  const { default: mount } = await import(`./${page}.js`);
  if (signal.aborted) return;
  const argument = rest.length ? decoded(rest.join("/")) : null;
  show(main);
  main.className = page;
  main.ariaBusy = "true";
  mount(main, argument, { signal, report: (error) => {
    if (signal.aborted) return;
    main.ariaBusy = "false";
    report(error);
  } });
}

function decoded(text) {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

/** Say what is wrong above the page, or that nothing is. */
function report(error) {
  failed = error && error.code !== "not_ready" ? error : null;
  tell();
}

function tell() {
  const lines = [];
  if (failed) {
    lines.push([h("b", {}, failed.message), " ", failed.remedy ?? "", " ",
      failed.status === 401 ? h("button", { type: "button", onclick: () => (askAgain(), open()) }, "Enter a key") : ""]);
  } else if (state && !state.ready) {
    lines.push([h("b", {}, "Not ready yet. "), "Reading from Kafka; waiting for ", state.waiting_for.join(", ") || "the end of every topic", "."]);
  } else if (state?.silent_s > 5) {
    lines.push([h("b", {}, `Kafka has been silent for ${duration(state.silent_s)}. `), "Queries go on from memory; what is shown is as old as that."]);
  }
  notice.hidden = !lines.length;
  notice.classList.toggle("calm", !failed);
  const text = lines.flat().map((part) => (typeof part === "string" ? part : part.textContent)).join("");
  if (notice.textContent !== text) show(notice, lines);
}

async function watch() {
  try {
    state = await readiness(AbortSignal.timeout(5000));
    const kind = !state.ready ? "waiting" : state.silent_s > 5 ? "silent" : "ready";
    status.className = `status ${kind}`;
    const text = { ready: "ready", silent: "Kafka is silent", waiting: `reading, ${number(state.remaining)} to go` }[kind];
    if (status.textContent !== text) status.textContent = text;
  } catch {
    state = null;
    status.className = "status gone";
    status.textContent = "no answer";
  }
  tell();
  setTimeout(watch, document.hidden ? 10_000 : 2000);
}

const THEMES = ["auto", "light", "dark"];
const themeButton = document.getElementById("theme");

function showTheme() {
  const theme = document.documentElement.dataset.theme ?? "auto";
  themeButton.textContent = theme;
  themeButton.setAttribute("aria-label", `Colours: ${theme}`);
}

themeButton.addEventListener("click", () => {
  const now = document.documentElement.dataset.theme ?? "auto";
  const next = THEMES[(THEMES.indexOf(now) + 1) % THEMES.length];
  if (next === "auto") {
    delete document.documentElement.dataset.theme;
    localStorage.removeItem("streamvq-theme");
  } else {
    document.documentElement.dataset.theme = next;
    localStorage.setItem("streamvq-theme", next);
  }
  showTheme();
});

onKeyNeeded((refused) => {
  const dialog = document.getElementById("key"), field = document.getElementById("key-value");
  document.getElementById("key-why").textContent = refused ? "The key that this tab holds was refused." : "";
  field.value = dialog.returnValue = "";
  dialog.showModal();
  return new Promise((resolve) => {
    dialog.addEventListener("close", () => {
      const given = dialog.returnValue === "given" && field.value;
      if (given) useKey(given);
      field.value = "";
      resolve(Boolean(given));
    }, { once: true });
  });
});
document.querySelector("#key form").addEventListener("submit", (event) => {
  event.preventDefault();
  document.getElementById("key").close("given");
});

addEventListener("hashchange", async () => {
  await open();
  main.focus({ preventScroll: true });
  scrollTo(0, 0);
});
document.querySelector(".skip").addEventListener("click", (event) => {
  event.preventDefault();
  main.focus();
});
showTheme();
watch();
open();
