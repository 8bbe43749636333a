// Keys, without their secrets, and the configuration in force, without those either.

import { chip, h, number, table, text } from "./dom.js";

export const keys = {
  path: "keys", title: "Keys", json: ["/admin/v1/keys"],
  mount(root, context) {
    const place = h("div");
    root.append(h("p", { class: "lead" }, "Keys are made and revoked on the gateway's machine, by ", h("code", null, "penstock keys"), ". A key is shown once, when it is made, and never here."), place);
    context.every(place, async () => {
      const told = await context.get("/admin/v1/keys");
      return table("Keys", [
        ["name", (row) => row.name], ["id", (row) => h("code", null, text(row.id))], ["may", (row) => row.rights.map((one) => [chip(one), " "])], ["class", (row) => row.priority], ["weight", (row) => number(row.weight), "n"],
        ["made", (row) => row.created.slice(0, 16).replace("T", " ")], ["state", (row) => row.revoked ? chip("revoked", "bad") : row.id === told.asker ? chip("yours", "good") : chip("active", "good")],
      ], told.keys, "No key is asked for here (auth.mode: open).");
    });
  },
};

export const config = {
  path: "config", title: "Config in force", json: ["/admin/v1/config"],
  mount(root, context) {
    const filter = h("input", { id: "filter", maxlength: 100, autocomplete: "off", placeholder: "routing, timeout…" }), said = h("p", { role: "status" }), place = h("div"), status = h("div");
    let rows = [];
    const draw = () => {
      const wanted = filter.value.toLowerCase();
      const kept = rows.filter(([name]) => name.toLowerCase().includes(wanted));
      place.replaceChildren(table(`${number(kept.length)} of ${number(rows.length)} settings`, [["key", ([name]) => h("code", null, text(name))], ["value", ([, value]) => h("code", null, text(JSON.stringify(value), 2000))]], kept, "None has that in its name."));
    };
    const reload = async () => {
      try { await context.send("/admin/v1/reload", "POST"); said.textContent = "The config was read again and is in force."; await load(); } catch (error) { said.textContent = error.message; }
    };
    const load = async () => { rows = flat(await context.get("/admin/v1/config")); draw(); };
    root.append(status, h("form", { class: "row", onsubmit: (event) => event.preventDefault() }, h("label", { for: "filter" }, "Keys that have", filter), h("button", { type: "button", class: "quiet", onclick: reload }, "Read the config again")), said, place);
    filter.addEventListener("input", draw);
    context.every(status, async () => {
      const told = await context.get("/admin/v1/status");
      return h("p", { class: "lead" }, "Penstock ", text(told.version), ", ", number(told.workers.length), " worker(s), config ", text(told.config), ", read again ", number(told.reloads), " times.",
        told.refused_reload.length ? h("span", { class: "error", role: "alert" }, " The last reading was refused: ", text(told.refused_reload.join("; "), 2000)) : null);
    });
    load().catch((error) => { if (error.name !== "AbortError") said.textContent = error.message; });
  },
};

// A tree as lines `a.b.c`, with its leaves.
function flat(tree, at = "") {
  return Object.entries(tree).flatMap(([name, value]) => {
    const path = at ? `${at}.${name}` : name;
    return value !== null && typeof value === "object" && !Array.isArray(value) && Object.keys(value).length ? flat(value, path) : [[path, value]];
  });
}
