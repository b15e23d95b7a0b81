// The official TypeScript client of MCP, headless, with client credentials. Its settings are in the environment. It prints
// one JSON object for each step. examples/mcp-server/tests/mcp/client.rs starts it.
import { Client } from '@modelcontextprotocol/sdk/client/index.js';
import { ClientCredentialsProvider } from '@modelcontextprotocol/sdk/client/auth-extensions.js';
import { StreamableHTTPClientTransport } from '@modelcontextprotocol/sdk/client/streamableHttp.js';

const { MCP_URL, MCP_ISSUER, MCP_CLIENT_ID, MCP_CLIENT_SECRET, MCP_SCOPE, MCP_TOKEN } = process.env;

// With a fixed token, or with only an id and a secret.
const options = MCP_TOKEN
  ? { requestInit: { headers: { Authorization: `Bearer ${MCP_TOKEN}` } } }
  : {
      authProvider: new ClientCredentialsProvider({
        clientId: MCP_CLIENT_ID, clientSecret: MCP_CLIENT_SECRET, expectedIssuer: MCP_ISSUER, scope: MCP_SCOPE,
      }),
    };

const told = (step, what) => console.log(JSON.stringify({ step, ...what }));

const client = new Client({ name: 'typescript', version: '1' });
const call = async (name, args) => {
  const result = await client.callTool({ name, arguments: args });
  if (result.isError) throw new Error(result.content[0].text);
  return result.content[0].text;
};
const steps = [
  ['connect', async () => (await client.connect(new StreamableHTTPClientTransport(new URL(MCP_URL), options)), '')],
  ['list', async () => (await client.listTools()).tools.map((tool) => tool.name).sort().join(' ')],
  ['whoami', () => call('whoami', {})],
  ['write_note', () => call('write_note', { text: 'from TypeScript' })],
  ['read_notes', () => call('read_notes', {})],
  ['close', () => client.close()],
];
for (const [step, take] of steps) {
  try {
    const ok = await take();
    if (step !== 'close') told(step, { ok });
  } catch (error) {
    told(step, { error: `${error.name}: ${error.message}` });
    break;
  }
}
