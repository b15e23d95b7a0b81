// Pairs of keys. As a program: a private key set for the algorithms that are its arguments, whose key ids begin with the
// first argument.
import { createPrivateKey, createPublicKey, generateKeyPairSync } from 'node:crypto';
import { pathToFileURL } from 'node:url';

const KINDS = {
  ES256: ['ec', { namedCurve: 'P-256' }],
  EdDSA: ['ed25519', {}],
  PS256: ['rsa', { modulusLength: 2048 }],
  RS256: ['rsa', { modulusLength: 2048 }],
};

// By way of PEM, because Node.js 20 sometimes hangs when a key that it has just made is exported as a JWK.
const ENCODED = {
  privateKeyEncoding: { type: 'pkcs8', format: 'pem' },
  publicKeyEncoding: { type: 'spki', format: 'pem' },
};

export const pair = (alg, kid) => {
  const [kind, options] = KINDS[alg];
  const { privateKey, publicKey } = generateKeyPairSync(kind, { ...options, ...ENCODED });
  const named = (key) => ({ ...key.export({ format: 'jwk' }), alg, use: 'sig', kid });
  return { pem: privateKey, jwk: named(createPublicKey(publicKey)), own: named(createPrivateKey(privateKey)) };
};

if (import.meta.url === pathToFileURL(process.argv[1]).href) {
  const [prefix, ...algs] = process.argv.slice(2);
  console.log(JSON.stringify({ keys: algs.map((alg) => pair(alg, `${prefix}-${alg}`).own) }));
}
