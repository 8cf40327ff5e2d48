// SPDX-License-Identifier: MIT
const http = require('http'), net = require('net'), fs = require('fs');
const { Worker } = require('worker_threads'), { execFileSync, spawn } = require('child_process');
const server = http.createServer((q, r) => r.end('hello\n'));
const kept = [];
server.on('upgrade', (q, s) => { s.on('error', () => {}); kept.push(s); });

function get(port) {
    return new Promise((yes, no) => http.get({ port, host: '127.0.0.1', agent: false }, r => {
        let t = '';
        r.on('data', d => t += d).on('end', () => yes(t.length));
    }).on('error', no));
}

server.listen(0, '127.0.0.1', async () => {
    const port = server.address().port;
    let sum = 0;
    for (let i = 0; i < 20; i++) sum += (await Promise.all(Array.from({ length: 20 }, () => get(port)))).reduce((a, b) => a + b);
    console.log('bytes', sum);
    const workers = Array.from({ length: 3 }, () => new Promise(yes => new Worker(
        `const net = require('net'); const s = net.createServer(c => c.pipe(c)).listen(0, '127.0.0.1', () => {
           const c = net.connect(s.address().port, '127.0.0.1', () => c.write('ping'));
           c.on('data', d => { require('worker_threads').parentPort.postMessage(d.toString()); c.end(); s.close(); }); });`, { eval: true }).on('message', yes)));
    console.log('workers', (await Promise.all(workers)).join());
    console.log('child', execFileSync('/bin/echo', ['x']).toString().trim());
    await new Promise(yes => spawn('/bin/cat', { stdio: ['pipe', 'pipe', 'inherit'] }).on('close', yes).stdin.end('y'));
    // Three peers ask for an upgrade and leave; the handler keeps the sockets, which it does not read.
    await Promise.all(Array.from({ length: 3 }, () => new Promise(yes => {
        const c = net.connect(port, '127.0.0.1', () => c.end('GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: x\r\n\r\n'));
        c.on('end', yes).on('finish', yes);
    })));
    while (kept.length < 3) await new Promise(yes => setTimeout(yes, 20));
    console.log('ready', kept.length);
    const t = setInterval(() => { if (fs.existsSync(process.argv[2])) { clearInterval(t); process.exit(3); } }, 50);
});
