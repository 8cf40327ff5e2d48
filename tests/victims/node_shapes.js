// SPDX-License-Identifier: MIT
// node_shapes.js: functions of many shapes as listeners of sockets that their peer has closed; then it waits for the end of its input.
// A line with shapes.push has one function, which begins there, and behind // the name that it has. The event tells the line.
'use strict'
const net = require('net')
const fs = require('fs')
const shapes = []
const line = () => Number(/:(\d+):\d+\)?$/.exec(new Error().stack.split('\n')[3])[1])
shapes.push = function (f) { Array.prototype.push.call(this, { f, line: line() }) }
let a = 1, b = 2
shapes.push(function named() {}) // named
shapes.push(() => {}) // <anonymous>
shapes.push(function () {}) // <anonymous>
shapes.push(async function waits() { await 1 }) // waits
shapes.push(function* walks() { yield 1 }) // walks
shapes.push(async function* both() { yield 1 }) // both
shapes.push(async (x) => x) // <anonymous>
shapes.push(function params(x, { y = 1, z } = {}, ...rest) { return () => [x, y, z, rest] }) // params
shapes.push(function recursive(n) { return n ? recursive(n - 1) : 0 }) // recursive
shapes.push(function keepsItself() { return () => keepsItself }) // keepsItself
shapes.push(function deep() { let x = a; { let y = x; return () => { let z = y; return () => [x, y, z, arguments] } } }) // deep
shapes.push(function sloppy() { return this && arguments.length }) // sloppy
shapes.push(((x) => () => x)(1)) // <anonymous>
shapes.push((() => { const late = () => a; return late })()) // late
shapes.push((() => { let set; set = function () { return b }; return set })()) // set
shapes.push(({ key: function () {} }).key) // key
shapes.push(({ quick() {} }).quick) // quick
shapes.push(({ async slow() {} }).slow) // slow
shapes.push((class { static only() {} }).only) // only
shapes.push(new (class { one() {} })().one) // one
shapes.push(new (class { f = () => this })().f) // f
shapes.push(new (class { #p() {} get() { return this.#p } })().get()) // #p
shapes.push(new (class Named { m() { return super.toString() } })().m) // m
shapes.push(class Whole { constructor() { this.x = 1 } }) // Whole
shapes.push(function über() {}) // über
shapes.push(function 名前() {}) // 名前
shapes.push(function $_() {}) // $_
shapes.push(eval('(function evaluated() {})') && function afterEval() {}) // afterEval
shapes.push((function () { eval('var q = 1'); return function inEval() { return typeof q } })()) // inEval
shapes.push((function () { hoisted = 1; return function hoists() { return hoisted }; var hoisted })()) // hoists
shapes.push((function outer(p) { return function inner() { return [p, outer] } })(1)) // inner
shapes.push((function () { try { throw 1 } catch (e) { return function caught() { return e } } })()) // caught
shapes.push((function () { for (let i = 0; i < 1; i++) { return function looped() { return i } } })()) // looped
shapes.push((function () { const { x = function dflt() {} } = {}; return x })()) // dflt
shapes.push((function (f = function byDefault() {}) { return f })()) // byDefault
shapes.push((() => { const g = { h: { i: () => a } }; return g.h.i })()) // i
shapes.push((() => { const g = {}; g.j = () => a; return g.j })()) // shapes.push.g.j
shapes.push((() => { const g = {}; g.k = function () { return b }; return g.k })()) // shapes.push.g.k
shapes.push((() => { class A { static s = function () {} } return A.s })()) // s
shapes.push((() => { let called = function () { return 1 }; for (let i = 0; i < 3; i++) called(); return called })()) // called
shapes.push((() => { function hot(n) { return n + 1 } let s = 0; for (let i = 0; i < 200000; i++) s = hot(s); return hot })()) // hot
shapes.push((() => { const z = 1, y = 2; function closes() { return [z, y, a, b] } closes(); return closes })()) // closes
shapes.push((() => { function self() { return self } self(); return self })()) // self
shapes.push((() => { const f = function own() { return () => own }; f()(); return f })()) // own
shapes.push((() => { const f = async function slept() { await null }; f(); return f })()) // slept
shapes.push((() => { const f = (x) => (y) => [x, y]; f(1)(2); return f })()) // f
shapes.push((() => { const f = class { static t() { return 1 } }; f.t(); return f.t })()) // t
shapes.push((() => { const f = { get u() { return 1 } }; return Object.getOwnPropertyDescriptor(f, 'u').get })()) // get u

const part = Number(process.argv[2])
const mine = shapes.slice(part * 24, part * 24 + 24)
let left = 0
const server = net.createServer((socket) => socket.end('x'))
server.listen(0, '127.0.0.1', () => {
  for (let s = 0; s < 3; s++) {
    const socket = net.connect({ port: server.address().port, host: '127.0.0.1', allowHalfOpen: true })
    left++
    for (const { f, line: at } of mine.slice(s * 8, s * 8 + 8)) socket.on(`e${at}`, f)
    socket.once('end', () => { if (--left === 0) fs.writeSync(1, `ready ${shapes.length}\n`) })
    socket.resume()
    shapes[s].kept = socket
  }
})
process.stdin.resume()
process.stdin.on('end', () => process.exit())
