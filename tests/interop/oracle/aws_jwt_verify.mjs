// aws-jwt-verify, offline. Reads a line with the pool, the client, the scope and the keys, and then one token per line.
// Prints the reason of the rejection for each token, or an empty line.
import { CognitoJwtVerifier } from 'aws-jwt-verify';
import { createInterface } from 'node:readline';

let verifier;
for await (const line of createInterface({ input: process.stdin, crlfDelay: Infinity })) {
  if (!verifier) {
    const { pool, client, scope, jwks } = JSON.parse(line);
    verifier = CognitoJwtVerifier.create({
      userPoolId: pool, tokenUse: 'access', clientId: client, scope, graceSeconds: 30,
    });
    verifier.cacheJwks(jwks);
    console.log('ready');
    continue;
  }
  try {
    verifier.verifySync(line);
    console.log('');
  } catch (error) {
    console.log(`${error.constructor.name}: ${error.message}`.replaceAll('\n', ' '));
  }
}
