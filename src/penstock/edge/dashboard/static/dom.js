// Elements, tables and numbers for people. Every string becomes a text node: nothing here parses markup.

const SVG = "http://www.w3.org/2000/svg";
const MOST = 400;
const PLAIN = /^(?:id|class|type|name|value|for|role|scope|colspan|placeholder|autocomplete|maxlength|min|max|step|tabindex|rows|spellcheck|alt|width|height|viewBox|preserveAspectRatio|x|y|x1|y1|x2|y2|d|cx|cy|r|rx|points|text-anchor|aria-[a-z]+|data-[a-z]+)$/;

function build(element, attributes, children) {
  for (const [name, value] of Object.entries(attributes || {})) {
    if (value === null || value === undefined || value === false) continue;
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (name === "href") { if (!/^#\//.test(value)) throw new Error("only views are linked"); element.setAttribute("href", value); }
    else if (name === "hidden" || name === "required" || name === "checked" || name === "selected" || name === "disabled" || name === "open") element[name] = !!value;
    else if (PLAIN.test(name)) element.setAttribute(name, String(value));
    else throw new Error("not an attribute that is set here: " + name);
  }
  append(element, children);
  return element;
}

function append(element, children) {
  for (const child of children.flat(Infinity)) {
    if (child === null || child === undefined || child === false) continue;
    element.append(child instanceof Node ? child : document.createTextNode(String(child)));
  }
}

export const h = (tag, attributes, ...children) => build(document.createElement(tag), attributes, children);
export const s = (tag, attributes, ...children) => build(document.createElementNS(SVG, tag), attributes, children);

// A string that somebody else chose: kept apart from what stands around it, whatever its direction, and not endless.
export function text(value, most = MOST) {
  const whole = value === null || value === undefined || value === "" ? "–" : String(value);
  return h("bdi", { class: whole.length <= 48 ? "short" : null }, whole.length > most ? whole.slice(0, most) + "…" : whole);
}

// Put `children` in place of what is in `element`. The keyboard stays where it was, by `data-key`; open details stay open.
// What somebody is just marking to copy, or reading out by a slider, is left as it is until the next time.
export function fill(element, ...children) {
  const active = document.activeElement, marked = getSelection();
  if (marked && !marked.isCollapsed && element.contains(marked.anchorNode)) return;
  if (active && active.type === "range" && element.contains(active)) return;
  const key = active && element.contains(active) ? active.dataset.key : null;
  const open = new Set([...element.querySelectorAll("details[open][data-key]")].map((one) => one.dataset.key));
  const scrolled = [...element.querySelectorAll(".scroll")].map((one) => one.scrollLeft);
  element.replaceChildren();
  append(element, children);
  for (const one of element.querySelectorAll("details[data-key]")) if (open.has(one.dataset.key)) one.open = true;
  element.querySelectorAll(".scroll").forEach((one, at) => { if (scrolled[at]) one.scrollLeft = scrolled[at]; });
  if (key) for (const one of element.querySelectorAll("[data-key]")) if (one.dataset.key === key) { one.focus({ preventScroll: true }); break; }
}

// columns: [heading, function of a row, "n" for numbers]. A table scrolls within itself, so that the page does not; `key` tells it from
// others, so that whoever scrolls it by the keyboard may go on when it is shown anew.
let tables = 0;
export function table(caption, columns, rows, empty = "Nothing yet.", key = caption) {
  const id = "t" + ++tables;
  if (!rows.length) return h("div", { class: "card" }, h("h3", null, caption), h("p", { class: "empty" }, empty));
  const head = h("tr", null, columns.map(([name, , kind]) => h("th", { scope: "col", class: kind }, name)));
  const body = rows.map((row) => h("tr", null, columns.map(([, of, kind], at) => {
    const cell = of(row);
    const shown = cell instanceof Node || Array.isArray(cell) ? cell : text(cell);
    return at === 0 ? h("th", { scope: "row" }, shown) : h("td", { class: kind }, shown);
  })));
  return h("div", { class: "card scroll", tabindex: "0", role: "region", "aria-labelledby": id, "data-key": "scroll " + key },
    h("table", null, h("caption", { id }, h("span", null, caption)), h("thead", null, head), h("tbody", null, body)));
}

export const chip = (word, kind) => h("span", { class: "chip " + (kind || "") }, text(word, 60));

export const tile = (name, value, note, kind) =>
  h("div", { class: "tile " + (kind || "") }, h("dt", null, name), h("dd", null, h("span", { class: "big" }, value), note ? h("span", { class: "note" }, note) : null));

export const tiles = (...all) => h("dl", { class: "tiles" }, all);

// ---- numbers

const none = (value) => value === null || value === undefined || Number.isNaN(value);
export const number = (value, digits = 0) => none(value) ? "–" : value.toLocaleString("en", { maximumFractionDigits: digits });
export const share = (value, digits = 1) => none(value) ? "–" : (value * 100).toLocaleString("en", { maximumFractionDigits: digits }) + " %";
export function seconds(value) {
  if (none(value)) return "–";
  if (value === 0) return "0";
  if (value < 0.001) return number(value * 1e6) + " µs";
  if (value < 1) return number(value * 1000, value < 0.01 ? 2 : value < 0.1 ? 1 : 0) + " ms";
  if (value < 120) return number(value, value < 10 ? 2 : 1) + " s";
  if (value < 7200) return number(value / 60, 1) + " min";
  return number(value / 3600, 1) + " h";
}
export function bytes(value) {
  if (none(value)) return "–";
  for (const [unit, size] of [["GiB", 2 ** 30], ["MiB", 2 ** 20], ["KiB", 2 ** 10]]) if (Math.abs(value) >= size) return number(value / size, 1) + " " + unit;
  return number(value) + " B";
}
export const dollars = (value) => none(value) ? "–" : "$" + value.toLocaleString("en", { minimumFractionDigits: 2, maximumFractionDigits: Math.abs(value) < 1 ? 6 : 2 });
export const micros = (value) => none(value) ? "–" : dollars(value / 1e6);
export const clock = (at) => none(at) ? "–" : new Date(at * 1000).toLocaleTimeString("en-GB");
export const moment = (at) => none(at) ? "–" : new Date(at * 1000).toLocaleString("en-GB", { day: "2-digit", month: "short", hour: "2-digit", minute: "2-digit", second: "2-digit" });
// Findings, those that last before those that are over.
export const all = (told) => [...(told.open || []), ...(told.closed || [])];
export const plural = (count, word) => number(count) + " " + word + (count === 1 ? "" : "s");
