// Reads the settings and then cases as JSON documents, one per line. A case has requests with DPoP proofs. Writes one verdict
// for each case, about its last request.
import { createInterface } from "node:readline";

/** `prepare` returns a function for the settings. It returns for a valid request, and throws for an invalid one. */
export async function judgeRequests(prepare) {
  let settings, verify;
  for await (const line of createInterface({ input: process.stdin, crlfDelay: Infinity })) {
    const document = JSON.parse(line);
    if (settings === undefined) {
      settings = document;
      verify = await prepare(settings);
      continue;
    }
    const { name, requests } = document;
    let verdict;
    for (const { authorization, proofs } of requests) {
      const headers = [["Authorization", authorization], ...proofs.map((proof) => ["DPoP", proof])];
      verdict = { accepted: true, reason: "" };
      try {
        await verify({ url: `${settings.origin}${settings.path}`, method: settings.method, headers });
      } catch (error) {
        verdict = { accepted: false, reason: String(error).slice(0, 200) };
      }
    }
    process.stdout.write(`${JSON.stringify({ name, ...verdict })}\n`);
  }
}
