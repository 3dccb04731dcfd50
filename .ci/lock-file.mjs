// Fails when ui/package-lock.json names an address of a registry, or lacks a package that another platform needs:
// npm drops those silently from the lock file, and `npm ci` fails on that platform.
import { readFileSync } from 'node:fs';

const { packages } = JSON.parse(readFileSync('ui/package-lock.json', 'utf8'));
const wrong = [];

// As Node looks names up: in the package's own folder, then in each folder above.
function found(name, from) {
  for (let folder = from; ; folder = folder.replace(/(^|\/)node_modules\/(@[^/]+\/)?[^/]+$/, '')) {
    if (packages[`${folder && `${folder}/`}node_modules/${name}`]) return true;
    if (!folder) return false;
  }
}

for (const [path, entry] of Object.entries(packages)) {
  if (entry.resolved) wrong.push(`\`${path}\` names the address ${entry.resolved}`);
  for (const name of Object.keys(entry.optionalDependencies ?? {})) {
    if (!found(name, path)) wrong.push(`\`${name}\`, wanted by \`${path}\`, is missing`);
  }
}
for (const line of wrong) console.error(`ui/package-lock.json: ${line}`);
process.exit(wrong.length ? 1 : 0);
