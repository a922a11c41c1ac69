// Exercises the current `openai` JavaScript SDK against a cell; prints one JSON object that test_javascript_sdk.py checks.
import OpenAI from "openai";

const { BASE_URL, API_KEY, CHAT_MODEL, EMBEDDING_MODEL } = process.env;
const client = new OpenAI({ baseURL: `${BASE_URL}/v1`, apiKey: API_KEY, maxRetries: 0 });
const messages = [{ role: "user", content: "Please write to carol@example.org about the invoice." }];
const request = { model: CHAT_MODEL, messages, temperature: 0, max_tokens: 40 };

const whole = await client.chat.completions.create(request);
let streamed = "";
for await (const chunk of await client.chat.completions.create({ ...request, stream: true })) {
  streamed += chunk.choices[0]?.delta?.content ?? "";
}
const completion = await client.completions.create({ model: CHAT_MODEL, prompt: "Hello", max_tokens: 4 });
const embedding = await client.embeddings.create({ model: EMBEDDING_MODEL, input: "A cat" });

const caught = async (call) => {
  try {
    await call();
    return null;
  } catch (error) {
    return error.constructor.name;
  }
};
const stranger = new OpenAI({ baseURL: `${BASE_URL}/v1`, apiKey: "sk-eude1-nonsense", maxRetries: 0 });
console.log(
  JSON.stringify({
    whole: whole.choices[0].message.content,
    streamed,
    completion: completion.choices[0].text,
    dimensions: embedding.data[0].embedding.length,
    unknownModel: await caught(() => client.chat.completions.create({ ...request, model: "gpt-nowhere" })),
    badRequest: await caught(() => client.chat.completions.create({ ...request, temperature: "hot" })),
    badKey: await caught(() => stranger.models.list()),
  }),
);
