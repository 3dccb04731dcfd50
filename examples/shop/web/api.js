'use strict';
// Calls to the orders API over connections that are kept open.
const http = require('node:http');
const { randomBytes } = require('node:crypto');

const base = new URL(process.env.ORDERS_URL ?? 'http://orders:8000');
const agent = new http.Agent({ keepAlive: true, maxSockets: 16 });

/** Resolves to `{ status, body }` with the JSON body read; rejects when there is no answer within five seconds. */
function ask(method, path, trace, body) {
  const payload = body === undefined ? undefined : Buffer.from(JSON.stringify(body));
  const headers = { accept: 'application/json', traceparent: `00-${trace}-${randomBytes(8).toString('hex')}-01` };
  if (payload) Object.assign(headers, { 'content-type': 'application/json', 'content-length': payload.length });
  return new Promise((resolve, reject) => {
    const request = http.request(new URL(path, base), { method, agent, headers, timeout: 5000 }, (response) => {
      const chunks = [];
      response.on('data', (chunk) => chunks.push(chunk));
      response.on('error', reject);
      response.on('end', () => {
        try {
          resolve({ status: response.statusCode, body: JSON.parse(Buffer.concat(chunks).toString()) });
        } catch (error) {
          reject(new Error(`${method} ${path} answered ${response.statusCode} with something that is no JSON`, { cause: error }));
        }
      });
    });
    request.on('timeout', () => request.destroy(new Error(`${method} ${path} gave no answer in 5 s`)));
    request.on('error', reject);
    request.end(payload);
  });
}

module.exports = { ask };
