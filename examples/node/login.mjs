// SPDX-License-Identifier: MIT
// login.mjs: two forms of login(): one forgets to end a refused connection.
import net from 'node:net';
import { once } from 'node:events';

async function open(port) {
    const connection = net.connect(port, '127.0.0.1');
    await once(connection, 'connect');
    return connection;
}

export async function leaking(port, user) {
    const connection = await open(port);
    if (!user) return false;
    connection.destroy();
    return true;
}

export async function fixed(port, user) {
    const connection = await open(port);
    connection.destroy();
    return Boolean(user);
}
