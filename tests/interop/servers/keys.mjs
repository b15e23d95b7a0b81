// Generates key pairs. As a program, it prints a private key set. The first argument is the prefix of the key ids, and the
// others are algorithms.
import { createPrivateKey, createPublicKey, generateKeyPairSync } from 'node:crypto';
import { pathToFileURL } from 'node:url';

const KINDS = {
  ES256: ['ec', { namedCurve: 'P-256' }],
  EdDSA: ['ed25519', {}],
  PS256: ['rsa', { modulusLength: 2048 }],
  RS256: ['rsa', { modulusLength: 2048 }],
};

// Exported as PEM first, because Node.js 20 sometimes hangs when it exports a new key as a JWK.
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
