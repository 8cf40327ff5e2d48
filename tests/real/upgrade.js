// SPDX-License-Identifier: MIT
// upgrade.js: an http server whose upgrade handler keeps the socket and never ends it; three clients finish, then it waits for the end of its input.
const http = require('http');
const net = require('net');
const held = [];
const server = http.createServer();
server.on('upgrade', (request, socket) => {
    socket.on('error', () => {});
    socket.write('HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: x\r\n\r\n');
    held.push(socket);
});
server.listen(0, '127.0.0.1', () => {
    for (let i = 0; i < 3; i++) {
        const client = net.connect(server.address().port, '127.0.0.1');
        client.write('GET / HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: x\r\n\r\n');
        client.on('data', () => client.end());
        client.on('end', () => {});
    }
});
process.stdin.on('end', () => process.exit(0)).resume();
