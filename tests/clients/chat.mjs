// openai-node, unmodified, against a running gateway. Prints one JSON object; node:assert decides.
//   node chat.mjs BASE_URL KEY MODEL
import assert from "node:assert/strict";
import OpenAI from "openai";

const [baseURL, apiKey, model] = process.argv.slice(2);
const client = new OpenAI({ baseURL, apiKey, maxRetries: 0, timeout: 60_000 });
const messages = [{ role: "user", content: "one two three" }];

const whole = await client.chat.completions.create({ model, messages, max_tokens: 12 });
assert.ok(whole._request_id.startsWith("req_"));

let streamed = "";
let finish = null;
for await (const chunk of await client.chat.completions.create({ model, messages, max_tokens: 12, stream: true })) {
  streamed += chunk.choices[0].delta.content ?? "";
  finish = chunk.choices[0].finish_reason ?? finish;
}

let usage = null;
const counted = { model, messages, max_tokens: 12, stream: true, stream_options: { include_usage: true } };
for await (const chunk of await client.chat.completions.create(counted)) usage = chunk.usage ?? usage;

console.log(JSON.stringify({ whole: whole.choices[0].message.content, streamed, finish, tokens: usage.completion_tokens }));
