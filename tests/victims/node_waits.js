// SPDX-License-Identifier: MIT
// node_waits.js: one line leaks connections after it has waited, for another reason each time; a
// second one waits for the same; a third calls two functions of node's.
//
// node node_waits.js PATH, where it makes a socket. Ends when the peer of each connection has closed.
'use strict';

const fs = require('fs');
const net = require('net');

const kept = [];
let open = 0;
let port = 0;

function lookup(name, options, done) {
  if (options.all) done(null, [{ address: '127.0.0.1', family: 4 }]);
  else done(null, '127.0.0.1', 4);
}

function connect() {
  const socket = net.connect({ host: 'service.test', port, lookup, allowHalfOpen: true });
  open++;
  kept.push(socket.resume().on('end', () => {
    if (--open === 0) process.exit();
  }));
}

async function guilty(reason) {
  await reason;
  connect();
}

async function another(reason) {
  await reason;
  connect();
}

// The event loop makes its socket, with no function of the program on the stack.
function later() {
  kept.push(net.connect({ port, host: '127.0.0.1', allowHalfOpen: true }).resume());
}

// A pipe and a server: both make their socket before they return.
function calls(object, name, argument) {
  return object[name](argument);
}

const reasons = () => [
  null,
  new Promise((done) => process.nextTick(done)),
  new Promise((done) => setImmediate(done)),
  new Promise((done) => setTimeout(done, 1)),
  new Promise((done) => fs.stat('/', done)),
  fs.promises.stat('/'),
];

const server = net.createServer((socket) => socket.destroy());
function leak() {
  port = server.address().port;
  open++;
  later();
  const all = reasons();
  Promise.all([...all.map(guilty), ...all.map(another)]).then(() => open--);
  for (const [object, name, argument] of [[net.createServer(), 'listen', 0], [net, 'connect', process.argv[2]]])
    kept.push(calls(object, name, argument));
}

server.listen(0, '127.0.0.1', () => net.createServer(() => {}).listen(process.argv[2], leak));
