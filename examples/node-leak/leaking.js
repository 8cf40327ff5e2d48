// SPDX-License-Identifier: MIT
// leaking.js: asks a service over HTTP with node's client; the replies that were refused are kept to be looked at, and so are their connections.
//
//     sockleak run -- node leaking.js "$URL"
'use strict';

const { once } = require('events');
const http = require('http');

const addresses = { localhost: '127.0.0.1' }; // a cache of names
const refused = [];

function lookup(host, options, done) {
  if (options.all) done(null, [{ address: addresses[host], family: 4 }]);
  else done(null, addresses[host], 4);
}

async function logIn(user) {
  const request = http.get(process.argv[2] + user, { lookup });
  const [reply] = await once(request, 'response');
  if (reply.statusCode !== 200) {
    refused.push(reply); // nobody reads it to its end
    return;
  }
  reply.resume();
  await once(request, 'close');
}

async function main() {
  await Promise.all(['bob', 'eve', 'joe'].map(logIn));
  await logIn('ada');
  console.log(`${refused.length} were refused`);
  process.exit(); // node itself would first close what is still open
}

main();
