// aws-jwt-verify: its verifier for Cognito as in its documentation, and its general verifier for the other issuers.
import { CognitoJwtVerifier, JwtVerifier } from "aws-jwt-verify";

import { check, isAccessTokenType, judge } from "./lines.mjs";

await judge((shape, settings) => {
  // The library has no setting for the current time.
  Date.now = () => settings.now * 1000;
  const graceSeconds = settings.leeway;
  const customJwtCheck = ({ header, payload }) => {
    check(shape.algorithms.includes(header.alg), "alg");
    check(payload.exp !== undefined, "exp");
    if (shape.profile === "Rfc9068") check(isAccessTokenType(header.typ), "typ");
  };
  const verifier =
    shape.profile === "Cognito"
      ? CognitoJwtVerifier.create({
          userPoolId: settings.pool,
          tokenUse: "access",
          clientId: settings.client,
          graceSeconds,
          customJwtCheck,
        })
      : JwtVerifier.create({
          issuer: shape.issuer,
          audience: settings.audience,
          jwksUri: "https://keys.example/jwks.json",
          graceSeconds,
          customJwtCheck,
        });
  verifier.cacheJwks(shape.jwks);
  return (token) => verifier.verifySync(token);
});
