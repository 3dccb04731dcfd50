'use strict';
// Templates are read for every page, so an edit shows with the next request and needs no restart.
const { readFileSync } = require('node:fs');
const { join } = require('node:path');

const entities = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;', "'": '&#39;' };
const escape = (text) => String(text ?? '').replace(/[&<>"']/g, (c) => entities[c]);

/** Fills `{{name}}` with the escaped value and `{{{name}}}` with the value as it is. */
function render(template, values) {
  const text = readFileSync(join(__dirname, 'templates', `${template}.html`), 'utf8');
  return text.replace(/\{\{\{(\w+)\}\}\}|\{\{(\w+)\}\}/g, (_, raw, name) => (raw ? values[raw] : escape(values[name])));
}

module.exports = { render };
