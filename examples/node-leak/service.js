// SPDX-License-Identifier: MIT
// service.js: the service that both programs ask: it refuses all but one user, with a long page, and closes the connection. Prints where it listens.
'use strict';

const http = require('http');

const server = http.createServer((request, reply) => {
  const allowed = request.url === '/ada';
  reply.writeHead(allowed ? 200 : 403, { Connection: 'close' });
  reply.end(allowed ? 'yes\n' : 'no\n'.repeat(33000));
});
server.listen(0, '127.0.0.1', () => console.log(`http://localhost:${server.address().port}/`));
