// jose, with key set, algorithms, issuer, audience, type and current time; `exp` is required.
import { createLocalJWKSet, jwtVerify } from "jose";

import { check, judge } from "./lines.mjs";

await judge((shape, settings) => {
  const keys = createLocalJWKSet(shape.jwks);
  const cognito = shape.profile === "Cognito";
  const options = {
    algorithms: shape.algorithms,
    issuer: shape.issuer,
    audience: cognito ? undefined : settings.audience,
    typ: shape.profile === "Rfc9068" ? "at+jwt" : undefined,
    requiredClaims: ["exp"],
    currentDate: new Date(settings.now * 1000),
    clockTolerance: settings.leeway,
  };
  return async (token) => {
    const { payload } = await jwtVerify(token, keys, options);
    if (cognito) {
      check(payload.token_use === "access", "token_use");
      check(payload.client_id === settings.client, "client_id");
    }
  };
});
