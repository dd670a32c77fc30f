// Asks the server. The key, where one is needed, lives in this tab only.

const BASE = new URL("../", document.baseURI);
const KEY = "streamvq-key";

/** An error that says what to do. */
export class Problem extends Error {
  constructor(status, detail, remedy, code) {
    super(detail);
    Object.assign(this, { status, remedy, code });
  }
}

/** Told when a key is missing or refused; answers with whether there is a new one. */
let askForKey = async () => false;
let asking = null;
let declined = false; // somebody who closed the dialog is not asked every two seconds

export function onKeyNeeded(handler) {
  askForKey = handler;
}

/** Ask again although nobody wanted to say. */
export function askAgain() {
  declined = false;
}

export function useKey(key) {
  sessionStorage.setItem(KEY, key);
}

async function send(path, options, signal) {
  const headers = { accept: "application/json", ...options.headers };
  const key = sessionStorage.getItem(KEY);
  if (key) headers.authorization = `Bearer ${key}`;
  const deadline = AbortSignal.timeout(10_000);
  try {
    return await fetch(new URL(path, BASE), {
      ...options, headers, signal: signal ? AbortSignal.any([signal, deadline]) : deadline, credentials: "omit",
    });
  } catch (error) {
    if (signal?.aborted) throw error;
    throw new Problem(0, "The server does not answer.", "Trying again every few seconds.", "unreachable");
  }
}

async function request(path, options, signal) {
  let response = await send(path, options, signal);
  if (response.status === 401 && !declined) {
    asking ??= askForKey(Boolean(sessionStorage.getItem(KEY))).finally(() => (asking = null));
    declined = !(await asking);
    if (!declined) response = await send(path, options, signal);
  }
  const body = await response.json().catch(() => null);
  signal?.throwIfAborted(); // the page was left while the answer came
  if (response.ok && body !== null) return body;
  throw new Problem(response.status, body?.detail ?? `Answered with ${response.status}.`, body?.remedy ?? "", body?.code ?? "");
}

export function get(path, signal) {
  return request(path, {}, signal);
}

export function post(path, body, signal) {
  const headers = { "content-type": "application/json" };
  return request(path, { method: "POST", headers, body: JSON.stringify(body) }, signal);
}

/** /readyz answers with 503 and a body of its own while it is not ready; no key is needed. */
export async function readiness(signal) {
  const response = await send("readyz", {}, signal);
  return response.json();
}
