// express-oauth2-jwt-bearer as its README documents it: issuer and audience, and the middleware for scopes. `strict` is its
// setting for tokens that follow RFC 9068.
import express from "express";
import { auth, requiredScopes } from "express-oauth2-jwt-bearer";

const { OAUTH_ISSUER, OAUTH_AUDIENCE, OAUTH_SCOPE, PORT, STRICT } = process.env;

const app = express();
app.use(auth({ issuerBaseURL: OAUTH_ISSUER, audience: OAUTH_AUDIENCE, strict: STRICT === "1" }));
app.get("/orders", requiredScopes(OAUTH_SCOPE), (_, response) => response.send("orders"));
app.listen(Number(PORT), "127.0.0.1");
