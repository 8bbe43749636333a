// Scaling: of each pool what stands, what is wanted and why, each replica; and below, what load is expected.

import { ahead } from "./ahead.js";
import { chip, clock, dollars, fill, h, moment, number, plural, seconds, share, table, text, tile, tiles } from "./dom.js";

const MOST_POOLS = 4, MOST_REPLICAS = 100, MOST_CHANGES = 10;
const STATES = { failed: "bad", draining: "", starting: "warn", ready: "good" }; // the worst first
const WORST = Object.keys(STATES);
const DOES = { scale_up: "More are wanted", scale_down: "Fewer are wanted", hold: "Left as it is" };
const EXAMPLE = `upstreams:
  gpu: {kind: vllm, discover: {scaling: true}}
models:
  llama: {upstreams: [gpu]}
scaling:
  pools:
    gpu: {min: 1, max: 4, local: {command: [vllm, serve, MODEL, --port, "{port}"]}}`;

export const scaling = {
  path: "scaling", title: "Scaling", json: ["/admin/v1/scaling", "/admin/v1/forecast", "/admin/v1/history"],
  mount(root, context, chosen) {
    const place = h("div", { id: "pools" }), forecast = h("div");
    root.append(place, h("h2", null, "The load ahead"), forecast);
    let pools = null, told = "", asking = null;
    const ask = () => context.get("/admin/v1/scaling").then((answer) => { pools = answer.pools; return shown(pools, context.newest, chosen); }, (error) => { pools = null; throw error; }).finally(() => { asking = null; });
    const load = () => asking || (asking = ask());
    context.heard = (live) => {
      const now = JSON.stringify(Object.entries(live.pools || {}).map(([name, { waiting, in_flight, ...rest }]) => [name, rest]));
      if (pools) fill(place, shown(pools, live, chosen));
      if (now === told || asking) return; // all else there is to know is asked for when something has changed, and every few seconds
      told = now;
      const words = Object.entries(live.pools || {}).map(([name, one]) => `${name}: ${one.ready} of ${one.wanted} ready`);
      if (words.length) context.announce("Pools: " + words.slice(0, MOST_POOLS).join(", ") + ".");
      load().then((made) => fill(place, made), () => {});
    };
    context.every(place, load);
    ahead(forecast, context);
  },
};

function shown(pools, live, chosen) {
  const names = Object.keys(pools);
  if (!names.length) {
    return h("div", { class: "card" }, h("p", { class: "empty" }, "There is no pool here. A pool starts and ends the replicas behind an upstream as load comes and goes; in the config:"),
      h("pre", { tabindex: "0", "aria-label": "A pool in the config" }, EXAMPLE));
  }
  if (chosen && !pools[chosen]) return h("p", { class: "card empty" }, "There is no pool ", text(chosen), ". ", h("a", { href: "#/scaling" }, "All pools"));
  const at = live ? live.at : Date.now() / 1000;
  const details = (chosen ? [chosen] : names.slice(0, MOST_POOLS)).map((name) => pool(name, pools[name], live, at));
  return [names.length > 1 ? overview(names, pools, chosen) : null, details];
}

const replicas = (row) => row.standing ? row.standing.replicas : [];
const count = (row, ...states) => replicas(row).filter((one) => states.includes(one.state)).length;
const price = (row) => row.standing ? row.standing.price : 0;
const paid = (row) => price(row) ? dollars(price(row) * count(row, "starting", "ready", "draining")) : "–";
const waits = (row) => row.seen ? row.seen.waiting : null;
const bounds = (row) => row.schedule || row;
const why = (row) => row.trouble || (row.decision ? row.decision.reason : row.why);

function overview(names, pools, chosen) {
  return [
    table(`${plural(names.length, "pool")}; ${chosen ? "one is" : names.length > MOST_POOLS ? `the first ${MOST_POOLS} are` : "each is"} shown below`, [
      ["pool", (name) => h("a", { href: "#/scaling/" + encodeURIComponent(name), "data-key": "pool " + name }, text(name))], ["by", (name) => pools[name].actuator],
      ["ready", (name) => number(count(pools[name], "ready")), "n"], ["starting", (name) => number(count(pools[name], "starting")), "n"], ["draining", (name) => number(count(pools[name], "draining")), "n"],
      ["wanted", (name) => number(pools[name].desired_replicas), "n"], ["may be", (name) => `${bounds(pools[name]).min} to ${bounds(pools[name]).max}`, "n"], ["calls that wait", (name) => number(waits(pools[name])), "n"],
      ["cost an hour", (name) => paid(pools[name]), "n"], ["rule", (name) => pools[name].policy], ["why", (name) => text(why(pools[name]), 600)],
    ], names),
    chosen ? h("p", null, h("a", { href: "#/scaling", "data-key": "all pools" }, "All pools")) : null,
  ];
}

function verdict(row) {
  const ready = count(row, "ready"), wanted = row.desired_replicas;
  const have = `${number(ready)} of ${number(wanted)} wanted ${wanted === 1 ? "replica" : "replicas"} ready`;
  if (row.trouble) return ["bad", have + ", with trouble"];
  if (ready < wanted) return ["warn", have + (count(row, "starting") ? `, ${number(count(row, "starting"))} starting` : "")];
  if (count(row, "draining") || ready > wanted) return ["warn", have + (count(row, "draining") ? `, ${number(count(row, "draining"))} draining` : "")];
  return ["good", wanted ? have : "It sleeps: no replica is wanted"];
}

