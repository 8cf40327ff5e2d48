// SPDX-License-Identifier: MIT
// node_leak.js: two functions leave connections in CLOSE_WAIT, a third one closes its own.
//
// node node_leak.js plain|fixed|threads|optimized|listens|late [wait]. The names are looked up by a function
// that answers at once, as caches of names do, so that the caller's functions are on the stack of
// socket(). Prints "ready" when all peers have closed; with wait it ends at the end of its input.
'use strict';

const net = require('net');
const { Worker, isMainThread, parentPort, workerData } = require('worker_threads');

const [how, wait] = isMainThread ? process.argv.slice(2) : [workerData.how];
const fixed = how === 'fixed';
let open = 0;
let port = 0;

function lookup(name, options, done) {
  if (options.all) done(null, [{ address: '127.0.0.1', family: 4 }]);
  else done(null, '127.0.0.1', 4);
}

function connect(closes) {
  const socket = net.connect({ host: 'service.test', port, lookup, allowHalfOpen: true });
  open++;
  socket.on(closes ? 'close' : 'end', () => {
    if (--open === 0) whenAllHaveEnded();
  });
  if (closes) socket.end();
  socket.resume();
}

function guiltyA() {
  return connect(fixed);
}

function guiltyB(n) {
  for (let i = 0; i < n; i++)
    connect(fixed);
}

const innocent = () => connect(true);

function plain() {
  for (let i = 0; i < 3; i++) {
    guiltyA();
    innocent();
  }
  guiltyB(2);
}

// The same calls from code that V8 has compiled and inlined.
function sum(n) {
  let s = 0;
  for (let i = 0; i < n; i++) s += i & 1 ? maybe(false) : maybe(i === n - 2);
  return s;
}
function maybe(now) {
  if (now) plain();
  return 1;
}

function run() {
  if (how === 'optimized') {
    for (let i = 0; i < 300; i++) sum(1001);
    sum(100000);
  } else {
    plain();
  }
}

function ready() {
  console.log('ready');
  if (!wait) process.exit();
  process.stdin.resume().on('end', () => process.exit());
}

let whenAllHaveEnded = ready;

function inThread() {
  const worker = new Worker(__filename, { workerData: { how: 'plain', port } });
  worker.once('message', ready);
}

if (!isMainThread) {
  port = workerData.port;
  whenAllHaveEnded = () => parentPort.postMessage('ready');
  run();
  setInterval(() => {}, 1 << 30);
} else {
  const server = net.createServer((socket) => socket.destroy());
  if (how === 'listens') (function listens() {
    net.createServer().listen(0);
  })();
  server.listen(0, '127.0.0.1', () => {
    port = server.address().port;
    if (how === 'threads') inThread();
    else if (how === 'listens') ready();
    else if (how !== 'late') run();
    else {
      console.log('begun');
      process.stdin.once('data', plain);
    }
  });
}
