// SPDX-License-Identifier: MIT
// cycle.js FRAMES ROUNDS: microseconds for one connection cycle, as cycle.c's, at that depth of JavaScript's stack.
'use strict';
const net = require('net');
const [frames, rounds] = process.argv.slice(2).map(Number);
const OWN = 18; // the event's callback and node's own, down to the connect

const server = net.createServer((s) => s.on('end', () => s.resetAndDestroy()).on('error', () => {}).resume());

function deep(n, then) {
  if (n > 0) deep(n - 1, then);
  else then();
}

// node connects when it knows the address: the answer comes from there.
const lookup = (host, options, found) => deep(frames - OWN, () => found(null, '127.0.0.1', 4));

function cycle(done) {
  net.connect({ host: 'here', port: server.address().port, autoSelectFamily: false, lookup }).on('error', () => {}).on('close', done).end();
}

function measure(n, done) {
  const begin = process.hrtime.bigint();
  let left = n;
  (function next() {
    if (left-- > 0) cycle(next);
    else done(Number(process.hrtime.bigint() - begin) / 1e3 / n);
  })();
}

server.listen(0, '127.0.0.1', () => {
  measure(rounds / 2, () => measure(rounds, (us) => {
    console.log(us.toFixed(4));
    server.close();
  }));
});
