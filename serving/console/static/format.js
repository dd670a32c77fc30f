// Numbers and times as people read them. A thin space groups digits; null is an en dash.

const whole = new Intl.NumberFormat("en", { maximumFractionDigits: 0 });
const NONE = "–";

const known = (value) => value !== null && value !== undefined && Number.isFinite(value);

/** 12,345 · 3.14 · 0.031 */
export function number(value) {
  if (!known(value)) return NONE;
  const size = Math.abs(value);
  if (size >= 100 || Number.isInteger(value)) return whole.format(value);
  return value.toFixed(size >= 10 ? 1 : size >= 1 ? 2 : 3);
}

/** 1.2 k, 3.4 M: for axes. */
export function short(value) {
  if (!known(value)) return NONE;
  for (const [size, unit] of [[1e9, "G"], [1e6, "M"], [1e3, "k"]]) {
    if (Math.abs(value) >= size) return `${trimmed(value / size)}${unit}`;
  }
  return trimmed(value);
}

function trimmed(value) {
  const size = Math.abs(value);
  return String(Number(value.toFixed(size >= 100 ? 0 : size >= 10 ? 1 : size >= 1 ? 2 : 3)));
}

/** 35 ms, 1.2 s, 4 min, 3 h, 2 d */
export function duration(seconds) {
  if (!known(seconds)) return NONE;
  if (seconds === 0) return "0";
  if (seconds < 0.9995) return `${trimmed(seconds * 1000)} ms`;
  if (seconds < 90) return `${trimmed(Number(seconds.toFixed(seconds < 10 ? 1 : 0)))} s`;
  if (seconds < 5400) return `${Math.round(seconds / 60)} min`;
  if (seconds < 172_800) return `${trimmed(Number((seconds / 3600).toFixed(1)))} h`;
  return `${whole.format(seconds / 86_400)} d`;
}

export function share(value) {
  return known(value) ? value.toFixed(3).replace(/^0/, "") : NONE;
}

export function clock(ms) {
  return new Date(ms).toLocaleTimeString("en-GB");
}

/** A date where it is not of today. */
export function when(ms) {
  if (!known(ms)) return NONE;
  const time = new Date(ms);
  return Math.abs(Date.now() - ms) < 43_200_000 ? clock(ms) : `${time.toISOString().slice(0, 10)} ${clock(ms)}`;
}

export function count(amount, one, many = `${one}s`) {
  return `${number(amount)} ${amount === 1 ? one : many}`;
}
