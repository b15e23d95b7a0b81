// Tests the demo's page in headless Chromium: calls the API without a token, authorizes against the local issuer for
// reading, reads and tries to write, and then authorizes for writing. scripts/browser starts it.
//
//   node try_it_out.mjs URL FOLDER-FOR-SCREENSHOTS
import assert from 'node:assert/strict';
import { chromium } from 'playwright-core';

const [url, folder] = process.argv.slice(2);
const browser = await chromium.launch({
  executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
  args: ['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking',
    '--disable-component-update', '--disable-sync'],
});
const page = await browser.newPage({ viewport: { width: 1100, height: 1250 } });
page.setDefaultTimeout(10_000);
const problems = [];
page.on('pageerror', (error) => problems.push(String(error)));

await page.goto(`${url}/docs/`);

const operation = (method, path) => page.locator(`.opblock-${method}`, { hasText: path });

/** Executes an operation on the page, and returns the response. */
async function execute(method, path) {
  const block = operation(method, path);
  if (!(await block.locator('.execute').isVisible())) {
    await block.locator('.opblock-summary-control').first().click();
    await block.getByRole('button', { name: 'Try it out' }).click();
  }
  const [answer] = await Promise.all([
    page.waitForResponse((response) => response.url() === url + path && response.request().method() === method.toUpperCase()),
    block.locator('.execute').click(),
  ]);
  // The page must also show the response.
  await block.locator('.live-responses-table .response-col_status', { hasText: String(answer.status()) }).waitFor();
  return answer;
}

/** Gets a token from the issuer with the page's dialog, with these scopes and those that were selected before. */
async function authorize(scopes, screenshot) {
  await page.locator('.scheme-container .authorize').click();
  const dialog = page.locator('.dialog-ux');
  const logout = dialog.locator('.auth-btn-wrapper button', { hasText: 'Logout' });
  if (await logout.isVisible()) await logout.click();
  for (const scope of scopes) await dialog.locator('.scopes label', { hasText: scope }).first().click();
  if (screenshot) await page.screenshot({ path: `${folder}/${screenshot}` });
  const [answer] = await Promise.all([
    page.waitForResponse((response) => response.url().endsWith('/oauth2/token') && response.request().method() === 'POST'),
    dialog.locator('.auth-btn-wrapper .authorize').click(),
  ]);
  assert.equal(answer.status(), 200, 'the issuer grants a token to the page');
  await logout.waitFor();
  await dialog.locator('.btn-done').click();
}

const statuses = async () => ({
  health: (await execute('get', '/health')).status(),
  read: (await execute('get', '/orders')).status(),
  write: (await execute('post', '/orders')).status(),
  whoami: (await execute('get', '/whoami')).status(),
});

assert.deepEqual(await statuses(), { health: 200, read: 401, write: 401, whoami: 401 });
await authorize(['api.read'], 'authorize.png');
assert.deepEqual(await statuses(), { health: 200, read: 200, write: 403, whoami: 200 });
await authorize(['api.write']); // in addition to api.read, which is still selected
assert.deepEqual(await statuses(), { health: 200, read: 200, write: 201, whoami: 200 });

for (const [method, path] of [['get', '/health'], ['post', '/orders'], ['get', '/whoami']]) {
  await operation(method, path).locator('.opblock-summary-control').first().click();
}
await page.evaluate(() => window.scrollTo(0, 0));
await page.screenshot({ path: `${folder}/page.png` });
assert.deepEqual(problems, []);
await browser.close();
console.log('the page: without a token 401, with api.read 200 and 403, with api.write 201');
