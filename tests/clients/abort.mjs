// Leaves a stream after its first chunk; the upstream tells when it noticed.
//   node abort.mjs BASE_URL KEY MODEL
import OpenAI from "openai";

const [baseURL, apiKey, model] = process.argv.slice(2);
const client = new OpenAI({ baseURL, apiKey, maxRetries: 0, timeout: 10_000 });
const messages = [{ role: "user", content: "one two three" }];

const stream = await client.chat.completions.create({ model, messages, stream: true });
let chunks = 0;
for await (const _ of stream) {
  chunks += 1;
  stream.controller.abort(); // what has arrived already is still handed out
}
console.log(JSON.stringify({ chunks }));
// Stays a while: the connection must be closed by the abort, not by the end of this process.
setTimeout(() => {}, 3_000);
process.stdin.on("end", () => process.exit(0)).resume();
