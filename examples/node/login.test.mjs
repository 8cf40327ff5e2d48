// SPDX-License-Identifier: MIT
// login.test.mjs: LOGIN=leaking or fixed says which login() is tested.
import assert from 'node:assert';
import net from 'node:net';
import { once } from 'node:events';
import { after, before, test } from 'node:test';
import * as forms from './login.mjs';
import { noLeakedSockets } from './sockleak.mjs';

const login = forms[process.env.LOGIN ?? 'leaking'];
const server = net.createServer((connection) => connection.on('error', () => {}).on('close', () => connection.destroy()).resume());
before(async () => {
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
});
after(() => setImmediate(() => process.exit())); // what leaks would keep node running

noLeakedSockets();

test('a refused login leaks nothing', async () => {
    assert.equal(await login(server.address().port, ''), false);
});
