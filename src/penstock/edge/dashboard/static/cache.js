// The cache: how often it answers, what that saves, how often it is wrong; entries to search, read and delete.

import { bytes, chip, clock, fill, h, micros, number, plural, seconds, share, table, text, tile, tiles } from "./dom.js";

const PATH = "/admin/v1/cache";
const FIELDS = [["model", "Model"], ["tag", "Tag"], ["upstream", "Upstream"], ["classification", "Class"]];

export const cache = {
  path: "cache", title: "Cache", json: [PATH, PATH + "/<entry>", PATH + "/semantic"],
  mount(root, context) {
    const counts = h("div"), wrong = h("div"), said = h("p", { role: "status" }), one = h("div", { "aria-live": "polite" }), entries = h("div");
    const inputs = FIELDS.map(([name]) => h("input", { id: "cache-" + name, name, maxlength: 256, autocomplete: "off", placeholder: "any" }));
    const sort = h("select", { id: "sort" }, ["created", "accesses", "size", "cost", "expires"].map((name) => h("option", { value: name }, name)));
    const what = () => inputs.filter((input) => input.value).map((input) => [input.name, input.value]);
    const list = () => context.get(`${PATH}?${new URLSearchParams([...what(), ["sort", sort.value], ["limit", "100"]])}`).then((told) => listed(told));
    const again = () => list().then((made) => fill(entries, made)).catch(problem);
    const problem = (error) => { if (error.name !== "AbortError") said.textContent = error.message; };
    let asked = "";

    const remove = async (id) => {
      try { const told = await context.send(`${PATH}/${id}`, "DELETE"); said.textContent = `Deleted, ${bytes(told.bytes)}.`; fill(one); await again(); } catch (error) { problem(error); }
    };
    // Twice: the first click counts what would go, the second lets it go.
    const flush = async (button) => {
      const query = new URLSearchParams(what());
      if (!what().length) query.set("all", "true");
      try {
        if (asked !== String(query)) {
          const told = await context.send(`${PATH}?${query}&dry_run=true`, "DELETE");
          asked = String(query);
          button.textContent = `Delete ${plural(told.deleted, "entry").replace("entrys", "entries")}`;
          said.textContent = `${number(told.deleted)} would be deleted. Click again to do it.`;
          return;
        }
        const told = await context.send(`${PATH}?${query}`, "DELETE");
        asked = ""; button.textContent = "Delete all that fit…";
        said.textContent = `${number(told.deleted)} deleted.`;
        await again();
      } catch (error) { problem(error); }
    };
    const show = async (id) => {
      try {
        const told = await context.get(`${PATH}/${id}`);
        fill(one, h("section", { class: "card", "aria-labelledby": "entry" }, h("h3", { id: "entry" }, "Entry ", text(id)),
          h("dl", { class: "facts" }, Object.entries(told.entry).filter(([, value]) => value !== "" && value !== null).map(([name, value]) => [h("dt", null, name), h("dd", null, text(Array.isArray(value) ? value.join(", ") : value))])),
          h("h4", null, "Its answer", told.cut ? " (the beginning)" : ""), h("pre", { tabindex: "0", "aria-label": "The kept answer" }, told.answer)));
      } catch (error) { problem(error); }
    };
    const listed = (told) => table(`${plural(told.found, "entry").replace("entrys", "entries")}, ${bytes(told.bytes)}; at most 100 are listed`, [
      ["entry", (row) => h("button", { type: "button", class: "quiet", "data-key": "show " + row.id, onclick: () => show(row.id) }, text(row.id.slice(0, 10)))],
      ["model", (row) => row.model], ["upstream", (row) => row.upstream], ["tags", (row) => text(row.tags.join(", "))], ["made", (row) => clock(row.created)], ["left", (row) => seconds(row.left), "n"],
      ["told again", (row) => number(row.accesses), "n"], ["size", (row) => bytes(row.size), "n"], ["cost", (row) => micros(row.cost), "n"],
      ["do", (row) => h("button", { type: "button", class: "danger", "data-key": "delete " + row.id, "aria-label": "Delete entry " + row.id, onclick: () => remove(row.id) }, "delete")],
    ], told.entries, "No entry fits.");

    root.append(counts, wrong, h("h2", null, "Entries"),
      h("form", { class: "row", role: "search", onsubmit: (event) => { event.preventDefault(); asked = ""; again(); } },
        FIELDS.map(([name, says], at) => h("label", { for: "cache-" + name }, says, inputs[at])), h("label", { for: "sort" }, "First those of most", sort), h("button", { type: "submit" }, "Search"),
        h("button", { type: "button", class: "danger", onclick: (event) => flush(event.target) }, "Delete all that fit…")), said, one, entries);
    context.every(counts, async () => numbers((await context.get(PATH + "?limit=1")).cache));
    context.every(wrong, async () => bounds(await context.get(PATH + "/semantic")), 10);
    context.every(entries, list, 10);
  },
};

function numbers(told) {
  const of = (kind, word) => told.operations.filter(([one, other]) => one === kind && (!word || other === word)).reduce((sum, [, , count]) => sum + count, 0);
  const rate = (kind) => { const hits = of(kind, "hit"), misses = of(kind, "miss"); return hits + misses ? hits / (hits + misses) : null; };
  return tiles(
    tile("Answered, equal calls", share(rate("exact")), plural(of("exact", "hit"), "hit")),
    tile("Answered, similar calls", share(rate("semantic")), plural(of("semantic", "hit"), "hit")),
    tile("Saved", micros(told.saved.micro_dollars), `${number(told.saved.tokens_in)} tokens in, ${number(told.saved.tokens_out)} out`),
    tile("Time saved", seconds(told.saved.seconds)), tile("Entries", number(told.entries), bytes(told.bytes)),
    tile("Answers in memory", number(told.memory_answers), bytes(told.memory_bytes)),
  );
}

function bounds(told) {
  if (!told.enabled) return h("p", { class: "lead" }, "Answers to similar questions are off (", h("code", null, "cache.semantic.enabled"), ").");
  return table(`Wrong answers to similar questions, worker ${told.worker}; at most ${share(told.max_error, 2)} may be`, [
    ["model", (row) => row.model], ["verified error rate", (row) => share(row.estimate, 2), "n"], ["between", (row) => `${share(row.low, 2)} and ${share(row.high, 2)}`, "n"],
    ["checked", (row) => number(row.checked), "n"], ["wrong", (row) => number(row.wrong_seen), "n"], ["hits", (row) => number(row.hits), "n"],
    ["state", (row) => row.stopped ? chip("stopped", "bad") : chip("answers", "good")], ["in words", (row) => text(row.in_words, 1000)],
  ], told.bounds, "No model has been asked yet.");
}
