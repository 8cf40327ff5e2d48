// SPDX-License-Identifier: MIT
// node_ends.js: three connections stay in CLOSE_WAIT until the program ends, in one of several ways.
//
// node node_ends.js loop|exit|throw|reject|term|closes|thread|workers HOW. loop: nothing is left for the event
// loop to do; closes: so too, but an 'exit' handler closes them; thread: they are a worker thread's,
// which is ended when there is something to read; the program ends then. workers: they are two
// threads', which go on until the program ends.
'use strict';

const net = require('net');
const { Worker, isMainThread, parentPort, workerData } = require('worker_threads');

const how = isMainThread ? process.argv[2] : 'worker';
const kept = [];
let ended = 0;

function lookup(name, options, done) {
  if (options.all) done(null, [{ address: '127.0.0.1', family: 4 }]);
  else done(null, '127.0.0.1', 4);
}

function guilty(port, then) {
  const socket = net.connect({ host: 'service.test', port, lookup, allowHalfOpen: true });
  kept.push(socket.resume().on('end', () => {
    socket.unref();
    if (++ended === 3) then();
  }));
}

const ends = {
  loop() {},
  exit: () => process.exit(),
  throw() {
    throw new Error('thrown');
  },
  reject: () => Promise.reject(new Error('rejected')),
  term() {
    console.log('ready');
    setTimeout(() => {}, 1 << 30);
  },
  closes: () => process.on('exit', () => kept.forEach((s) => s._handle.close())),
  worker: () => parentPort.postMessage('ready'),
};

function leak(port, then) {
  for (let i = 0; i < 3; i++) guilty(port, then);
}

function inThread(port, then) {
  const worker = new Worker(__filename, { workerData: port });
  worker.once('message', () => {
    console.log('ready');
    then(worker);
  });
}

function inWorkers(port, last) {
  let ready = 0;
  const one = (worker) => {
    worker.unref();
    if (++ready === 2) last();
  };
  inThread(port, one);
  inThread(port, one);
}

if (!isMainThread) {
  leak(workerData, ends.worker);
  setInterval(() => {}, 1 << 30);
} else {
  const server = net.createServer((socket) => socket.destroy());
  server.listen(0, '127.0.0.1', () => {
    const { port } = server.address();
    const last = () => {
      server.close();
      (ends[how === 'workers' ? process.argv[3] : how] || ends.loop)();
    };
    if (how === 'workers') return inWorkers(port, last);
    if (how !== 'thread') return leak(port, last);
    inThread(port, (worker) => process.stdin.once('data', () => {
      process.stdin.destroy();
      worker.on('exit', last).terminate();
    }));
  });
}
