// An API with express-oauth2-jwt-bearer, as in its documentation. The arguments are the issuer, the URL of its keys, and the
// audience. It prints its URL when it is ready.
import express from 'express';
import { auth, requiredScopes } from 'express-oauth2-jwt-bearer';

const [issuer, jwksUri, audience] = process.argv.slice(2);
const app = express();
app.use(auth({ issuer, jwksUri, audience, tokenSigningAlg: 'RS256' }));
app.get('/orders', requiredScopes(`${audience}/api.read`), (request, response) => response.send('orders'));
// Errors have a status and a challenge.
app.use((error, request, response, next) => response.status(error.status ?? 500).set(error.headers).send(error.code));

// The parent process has ended.
process.stdin.resume().on('end', () => process.exit());

const server = app.listen(0, '127.0.0.1', () => {
  console.log(JSON.stringify({ url: `http://127.0.0.1:${server.address().port}` }));
});
