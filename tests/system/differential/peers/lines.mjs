// Reads the settings and then tokens, one JSON document in a line; writes one verdict for each token.
import { createInterface } from "node:readline";

/** `prepare` makes of a shape and the settings a function that returns for a good token and throws for another. */
export async function judge(prepare) {
  const verify = {};
  let settings;
  for await (const line of createInterface({ input: process.stdin, crlfDelay: Infinity })) {
    const document = JSON.parse(line);
    if (settings === undefined) {
      settings = document;
      for (const [name, shape] of Object.entries(settings.shapes)) verify[name] = prepare(shape, settings);
      continue;
    }
    const { name, shape, token } = document;
    let verdict = { accepted: true, reason: "" };
    try {
      await verify[shape](token);
    } catch (error) {
      verdict = { accepted: false, reason: String(error).slice(0, 200) };
    }
    process.stdout.write(`${JSON.stringify({ name, ...verdict })}\n`);
  }
}

/** What the application checks itself where the library has no setting for it. */
export function check(holds, what) {
  if (!holds) throw new Error(`application: ${what}`);
}

/** RFC 9068 section 4, RFC 7515 section 4.1.9. */
export function isAccessTokenType(typ) {
  return typeof typ === "string" && typ.toLowerCase().replace(/^application\//, "") === "at+jwt";
}