function pool(name, row, live, at) {
  const now = live && live.pools && live.pools[name];
  const [kind, word] = verdict(row);
  const { decision, held } = row;
  const id = "pool " + name;
  return h("section", { "aria-label": id },
    h("h2", null, "Pool ", text(name)),
    h("div", { class: "said " + kind }, h("strong", null, word),
      row.trouble ? h("p", null, text(row.trouble, 1000)) : null,
      decision ? [DOES[decision.action] + ": ", text(decision.reason, 1000), ` (confidence ${share(decision.confidence, 0)}).`] : ["Nothing was decided yet: ", text(row.why, 500), "."],
      held ? [" ", chip("by hand", "warn"), held.until ? ` until ${moment(held.until)}.` : " until it is resumed."] : null,
      row.dry_run ? [" ", chip("dry run", "warn"), " Nothing is done; would: ", text(row.would, 600), "."] : null),
    numbers(row, now),
    h("p", { class: "lead" }, row.actuator === "signal" ? "Others start and end replicas: how many there should be is only told, by the rule " : ["Replicas are started and ended by ", h("strong", null, text(row.actuator)), ", sized by the rule "], h("strong", null, text(row.policy)), ".", row.why && !(decision && decision.reason === row.why) ? [" So many were asked for last because: ", text(row.why, 500), "."] : null),
    standing(name, row, live, at), changes(name, row, at));
}

function numbers(row, now) {
  const { seen, forecast } = row, ready = count(row, "ready"), carried = seen ? seen.carries * ready : 0;
  const { waiting, in_flight } = now || seen || {};
  const starting = count(row, "starting"), { min, max } = bounds(row);
  const due = row.starts ? starting ? `the next in about ${seconds(row.due_in)}` : `a start takes ${seconds(row.starts)}` : null;
  return tiles(
    tile("Ready", number(ready)), tile("Starting", number(starting), due, starting ? "warn" : ""), tile("Draining", number(count(row, "draining"))),
    count(row, "failed") ? tile("Failed", number(count(row, "failed")), null, "bad") : null,
    tile("Wanted", number(row.desired_replicas), `${number(min)} to ${number(max)} may be${row.schedule ? " now" : ""}`),
    tile("Calls that wait", number(waiting), "for a replica", waiting ? "warn" : ""), tile("Calls at replicas", number(in_flight)),
    tile("Load", seen ? number(seen.load, 1) : "–", carried ? `${share(seen.load / carried, 0)} of what the ready ones carry` : "what one carries is not known yet"),
    forecast ? tile("Load expected", number(forecast.load, 1), `${share(forecast.quantile, 0)} sure not to be exceeded in ${seconds(forecast.seconds)}`) : null,
    tile("Cost an hour", paid(row), price(row) ? dollars(price(row)) + " each" : "its upstream has no price.second"),
    row.schedule && row.schedule.next ? tile("Next by schedule", `${row.schedule.next.min} to ${row.schedule.next.max}`, "from " + moment(row.schedule.next.at)) : null,
  );
}

function standing(name, row, live, at) {
  const calls = new Map((live ? live.upstreams : []).map((one) => [one.name, one.in_flight]));
  const all = [...replicas(row)].sort((a, b) => WORST.indexOf(a.state) - WORST.indexOf(b.state) || a.asked - b.asked);
  return table(all.length > MOST_REPLICAS ? `${MOST_REPLICAS} of ${number(all.length)} replicas` : "Replicas", [
    ["replica", (one) => one.name], ["address", (one) => one.address], ["state", (one) => chip(one.state, STATES[one.state])],
    ["in flight", (one) => number(calls.get(`${name}@${one.address}`) ?? calls.get(one.address)), "n"], ["for", (one) => one.since ? seconds(Math.max(0, Math.round(at - one.since))) : "–", "n"],
    ["age", (one) => one.asked ? seconds(Math.max(0, Math.round(at - one.asked))) : "–", "n"], ["started in", (one) => one.took ? seconds(one.took) : "–", "n"], ["trouble", (one) => text(one.trouble, 600)],
  ], all.slice(0, MOST_REPLICAS), "None stands.", "replicas " + name);
}

const changes = (name, row, at) => table("Last changes, the newest first", [
  ["when", (one) => at - one.at > 86400 ? moment(one.at) : clock(one.at)], ["wanted", (one) => number(one.wanted), "n"], ["what", (one) => one.action === "scale_up" ? "more" : one.action === "scale_down" ? "fewer" : "as before"],
  ["why", (one) => text(one.reason, 600)], ["confidence", (one) => share(one.confidence, 0), "n"], ["cost an hour", (one) => one.cost ? (one.cost > 0 ? "+" : "-") + dollars(Math.abs(one.cost)) : "–", "n"],
], row.changes.slice(-MOST_CHANGES).reverse(), "Nothing was changed yet.", "changes " + name);
