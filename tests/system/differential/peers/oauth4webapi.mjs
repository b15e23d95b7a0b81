// oauth4webapi: `validateJwtAccessToken` for requests with DPoP proofs, with its defaults.
import * as oauth from "oauth4webapi";

import { judgeRequests } from "./requests.mjs";

await judgeRequests(async ({ issuer, audience, jwks }) => {
  const server = { issuer, jwks_uri: "https://keys.example/jwks" };
  const options = { [oauth.customFetch]: async () => Response.json(jwks) };
  return async ({ url, method, headers }) => {
    await oauth.validateJwtAccessToken(server, new Request(url, { method, headers }), audience, options);
  };
});
