'use strict';
// The shop's pages, rendered on the server. Knows no database: all it shows comes from the orders API.
const http = require('node:http');
const { randomBytes } = require('node:crypto');
const { ask } = require('./api');
const { render } = require('./render');
const log = require('./log');

const euro = (cents) => `${(cents / 100).toFixed(2)} €`;

const routes = [
  ['GET', /^\/healthz$/, async () => ({ status: 200, type: 'text/plain', body: 'ok\n' })],
  ['GET', /^\/$/, home],
  ['GET', /^\/product\/([\w-]+)$/, product],
  ['GET', /^\/search$/, search],
  ['POST', /^\/buy$/, buy],
  ['GET', /^\/order\/(\d+)$/, order],
];

async function home({ trace }) {
  const answer = await ask('GET', '/products', trace);
  if (answer.status !== 200) return failure(answer);
  const cards = answer.body.products.map((p) => render('card', { ...p, price: euro(p.price_cents) }));
  return page('All articles', render('list', { cards: cards.join('') }));
}

async function product({ trace, params: [sku] }) {
  const answer = await ask('GET', `/products/${sku}`, trace);
  if (answer.status !== 200) return failure(answer);
  const p = answer.body;
  const reviews = p.reviews.map((r) => render('review', r));
  return page(p.name, render('product', { ...p, price: euro(p.price_cents), reviews: reviews.join('') }));
}

async function search({ trace, query }) {
  const words = query.get('q') ?? '';
  const answer = await ask('GET', `/search?q=${encodeURIComponent(words)}`, trace);
  if (answer.status !== 200) return failure(answer);
  const cards = answer.body.products.map((p) => render('card', { ...p, price: euro(p.price_cents) }));
  return page(`Search: ${words}`, render('list', { cards: cards.join('') || '<p>Nothing found.</p>' }));
}

async function buy({ trace, form }) {
  const wish = { ...Object.fromEntries(form), quantity: Number(form.get('quantity') ?? 1) };
  const answer = await ask('POST', '/orders', trace, wish);
  if (answer.status !== 201) return failure(answer);
  return { status: 303, headers: { location: `/order/${answer.body.id}` }, body: '' };
}

async function order({ trace, params: [id] }) {
  const answer = await ask('GET', `/orders/${id}`, trace);
  if (answer.status !== 200) return failure(answer);
  return page(`Order ${id}`, render('order', { ...answer.body, total: euro(answer.body.total_cents) }));
}

function page(title, content, status = 200) {
  return { status, type: 'text/html; charset=utf-8', body: render('page', { title, content }) };
}

function failure({ status, body }) {
  const message = body?.message ?? 'The shop has a problem, please try again.';
  return page('Sorry', render('sorry', { message }), status);
}

async function bodyOf(request) {
  const chunks = [];
  for await (const chunk of request) chunks.push(chunk);
  return Buffer.concat(chunks).toString();
}

// Keeps the trace of a caller that has one, as the W3C header says; begins one otherwise.
function traceOf(request) {
  const given = /^00-([0-9a-f]{32})-[0-9a-f]{16}-[0-9a-f]{2}$/.exec(request.headers.traceparent ?? '');
  return given ? given[1] : randomBytes(16).toString('hex');
}

async function handle(request, response) {
  const began = process.hrtime.bigint();
  const url = new URL(request.url, 'http://web');
  const trace = traceOf(request);
  let result = page('Not found', render('sorry', { message: 'There is no such page.' }), 404);
  try {
    for (const [method, path, serve] of routes) {
      const match = method === request.method && path.exec(url.pathname);
      if (!match) continue;
      const form = method === 'POST' ? new URLSearchParams(await bodyOf(request)) : undefined;
      result = await serve({ trace, params: match.slice(1), query: url.searchParams, form });
      break;
    }
  } catch (error) {
    log.error('page failed', { path: url.pathname, trace, error: error.message, stack: error.stack });
    result = failure({ status: 502 });
  }
  response.writeHead(result.status, { 'content-type': result.type ?? 'text/plain', ...result.headers });
  response.end(result.body);
  if (url.pathname === '/healthz') return;
  const ms = Number((process.hrtime.bigint() - began) / 10000n) / 100;
  const level = result.status >= 500 ? 'error' : result.status >= 400 ? 'warn' : 'info';
  log[level]('page', { method: request.method, path: url.pathname, status: result.status, ms, trace });
}

const server = http.createServer(handle);
server.listen(3000, () => log.info('listening', { port: 3000, pid: process.pid }));

process.on('SIGTERM', () => {
  log.info('stopping');
  server.close(() => process.exit(0));
  server.closeIdleConnections();
  setTimeout(() => process.exit(0), 2000).unref();
});
