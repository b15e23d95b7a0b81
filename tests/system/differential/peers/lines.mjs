// Reads the settings and then tokens as JSON documents, one per line. Writes one verdict for each token.
import { createInterface } from "node:readline";

/** `prepare` returns a function for a shape and the settings. It returns for a valid token, and throws for an invalid one. */
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

/** Checks of the application that the library has no setting for. */
export function check(holds, what) {
  if (!holds) throw new Error(`application: ${what}`);
}

/** RFC 9068 section 4, RFC 7515 section 4.1.9. */
export function isAccessTokenType(typ) {
  return typeof typ === "string" && typ.toLowerCase().replace(/^application\//, "") === "at+jwt";
}
