// What openai-node makes of the gateway's errors.
//   node errors.mjs BASE_URL KEY
import OpenAI from "openai";

const [baseURL, apiKey] = process.argv.slice(2);
const client = new OpenAI({ baseURL, apiKey, maxRetries: 0 });
const stranger = new OpenAI({ baseURL, apiKey: "sk-pen-wrong", maxRetries: 0 });
const messages = [{ role: "user", content: "hello" }];

async function failure(attempt) {
  try {
    await attempt();
    return null;
  } catch (error) {
    return { name: error.constructor.name, status: error.status ?? null, code: error.code ?? null, id: error.requestID, message: error.message };
  }
}

console.log(
  JSON.stringify({
    unknown: await failure(() => client.chat.completions.create({ model: "ecco", messages })),
    key: await failure(() => stranger.chat.completions.create({ model: "echo", messages })),
    bad: await failure(() => client.chat.completions.create({ model: "echo", messages, max_tokens: 0 })),
    broken: await failure(async () => {
      for await (const _ of await client.chat.completions.create({ model: "scripted", messages, stream: true }));
    }),
  }),
);
