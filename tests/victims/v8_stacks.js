// SPDX-License-Identifier: MIT
// v8_stacks.js: leaks sockets from random stacks, and says what V8 itself calls each of them.
//
// node v8_stacks.js leak FILE COUNT SEED [threads]: writes V8's own answers to FILE, prints "ready"
// and waits. node v8_stacks.js compare FILE REPORT: compares them with a report in JSON Lines.
'use strict';

const fs = require('fs');
const { Worker, isMainThread, parentPort, workerData } = require('worker_threads');

// ---- leaking ----

const { TCP, constants } = process.binding('tcp_wrap');
const kept = [];
const answers = [];
let seed = 1;
let exactly = 0;

function random(n) {
  seed = (Math.imul(seed, 1103515245) + 12345) >>> 0;
  return (seed >>> 8) % n;
}

function answer(error, sites) {
  return sites
    .filter((s) => s.getLineNumber() !== null && !s.isAsync())
    .map((s) => [s.getFunctionName(), s.getFileName(), s.getLineNumber(), s.getColumnNumber()]);
}

function ask() {
  const prepare = Error.prepareStackTrace;
  Error.prepareStackTrace = answer;
  const stack = new Error().stack;
  Error.prepareStackTrace = prepare;
  return stack.slice(1);
}

function open() {
  const t = new TCP(constants.SOCKET);
  kept.push(t), t.bind('127.0.0.1', 0);
  return t.fd;
}

// The socket is opened first: V8 makes some of its tables only when it is asked.
function leak() {
  const fd = open(), stack = ask();
  answers.push({ fd, stack });
  exactly++;
  return fd;
}

const ways = {
  plain(d) {
    return go(d);
  },
  arrow: (d) => go(
    d
  ),
  later(d) {
    let x = d;
    for (let i = 0; i < 3; i++) {
      x += i;
      if (i === 2) {
        x = go(d);
      }
    }
    return x;
  },
  each(d) {
    [0].forEach(function each() {
      go(d);
    });
  },
  map: (d) => [0].map((v) => go(d))[0],
  reduce(d) {
    return [1, 2].reduce((a, b) => a +
      b + go(d));
  },
  sort(d) {
    let once = true;
    [2, 1].sort((a, b) => {
      if (once) go(d);
      once = false;
      return a - b;
    });
  },
  find: (d) => [1, 2, 3].find((x) => x === 2 && (go(d), true)),
  json(d) {
    JSON.parse('[1]', (key, value) => {
      if (key === '0')
        go(d);
      return value;
    });
  },
  replace: (d) => 'ax'.replace(/x/, () => {
    go(d);
    return '';
  }),
  apply(d) {
    return Reflect.apply(go, null, [d]);
  },
  call(d) {
    return go.call(this, d);
  },
  bound: (d) => go.bind(null, d)(),
  executor(d) {
    new Promise(function executor(resolve) {
      resolve(go(d));
    });
  },
  tag(d) {
    const tag = (strings, v) => go(v);
    return tag`a${d}b`;
  },
  coerce(d) {
    return `${{
      toString() {
        go(d);
        return 'x';
      },
    }}`;
  },
  getter(d) {
    const o = {
      get value() {
        return go(d);
      },
      set value(v) {
        go(v);
      },
    };
    return random(2) ? o.value : (o.value = d);
  },
  proxy(d) {
    return new Proxy({}, { get: (target, key) => go(d) }).x;
  },
  *made(d) {
    yield 1;
    yield go(d);
  },
  generator(d) {
    return [...ways.made(d)];
  },
  iterator(d) {
    const it = {
      [Symbol.iterator]() {
        let n = 0;
        return { next: () => ({ done: n++ > 0, value: n === 1 ? go(d) : 0 }) };
      },
    };
    for (const v of it) if (v < 0) break;
  },
  async waits(d) {
    go(d);
    await null;
  },
  fields(d) {
    return new (class Fields {
      a = 1;
      b = go(d);
    })();
  },
  statics(d) {
    return class {
      static x = go(d);
    };
  },
  construct(d) {
    class Base {
      constructor(v) {
        this.v = go(v);
      }
    }
    class Derived extends Base {
      #secret = 1;
      constructor(v) {
        super(v);
      }
    }
    return new Derived(d);
  },
  defaults(d) {
    const f = (a, b = go(a)) => b;
    return f(d);
  },
  finally(d) {
    try {
      if (d > 3) throw new Error('x');
      return go(d);
    } catch (e) {
      return go(d);
    } finally {
      seed ^= 1;
    }
  },
  eval(d) {
    return eval('(function inEval() {\n  return go(d);\n})()');
  },
  made_function: (d) => new Function('go', 'd', 'return go(\n d)')(go, d),
  many(d) {
    const a = d, b = a + 1, c = b + 1;
    function inner(x) {
      return x > 100 ? a + b + c : go(d);
    }
    return inner(a) + inner(200) + (() => b + c)();
  },
  switch(d) {
    switch (d % 3) {
      case 0:
        return go(d);
      case 1: {
        const r = go(d);
        return r;
      }
      default:
        return 1 + go(d);
    }
  },
};
ways.assigned = function (d) {
  return go(d);
};
ways['a name'] = (d) => go(d);
ways.größe = function größe(d) { return 'é', go(d); };
const { deep } = { deep(d) { return d; } };

