// SPDX-License-Identifier: MIT
// sockleak.mjs: "this test leaked no socket" for node:test, without an addon. Run under the agent: sockleak run -- node --test
//
//     import { noLeakedSockets } from './sockleak.mjs';
//     noLeakedSockets();       // before each test: now; after each test: fails when a socket that was opened meanwhile is still open
//
// JavaScript cannot call the agent's C functions, so the command is asked about this process: it looks into the kernel and the agent's state file. The
// JavaScript stack comes from async_hooks. One test at a time: with `concurrency` a check would see the other tests' sockets.
import { execFileSync } from 'node:child_process';
import { createHook } from 'node:async_hooks';
import { afterEach, beforeEach } from 'node:test';
import { setTimeout } from 'node:timers/promises';

const opened = new Map(); // handle -> stack
createHook({
    init(id, type, trigger, handle) {
        if (/^(TCP|PIPE|UDP)/.test(type)) opened.set(handle, new Error().stack.split('\n').slice(2).filter((line) => !line.includes('node:internal')));
    },
}).enable();

function findings() {
    const { LD_PRELOAD, ...env } = process.env; // the command itself is not to be watched
    const args = ['report', '--format', 'json', '--kinds', 'all', '--min-age', '0', String(process.pid)];
    const text = execFileSync(process.env.SOCKLEAK ?? 'sockleak', args, { env, encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] });
    // The command's own pipes to this process are socket pairs, and so may be standard output.
    return text.split('\n').filter(Boolean).map((line) => JSON.parse(line)).filter((line) => line.type === 'leak')
        .flatMap((leak) => leak.sockets.filter((socket) => !['socketpair', 'inherited'].includes(socket.origin)).map((socket) => ({ kind: leak.kind, ...socket })));
}

const name = (socket) => `${socket.fd} ${socket.local}`;

export function noLeakedSockets({ timeout = 1000 } = {}) {
    let before;
    beforeEach(() => {
        before = new Set(findings().map(name));
        opened.clear();
    });
    afterEach(async () => {
        const until = Date.now() + timeout;
        let left;
        // At least five looks: while the command runs this process closes nothing, and on a busy machine one look may take the whole time.
        for (let looks = 1; (left = findings().filter((socket) => !before.has(name(socket)))).length && (Date.now() < until || looks < 5); looks++)
            await setTimeout(20);
        if (!left.length) return;
        const told = left.map((socket) => {
            const [, stack = []] = [...opened].find(([handle]) => handle.fd === socket.fd) ?? [];
            return `fd ${socket.fd} ${socket.kind} ${socket.local} -> ${socket.peer}, opened by\n${stack.length ? stack.join('\n') : '    (no JavaScript)'}`;
        });
        const error = new Error(`sockets opened by this test and still open: ${left.length}\n${told.join('\n')}`);
        error.stack = error.message; // this function's own lines say nothing
        throw error;
    });
}
