// SPDX-License-Identifier: MIT
// attached.js STOPFILE: an http server and three clients in one process, until STOPFILE exists; every answer is checked.
const fs = require('fs');
const http = require('http');
let n = 0;
const server = http.createServer((request, response) => response.end('hi')).listen(0, '127.0.0.1', () => {
  console.log('ready');
  const ask = () => {
    if (fs.existsSync(process.argv[2])) {
      console.log(`${n} fine`);
      process.exit(0);
    }
    http.get({port: server.address().port, host: '127.0.0.1', agent: false}, (response) => {
      let body = '';
      response.on('data', (data) => (body += data));
      response.on('end', () => {
        if (body !== 'hi') throw new Error(body);
        n++;
        ask();
      });
    });
  };
  ask();
  ask();
  ask();
});
