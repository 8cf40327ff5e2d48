// SPDX-License-Identifier: MIT
// fixed.js: the same with each reply read to its end, at which node closes the connection.
//
//     sockleak run -- node fixed.js "$URL"
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
  if (reply.statusCode !== 200) refused.push(reply);
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
