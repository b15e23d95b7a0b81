// express-oauth2-jwt-bearer with its defaults, behind a proxy that terminates TLS.
import express from "express";
import { auth } from "express-oauth2-jwt-bearer";
import { request } from "node:http";

import { judgeRequests } from "./requests.mjs";

await judgeRequests(async ({ issuer, audience, jwks }) => {
  const app = express();
  app.set("trust proxy", true);
  app.use(auth({ issuer, audience, publicKey: jwks }));
  app.use((_, response) => response.send("accepted"));
  app.use((error, _, response, next) => response.status(error.status ?? 500).send(`${error.code} ${error.message}`));
  const server = await new Promise((resolve) => {
    const listening = app.listen(0, "127.0.0.1", () => resolve(listening));
  });
  const { port } = server.address();
  server.unref(); // the program ends after its last case
  return ({ url, method, headers }) =>
    new Promise((resolve, reject) => {
      const { host, pathname } = new URL(url);
      const all = [...headers, ["Host", host], ["X-Forwarded-Proto", "https"], ["Connection", "close"]];
      const sent = request({ port, host: "127.0.0.1", method, path: pathname, headers: all.flat() }, async (response) => {
        const parts = [];
        for await (const part of response) parts.push(part);
        if (response.statusCode === 200) resolve();
        else reject(new Error(`${response.statusCode} ${Buffer.concat(parts)}`));
      });
      sent.on("error", reject).end();
    });
});
