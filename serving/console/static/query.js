// Ask as an application does, and see why each item is there.

import { get, post } from "./api.js";
import { h, quoted, show } from "./dom.js";
import { duration, number, when } from "./format.js";
import { clusterLink, empty, every, facts, itemLink, panel, table, userLink } from "./parts.js";

const OPERATORS = [["eq", "is"], ["in", "is one of"], ["gte", "at least"], ["lte", "at most"], ["exists", "exists"], ["absent", "does not exist"], ["not", "is not"]];

export default function query(main, user, context) {
  const users = h("datalist", { id: "users" }), weights = h("div", { class: "row" }), conditions = h("div");
  const attributes = h("datalist", { id: "attributes" });
  const input = (id, props) => h("input", { id, autocomplete: "off", spellcheck: "false", ...props });
  const fields = {
    user: input("user", { list: "users", value: user ?? "" }),
    history: h("textarea", { id: "history", rows: 3, spellcheck: "false", placeholder: "empty: what the index knows of the user" }),
    features: h("textarea", { id: "features", rows: 1, spellcheck: "false", placeholder: '{"country": "DE"}' }),
    k: input("k", { type: "number", min: 1, max: 1000, value: 20 }),
    seen: input("seen", { type: "checkbox" }),
    exact: input("exact", { type: "checkbox" }),
    quota: input("quota", { type: "number", min: 1, max: 1000 }),
  };
  const field = (id, name, node) => h("div", { class: "field" }, h("label", { for: id }, name), node);
  const check = (id, name, node) => h("label", { class: "check", for: id }, node, name);
  const answer = h("div"), readout = h("span", { class: "readout" }), asked = h("pre"), history = h("div"), nearest = h("div");
  const form = h("form", { onsubmit: (event) => {
    event.preventDefault();
    ask();
  } },
  field("user", "User", fields.user), users,
  field("history", "Items liked, oldest first, one a line", fields.history),
  field("features", "Features of the user (JSON)", fields.features),
  h("div", { class: "row" }, field("k", "Items wanted", fields.k), field("quota", "Most of one cluster", fields.quota)),
  h("fieldset", { class: "plain" }, h("legend", {}, "Filter"), conditions,
    h("button", { type: "button", class: "quiet", onclick: () => addCondition().focus() }, "add a condition")), attributes,
  h("fieldset", { class: "plain" }, h("legend", {}, "Weights of the tasks"), weights),
  h("div", { class: "field" }, check("seen", "without what the user has liked", fields.seen), check("exact", "rank all items, not the index's candidates", fields.exact)),
  h("button", { type: "submit", class: "main" }, "Retrieve"));
  const likes = h("div"), liked = panel("What the user liked, latest first", { json: user === null ? null : `v1/users/${quoted(user)}`, wide: true }, likes);
  liked.hidden = true;
  show(main, h("h1", { class: "hidden" }, "Query"), h("div", { class: "split" },
    h("div", { class: "grid" }, panel("Question", {}, form), panel("Users of late", { json: "v1/active-users" }, history)),
    h("div", { class: "grid" }, liked, panel("Answer", { readout, wide: true }, answer),
      panel("Where the index looks first", { wide: true, note: "Clusters nearest to the user, with what the tasks say of them and how many items they hold." }, nearest),
      panel("As a request", { wide: true }, asked))));
  show(answer, empty("Pick a user, or say what somebody liked."));

  function addCondition() {
    const number = conditions.childElementCount + 1;
    const name = h("input", { list: "attributes", "aria-label": `Attribute of condition ${number}`, placeholder: "attribute", class: "name" });
    const operator = h("select", { "aria-label": `Comparison of condition ${number}` }, OPERATORS.map(([value, text]) => h("option", { value }, text)));
    const value = h("input", { "aria-label": `Value of condition ${number}`, placeholder: "value" });
    const row = h("div", { class: "condition" }, name, operator, value,
      h("button", { type: "button", class: "quiet", "aria-label": `Remove condition ${number}`, onclick: () => row.remove() }, "×"));
    operator.addEventListener("change", () => (value.hidden = ["exists", "absent"].includes(operator.value)));
    row.condition = () => name.value && condition(name.value, operator.value, value.value);
    conditions.append(row);
    return name;
  }

  function body() {
    const lines = fields.history.value.split("\n").map((line) => line.trim()).filter(Boolean);
    const tasks = Object.fromEntries([...weights.querySelectorAll("input")].filter((one) => one.value !== "").map((one) => [one.name, Number(one.value)]));
    const filters = [...conditions.children].map((row) => row.condition()).filter(Boolean);
    const quota = Number(fields.quota.value);
    return {
      ...(fields.user.value && { user_id: fields.user.value }),
      ...(lines.length && { history: lines }),
      ...(fields.features.value.trim() && { features: JSON.parse(fields.features.value) }),
      k: Number(fields.k.value) || 20,
      ...(filters.length && { filter: filters.length === 1 ? filters[0] : { and: filters } }),
      ...(Object.keys(tasks).length && { tasks }),
      ...(quota && { quotas: [{ most: quota }] }),
      ...(fields.seen.checked && { exclude_seen: true }),
      ...(fields.exact.checked && { exact: true }),
      explain: true,
    };
  }

  async function ask() {
    let question;
    try {
      question = body();
    } catch (error) {
      return fail(`Features are not JSON: ${error.message}`, 'Write an object, such as {"country": "DE"}.');
    }
    const { explain, ...plain } = question;
    show(asked, `curl -s ${new URL("../v1/retrieve", document.baseURI)} -H 'content-type: application/json' \\\n  -d '${JSON.stringify({ ...plain, explain }).replaceAll("'", "'\\''")}'`);
    const begin = performance.now();
    try {
      draw(await post("v1/retrieve", question, context.signal), performance.now() - begin);
      const { user_id, history: liking, features, tasks } = question;
      const near = await post("v1/clusters/nearest", { user_id, history: liking, features, tasks, limit: 15 }, context.signal);
      show(nearest, near.clusters.length ? h("p", {}, near.clusters.map((one) => h("span", { class: "tag" }, clusterLink(one.id),
        h("span", { class: "muted" }, ` ${one.score.toFixed(2)} · ${number(one.retrievable)}`)))) : empty("The codebook has not started."));
    } catch (error) {
      if (!context.signal.aborted) fail(error.message, error.remedy);
    }
  }

  function fail(message, remedy) {
    show(readout);
    show(answer, h("p", { role: "alert" }, h("b", {}, message), " ", remedy ?? ""));
  }

  function draw(found, ms) {
    show(readout, h("span", {}, "rests on ", h("b", {}, found.rests_on)), h("span", { class: "muted" }, `${number(found.candidates)} ranked`
      + (found.matching === undefined ? "" : ` of ${number(found.matching)} that match`)), h("span", { class: "muted" }, duration(ms / 1000)));
    const parts = ["match", "bias", "popularity", "repeat"];
    const sum = (explanation, part) => Object.values(explanation.tasks).reduce((total, task) => total + task.weight * task[part], 0);
    show(answer,
      (found.warnings ?? []).map((warning) => h("p", { class: "note" }, warning.detail)),
      found.why_fewer ? h("p", { class: "note" }, `Fewer than ${found.k}: ${found.why_fewer}.`) : null,
      table("Items of the answer", [["place", "number"], ["item", ""], ["cluster", "number"], ["by index", "number"], ["score", "number"], ...parts.map((part) => [part, "number"])],
        found.items.map((item, place) => {
          const why = item.explanation;
          return [number(place + 1), itemLink(item.id, item.attributes.title ?? item.attributes.name), clusterLink(why?.cluster),
            why?.coarse_position === null || why === null ? h("span", { class: "muted", title: "from the user's own history, or an exact answer" }, "–") : number(why.coarse_position + 1),
            h("b", {}, item.score.toFixed(3)), ...parts.map((part) => (why ? sum(why, part).toFixed(2) : "–"))];
        }), found.why_fewer ?? "No item."));
  }

  every(15_000, async () => {
    const [active, stats] = await Promise.all([get("v1/active-users?limit=20", context.signal), get("v1/stats", context.signal)]);
    show(users, active.users.map(({ id }) => h("option", { value: id })));
    show(history, active.users.length ? h("div", {}, table("Users of late", [["user", ""], ["liked", "number"], ["last", "fixed"]],
      active.users.slice(0, 12).map((one) => [userLink(one.id), number(one.liked), when(one.time)]))) : empty("Nobody has liked anything yet."));
    if (!weights.childElementCount) {
      show(weights, stats.tasks.map((task, n) => field(`task-${n}`, task, h("input", { id: `task-${n}`, name: task, type: "number", step: "any", placeholder: "1" }))));
    }
  }, context);
  get("v1/attributes?limit=100", context.signal).then((known) => show(attributes, known.attributes.map(({ name }) => h("option", { value: name }))), () => null);
  if (user !== null) {
    ask();
    get(`v1/users/${quoted(user)}`, context.signal).then((known) => {
      liked.hidden = !known.history.length;
      show(likes, h("p", { class: "likes" }, known.history.slice(-12).reverse().map((one) => h("span", { class: "tag" }, itemLink(one.item)))));
    }, () => null);
  }
}

/** A value as JSON where it is one, else as text. */
function valueOf(text) {
  try {
    const value = JSON.parse(text);
    return value !== null && typeof value !== "object" ? value : text;
  } catch {
    return text;
  }
}

export function condition(attribute, operator, text) {
  switch (operator) {
    case "in": return { attribute, in: text.split(",").map((part) => valueOf(part.trim())) };
    case "exists": return { attribute, exists: true };
    case "absent": return { attribute, exists: false };
    case "not": return { not: { attribute, eq: valueOf(text) } };
    case "eq": return { attribute, eq: valueOf(text) };
    default: return { attribute, [operator]: Number(text) };
  }
}
