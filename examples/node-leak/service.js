// SPDX-License-Identifier: MIT
// service.js: the service that both programs ask: it refuses all but one user, with a long page, and closes the connection. Prints where it listens.
// The page is longer than what node reads ahead (128 KiB from node 22 on), and short enough for the rest to wait in the client's kernel (200 KB or so).
'use strict';

const http = require('http');

const server = http.createServer((request, reply) => {
  const allowed = request.url === '/ada';
  reply.writeHead(allowed ? 200 : 403, { Connection: 'close' });
  reply.end(allowed ? 'yes\n' : 'no\n'.repeat(55000));
});
server.listen(0, '127.0.0.1', () => console.log(`http://localhost:${server.address().port}/`));
