// SPDX-License-Identifier: MIT
// node_owner.js: sockets that their peer has closed, each kept by a listener of another sort; then it waits for the end of its input.
// What HOW names is done: the names of the functions are those that a report has to give.
'use strict'
const net = require('net')
const http = require('http')
const tls = require('tls')
const fs = require('fs')
const { Worker, isMainThread, workerData } = require('worker_threads')
const how = isMainThread ? process.argv[2] : workerData
const kept = []
let left = 0

// A client that ends its side as soon as the server has what it has sent.
function client(port, text) {
  const socket = net.connect({ port, host: '127.0.0.1', allowHalfOpen: true }, () => socket.end(text))
  socket.on('error', () => {})
  socket.resume()
}
function ready() {
  if (--left === 0) fs.writeSync(1, 'ready\n')
}
function keep(socket) {
  kept.push(socket)
  socket.once('end', ready) // gone when the end was read
  socket.resume()
}

function onUpgrade(request, socket) {
  keep(socket)
}
function onRequest(request, response) {
  keep(response.socket)
  request.on('data', function onBody() {})
}
function onConnection(socket) {
  keep(socket)
}
function otherConnection(socket) {
  keep(socket)
}
function onData() {}
function onMessage() {}
function onDatagram() {}
function onceTimeout() {}
class Session {
  constructor(socket) {
    socket.on('data', this.receive.bind(this))
    keep(socket)
  }
  receive() {}
}

const ways = {
  upgrade() {
    left = 3
    const server = http.createServer({ keepAliveTimeout: 0 }, onRequest)
    server.on('upgrade', onUpgrade)
    server.listen(0, '127.0.0.1', () => {
      for (let i = 0; i < 3; i++)
        client(server.address().port, 'GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: x\r\n\r\n')
    })
  },
  request() {
    left = 2
    const server = http.createServer({ keepAliveTimeout: 0, requestTimeout: 0, headersTimeout: 0 }, onRequest)
    server.on('upgrade', onUpgrade)
    server.httpAllowHalfOpen = true
    server.listen(0, '127.0.0.1', () => {
      for (let i = 0; i < 2; i++) client(server.address().port, 'POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nab')
    })
  },
  server() {
    left = 5
    for (const [count, handler] of [[3, onConnection], [2, otherConnection]]) {
      const server = net.createServer({ allowHalfOpen: true }, handler)
      server.listen(0, '127.0.0.1', () => {
        for (let i = 0; i < count; i++) client(server.address().port, 'x')
      })
    }
  },
  kinds() {
    left = 17
    const handlers = [
      function five(socket) { keep(socket) },
      function four(socket) { keep(socket) },
      function three(socket) { keep(socket) },
      function two(socket) { keep(socket) },
      function alsoTwo(socket) { keep(socket) },
      function one(socket) { keep(socket) },
    ]
    for (const [i, count] of [5, 4, 3, 2, 2, 1].entries()) {
      const server = net.createServer({ allowHalfOpen: true }, handlers[i])
      server.listen(0, '127.0.0.1', () => {
        for (let k = 0; k < count; k++) client(server.address().port, 'x')
      })
    }
  },
  listeners() {
    left = 2
    const server = net.createServer({ allowHalfOpen: true })
    server.once('connection', (socket) => {
      socket.on('data', onData)
      socket.on('error', onData)
      socket.once('timeout', onceTimeout)
      keep(socket)
      server.once('connection', (next) => new Session(next))
    })
    server.listen(0, '127.0.0.1', () => {
      client(server.address().port, 'x')
      setTimeout(() => client(server.address().port, 'y'), 50)
    })
  },
  client() {
    left = 2
    const server = net.createServer((socket) => socket.end('x'))
    server.listen(0, '127.0.0.1', () => {
      const socket = net.connect({ port: server.address().port, host: '127.0.0.1', allowHalfOpen: true })
      socket.on('data', onData)
      keep(socket)
      keep(net.connect({ port: server.address().port, host: '127.0.0.1', allowHalfOpen: true }))
    })
  },
  tls() {
    left = 2
    const [key, cert] = [fs.readFileSync(process.env.KEY), fs.readFileSync(process.env.CERT)]
    const server = tls.createServer({ key, cert, allowHalfOpen: true }, (socket) => {
      socket.on('data', onData)
      keep(socket)
    })
    server.listen(0, '127.0.0.1', () => {
      for (let i = 0; i < 2; i++) {
        const socket = tls.connect({ port: server.address().port, host: '127.0.0.1', rejectUnauthorized: false }, () => socket.end('x'))
        socket.on('error', () => {})
      }
    })
  },
  // A package's emitter above the socket, as ws has it; a Unix socket; a datagram socket.
  others() {
    left = 1
    const above = new (require('events'))()
    above.on('message', onMessage)
    const server = net.createServer({ allowHalfOpen: true }, (socket) => {
      socket[Symbol('websocket')] = above
      keep(socket)
    })
    server.listen(process.env.SOCKET, () => net.connect(process.env.SOCKET).end('x'))
    const udp = require('dgram').createSocket('udp4', onDatagram)
    udp.bind(0, '127.0.0.1')
  },
  threads() {
    new Worker(__filename, { workerData: 'server' })
    new Worker(__filename, { workerData: 'upgrade' })
  },
}
ways[how]()
if (isMainThread) {
  process.stdin.resume()
  process.stdin.on('end', () => process.exit())
}
