// What was spent and saved, by key, model, upstream and tag, and where the month leads.

import { fill, h, micros, number, share, table, text, tile, tiles } from "./dom.js";

const BY = ["model", "key", "upstream", "tag"];
const SPANS = [["24h", 86400], ["7d", 604800], ["30d", 2592000]];

export const cost = {
  path: "cost", title: "Cost", json: ["/admin/v1/cost"],
  mount(root, context) {
    const by = h("select", { id: "by" }, BY.map((name) => h("option", { value: name }, name)));
    const span = h("select", { id: "span" }, SPANS.map(([name]) => h("option", { value: name }, name)));
    const place = h("div");
    const load = async () => {
      const now = Date.now() / 1000, seconds = SPANS.find(([name]) => name === span.value)[1];
      const told = await context.get("/admin/v1/cost?" + new URLSearchParams({ by: by.value, from: String(Math.round(now - seconds)), to: String(Math.round(now)) }));
      const totals = told.totals || {}, forecast = told.forecast || {};
      return [
        tiles(tile("Spent", micros(totals.cost)), tile("Saved", micros(totals.saved)), tile("Calls", number(totals.calls)),
          forecast.month !== undefined ? tile("This month, forecast", micros(forecast.month)) : null),
        table("By " + by.value, [
          [by.value, (row) => row.name || "(none)"], ["calls", (row) => number(row.calls), "n"], ["spent", (row) => micros(row.cost), "n"], ["share", (row) => share(totals.cost ? row.cost / totals.cost : null), "n"], ["saved", (row) => micros(row.saved), "n"],
        ], told.rows || [], "Nothing was spent in this time."),
      ];
    };
    const again = () => load().then((made) => fill(place, made), (error) => { if (error.name !== "AbortError") fill(place, h("p", { class: "error", role: "alert" }, text(error.message))); });
    root.append(h("div", { class: "row" }, h("label", { for: "by" }, "By", by), h("label", { for: "span" }, "Time", span)), place);
    by.addEventListener("change", again);
    span.addEventListener("change", again);
    context.every(place, load, 10);
  },
};
