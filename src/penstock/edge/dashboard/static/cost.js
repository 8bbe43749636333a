// What was spent and saved, by key, model, upstream and tag, and where the month leads.

import { fill, h, micros, number, share, table, text, tile, tiles } from "./dom.js";

const BY = ["model", "key", "upstream", "tag", "day", "hour"];
const SPANS = [["24h", "a day"], ["7d", "a week"], ["30d", "30 days"]];
const sum = (saved) => typeof saved === "number" ? saved : Object.values(saved || {}).reduce((total, one) => total + one, 0);
const ways = (saved) => Object.entries(typeof saved === "object" && saved ? saved : {}).filter(([, one]) => one).map(([how, one]) => `${how.replaceAll("_", " ")} ${micros(one)}`).join(" · ");

export const cost = {
  path: "cost", title: "Cost", json: ["/admin/v1/cost"],
  mount(root, context) {
    const by = h("select", { id: "by" }, BY.map((name) => h("option", { value: name }, name)));
    const span = h("select", { id: "span" }, SPANS.map(([name, says]) => h("option", { value: name }, says)));
    const place = h("div");
    const load = async () => {
      const told = await context.get("/admin/v1/cost?" + new URLSearchParams({ by: by.value, since: span.value }));
      const { total, forecast = {}, idle = {} } = told;
      return [
        tiles(tile("Spent", micros(total.cost), total.estimated ? micros(total.estimated) + " of it estimated" : null), tile("Saved", micros(sum(total.saved)), ways(total.saved)),
          tile("Calls", number(total.calls), total.unpriced ? number(total.unpriced) + " without a price" : null, total.unpriced ? "warn" : ""),
          forecast.expected !== undefined ? tile("This month, forecast", micros(forecast.expected), `${micros(forecast.low)} to ${micros(forecast.high)}; ${micros(forecast.spent)} so far`) : tile("This month, forecast", "–", forecast.problem),
          sum(idle) ? tile("Own machines, idle", micros(sum(idle))) : null),
        table(`By ${by.value}${told.more ? `; ${number(told.more)} more are not listed` : ""}`, [
          [by.value, (row) => row.name || "(none)"], ["calls", (row) => number(row.calls), "n"], ["spent", (row) => micros(row.cost), "n"], ["share", (row) => share(total.cost ? row.cost / total.cost : null), "n"],
          ["saved", (row) => micros(sum(row.saved)), "n"], ["saved by", (row) => text(ways(row.saved))], ["tokens in", (row) => number(row.tokens_in), "n"], ["tokens out", (row) => number(row.tokens_out), "n"],
        ], told.rows, "Nothing was spent in this time."),
      ];
    };
    const again = () => load().then((made) => fill(place, made), (error) => { if (error.name !== "AbortError") fill(place, h("p", { class: "card error", role: "alert" }, text(error.message))); });
    root.append(h("div", { class: "row" }, h("label", { for: "by" }, "By", by), h("label", { for: "span" }, "Time", span)), place);
    by.addEventListener("change", again);
    span.addEventListener("change", again);
    context.every(place, load, 10);
  },
};