const names = Object.keys(ways).filter((n) => n !== 'made');

// Warm functions in small trees, so that the compiler inlines some of them.
function small(d, n) {
  return n ? inlined(d, n - 1) : go(d);
}
const inlined = (d, n) => small(
  d,
  n);
class Box {
  static of(d) {
    return new Box().put(d);
  }
  put(d) {
    return small(d, 2) +
      deep(1);
  }
}
ways.box = (d) => Box.of(d);
ways.hot = function hot(d) {
  let s = 0;
  const before = idle;
  idle = true;
  for (let i = 0; i < 400; i++)
    s += Box.of(1);
  idle = before;
  return s + Box.of(d);
};
names.push('box', 'hot', 'box', 'hot');

let idle = false;

function go(d) {
  if (idle) return 1;
  if (d <= 0) return leak(), 1;
  ways[names[random(names.length)]](d - 1);
  return 1;
}

function leakAll(count) {
  while (exactly < count) {
    const before = exactly;
    go(1 + random(11));
    if (global.gc && exactly % 16 === 0) global.gc();
    if (exactly === before) throw new Error('nothing was leaked');
  }
  return answers;
}

// ---- comparing ----

function lines(file) {
  return fs.readFileSync(file, 'utf8').split('\n').filter(Boolean).map((l) => JSON.parse(l));
}

function path(file) {
  return file ? file.replace(/^file:\/\//, '') : '<anonymous>';
}

function compare(file, report) {
  const found = new Map();
  let frames = 0, wrong = 0, lacking = 0, unsure = 0, stacks = 0;
  for (const r of lines(report))
    for (const s of r.sockets || []) found.set(s.fd, r.frames || r.stack);
  for (const { fd, stack } of lines(file)) {
    const whole = found.get(fd) || [];
    const ours = whole.filter((f) => f.runtime === 'javascript');
    const cut = ours.length === 64; // max_frames
    ours.shift(); // open
    stacks++;
    if (ours.length !== stack.length && !(cut && stack.length > ours.length)) {
      if (lacking++ < 3) console.log('frames', fd, ours.length, stack.map((s) => s.join(' ')));
      continue;
    }
    ours.forEach((f, i) => {
      const [name, where, line, column] = stack[i];
      frames++;
      if (f.uncertain || f.line_of_function) unsure++;
      // a method that a symbol names, or an expression, has its name only while the program runs
      const same = (f.symbol === (name || '<anonymous>') || (/^\[/.test(name) && f.symbol === '<anonymous>')) && f.file === path(where) && f.line === line &&
        (i === 0 || f.column === column);
      if (!same && wrong++ < 10)
        console.log('frame', i, [name, where, line, column], [f.symbol, f.file, f.line, f.column]);
    });
  }
  console.log(`stacks ${stacks} frames ${frames} wrong ${wrong} unsure ${unsure} lacking ${lacking}`);
  process.exit(wrong || lacking || !frames ? 1 : 0);
}

// ---- main ----

Error.stackTraceLimit = 200;
if (!isMainThread) {
  seed = workerData.seed;
  parentPort.postMessage(leakAll(workerData.count));
  setInterval(() => kept.length, 1 << 30);
} else if (process.argv[2] === 'compare') {
  compare(process.argv[3], process.argv[4]);
} else {
  const [, , , file, count, start, threads] = process.argv;
  let waiting = 1;
  const write = (all) => {
    fs.appendFileSync(file, all.map((a) => JSON.stringify(a) + '\n').join(''));
    if (--waiting === 0) console.log('ready');
  };
  for (let i = 0; i < (threads || 0); i++, waiting++)
    new Worker(__filename, { workerData: { count: +count, seed: +start + i + 1 } }).on('message', write);
  seed = +start;
  write(leakAll(+count));
  setInterval(() => kept.length, 1 << 30);
}
