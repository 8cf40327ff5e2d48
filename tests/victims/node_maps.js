// SPDX-License-Identifier: MIT
// node_maps.js: makes a program of two files of a small TypeScript, as a compiler or a bundler would: with its source map.
//
// node node_maps.js HOW FOLDER writes FOLDER/src/*.ts and FOLDER/out/main.js. HOW is of these, with commas between:
//   lines    a line for each line, two files; the map of each beside it
//   bundle   all in one line
//   long     the same, behind 70000 other characters
//   inline   the map as a data: URL in the file
//   sections an index map
//   root     names below a sourceRoot
// The program leaves connections in CLOSE_WAIT and prints "ready". JUDGE=FILE: it writes Error().stack of each there.
'use strict';

const fs = require('fs');
const path = require('path');

const [how, folder] = process.argv.slice(2);
const is = (what) => how.split(',').includes(what);

const client = `// Connections of the program.
interface Service { port: number; name?: string }

type Done = (error: Error | null, address: string, family?: number) => void

const net = require('net');

function lookup(name: string, options: any, done: any): void {
  if (options.all) done(null, [{ address: '127.0.0.1', family: 4 }]);
  else done(null, '127.0.0.1', 4);
}

// The one place that opens them.
function connect(port: number): any {
  const stack: string = new Error('here').stack, socket: any = net.connect({ host: 'service.test', port, lookup, allowHalfOpen: true });
  if (process.env.JUDGE) require('fs').appendFileSync(process.env.JUDGE, stack + '\\n');
  return socket.resume();
}
module.exports = { connect };
`;

const main = `interface Unused { a: string }
const { connect } = require('./client');
const http = require('net');

// Functions of one name.
const left: any = {
  open: function same(port: number): any { return connect(port); },
  done: function done(): void { whenEnded(); },
};

const right: any = {
  open: function same(port: number): any {
    return connect(port);
  },
  done: function done(): void {
    whenEnded();
  },
};

function guilty(port: number): any {
  return connect(port);
}

let open: number = 5;

function whenEnded(): void {
  if (--open === 0) console.log('ready');
}

const server = http.createServer((socket: any) => { socket.end(); socket.on('error', () => {}); });
server.listen(0, '127.0.0.1', function listening(): void {
  const port: number = server.address().port;
  for (let i: number = 0; i < 3; i++)
    guilty(port).on('end', whenEnded);
  left.open(port).on('end', left.done);
  right.open(port).on('end', right.done);
});
process.stdin.resume();
process.stdin.on('end', () => process.exit(0));
`;

// ---- numbers ----

const digits = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/';

function vlq(value) {
  let rest = value < 0 ? -value * 2 + 1 : value * 2;
  let text = '';
  do {
    text += digits[(rest & 31) | (rest > 31 ? 32 : 0)];
    rest >>>= 5;
  } while (rest);
  return text;
}

// Mappings of [line, column, source, original line, original column], in order.
function encode(mappings) {
  let text = '';
  let last = [0, 0, 0, 0, 0];
  for (const m of mappings) {
    let first = text === '' || text.endsWith(';');
    for (; last[0] < m[0]; first = true) {
      text += ';';
      last = [last[0] + 1, 0, ...last.slice(2)];
    }
    text += (first ? '' : ',') + m.slice(1).map((v, i) => vlq(v - last[i + 1])).join('');
    last = m;
  }
  return text;
}

// ---- the compiler ----

const dropped = /^(interface|type|\/\/)/;
const annotation = /: (number|string|any|void)\b/g;

// Each piece of a line that stays, with its place.
function pieces(text, source, bundled) {
  const all = [];
  text.split('\n').forEach((line, number) => {
    if (!line.trim() || dropped.test(line.trim()) || (bundled && /'\.\/client'|^module/.test(line)))
      return;
    const kept = [];
    const plain = line.replace(annotation, (all) => '\0'.repeat(all.length));
    for (const m of plain.matchAll(/\0+|[\w$]+|\s+|'[^']*'|./g))
      if (m[0][0] !== '\0')
        kept.push({ text: m[0], place: /^\s/.test(m[0]) ? null : [source, number, m.index] });
    all.push(kept);
  });
  return all;
}

// {text, mappings} of lines of pieces.
function generate(lines, bundled, begin) {
  let text = begin;
  let line = 0;
  let column = begin.length;
  const mappings = [];
  for (const one of lines) {
    for (const piece of one) {
      if (piece.place)
        mappings.push([line, column, ...piece.place]);
      text += piece.text;
      column += piece.text.length;
    }
    text += bundled ? ' ' : '\n';
    line += bundled ? 0 : 1;
    column = bundled ? column + 1 : 0;
  }
  return { text: text + (bundled ? '\n' : ''), mappings };
}

function mapOf(name, sources, mappings) {
  const rooted = is('root') ? { sourceRoot: '../src/', sources } : { sources: sources.map((s) => '../src/' + s) };
  return { version: 3, file: name, ...rooted, names: [], mappings: encode(mappings) };
}

// The same mappings as an index map of two sections.
function sectioned(name, sources, mappings) {
  const [line, column] = mappings[mappings.length >> 1];
  const behind = (m) => m[0] > line || (m[0] === line && m[1] >= column);
  const moved = mappings.filter(behind).map((m) => [m[0] - line, m[0] === line ? m[1] - column : m[1], ...m.slice(2)]);
  return {
    version: 3, file: name,
    sections: [
      { offset: { line: 0, column: 0 }, map: mapOf(name, sources, mappings.filter((m) => !behind(m))) },
      { offset: { line, column }, map: mapOf(name, sources, moved) },
    ],
  };
}

function write(name, sources, { text, mappings }) {
  const map = JSON.stringify((is('sections') ? sectioned : mapOf)(name, sources, mappings));
  const url = is('inline') ? 'data:application/json;charset=utf-8;base64,' + Buffer.from(map).toString('base64') : name + '.map';
  fs.writeFileSync(path.join(folder, 'out', name), `${text}//# sourceMappingURL=${url}\n`);
  if (!is('inline'))
    fs.writeFileSync(path.join(folder, 'out', name + '.map'), map);
}

fs.mkdirSync(path.join(folder, 'src'), { recursive: true });
fs.mkdirSync(path.join(folder, 'out'), { recursive: true });
fs.writeFileSync(path.join(folder, 'src/client.ts'), client);
fs.writeFileSync(path.join(folder, 'src/main.ts'), main);
if (is('bundle') || is('long')) {
  const begin = is('long') ? `/*${'-'.repeat(70000)}*/` : '';
  write('main.js', ['client.ts', 'main.ts'], generate([...pieces(client, 0, true), ...pieces(main, 1, true)], true, begin));
} else {
  write('client.js', ['client.ts'], generate(pieces(client, 0, false), false, ''));
  write('main.js', ['main.ts'], generate(pieces(main, 0, false), false, ''));
}
