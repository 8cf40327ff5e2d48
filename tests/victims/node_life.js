// SPDX-License-Identifier: MIT
// node_life.js [fixed]: a server whose handler of upgrades answers and forgets the socket. Its peers close; libuv accepts and reads, so that
// the handler's own name stands in the stack of the first send alone. Prints "ready" when all peers have closed, and ends at the end of its input.
'use strict';

const http = require('http');
const net = require('net');

const fixed = process.argv[2] === 'fixed';
const N = 3;
let answered = 0;

function upgradeForgets(request, socket) {
  socket.write('HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: x\r\n\r\n');
  if (fixed) socket.end();
  socket.pause();
}

const server = http.createServer();
server.on('upgrade', (request, socket) => upgradeForgets(request, socket));
server.listen(0, '127.0.0.1', () => {
  for (let i = 0; i < N; i++) {
    const peer = net.connect(server.address().port, '127.0.0.1');
    peer.write('GET / HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: x\r\n\r\n');
    peer.once('data', () => {
      peer.on('close', () => {
        if (++answered === N) {
          server.close();
          setTimeout(() => console.log('ready'), fixed ? 200 : 0);
        }
      });
      peer.destroy();
    });
  }
});
process.stdin.on('end', () => process.exit(0));
process.stdin.resume();
