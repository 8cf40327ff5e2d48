# SPDX-License-Identifier: MIT
"""cpython_compare.py: random Python stacks, as Python itself says them and as sockleak says them.

usage: SOCKLEAK=.../sockleak SEED=1 python3 cpython_compare.py COUNT      (with the agent preloaded)

Opens a socket on each of COUNT stacks, which go through calls of all sorts, keeps it and what sys._getframe says, and asks `sockleak report` for the
sockets now and then. Prints "stacks N different N native N missing N broken N": different ones have a wrong frame, or lack one; native ones have no Python frame at
all; missing ones are not in the report. Ends with 1 for any of these; broken ones are so in Python too. Runs on Python 3.6 and later.

"awaited N denied N unproven N": of the tasks that were found to await another one, and are compared as such, denied ones are not the task that has made
the other (which each of these tests awaits itself, if any does), or from 3.14 on not in asyncio.capture_call_graph. Ends with 1 for any. Unproven are
those of that graph which wait for something else at that moment: gather's and a group's callers are in it from the call on.
"""
import _socket
import asyncio
import collections
import contextlib
import ctypes
import functools
import gc
import json
import os
import random
import re
import resource
import signal
import subprocess
import sys
import threading
import weakref

MAX_FRAMES = 128  # as SOCKLEAK_OPTIONS has it
BATCH = 1500
QUALIFIED = sys.version_info >= (3, 11)
AWAITING = (3, 11) <= sys.version_info < (3, 15)  # where the coroutines that await a task follow it

wanted = {}  # descriptor: (socket, frames, the call that led there)
seen = collections.Counter()
shown = 0
now = threading.local()
in_dicts = set()  # groups whose attributes are in a dict
made_by = weakref.WeakKeyDictionary()  # of a task the one that made it


def entry_of(frame):
    code = frame.f_code
    return (code.co_qualname if QUALIFIED else code.co_name, code.co_filename, frame.f_lineno or 0)


def ended_by(callback):
    """The futures that CALLBACK, one of asyncio's own, ends."""
    name = getattr(callback, "__qualname__", "")
    if isinstance(callback, functools.partial) and callback.func.__name__ == "_release_waiter":
        return list(callback.args)
    if name == "TaskGroup._on_task_done":
        if sys.version_info < (3, 13) and callback.__self__ in in_dicts:
            return []  # a limit: its attributes are not read there
        return [callback.__self__._on_completed_fut]
    if name == "as_completed.<locals>._on_completion":
        return only_getter(next(c.cell_contents for c in callback.__closure__ if isinstance(c.cell_contents, asyncio.Queue)))
    if name == "_AsCompletedIterator._handle_completion":
        return only_getter(callback.__self__._done)
    if name in ("gather.<locals>._done_callback", "shield.<locals>._inner_done_callback", "_wait.<locals>._on_completion"):
        return [cell.cell_contents for cell in callback.__closure__]
    return []


def only_getter(queue):
    return list(queue._getters) if len(queue._getters) == 1 else []


def waiting_for(future, depth=1):
    """The tasks that wait for FUTURE, or for one that ends with it."""
    for callback, _ in future._callbacks or ():
        task = getattr(callback, "__self__", None)
        if isinstance(task, asyncio.Task):
            if task._fut_waiter is future:
                yield task
        elif depth < 4:
            for f in ended_by(callback):
                if asyncio.isfuture(f) and not isinstance(f, asyncio.Task):
                    yield from waiting_for(f, depth + 1)


def sends_to(driver):
    """The coroutine or generator that DRIVER, of no interest itself, sends to; else DRIVER."""
    for _ in range(2):
        if type(driver).__name__ in ("async_generator_asend", "async_generator_athrow", "anext_awaitable", "coroutine_wrapper"):
            driver = next(o for o in gc.get_referents(driver) if type(o).__name__ in
                          ("async_generator", "coroutine", "generator", "async_generator_asend", "async_generator_athrow"))
    return driver


def frames_that_wait(task):
    frames, at = [], task.get_coro()
    while True:
        at = sends_to(at)
        kind = {"coroutine": "cr_", "async_generator": "ag_", "generator": "gi_"}.get(type(at).__name__)
        if kind is None:
            break
        frames.insert(0, entry_of(getattr(at, kind + "frame")))
        at = getattr(at, kind + ("yieldfrom" if kind == "gi_" else "await"))
    return frames if type(at).__name__ == "FutureIter" and len(frames) <= 32 else None


def awaiting(task):
    """The frames of the tasks that await TASK, as asyncio and the coroutines themselves say it."""
    out = []
    graph = asyncio.capture_call_graph(task) if sys.version_info >= (3, 14) else None
    while task is not None:
        found = next(((t, f) for t in waiting_for(task) for f in [frames_that_wait(t)] if f), None)
        if found is None:
            seen["unproven"] += bool(graph and graph.awaited_by)
            break
        waits, frames = found
        seen["awaited"] += 1
        if task in made_by and made_by[task] is not waits:
            seen["denied"] += 1
        if graph:
            graph = next((g for g in graph.awaited_by if g.future is waits), None)
            if graph is None or [entry_of(e.frame) for e in graph.call_stack] != frames:
                seen["denied"] += 1
        out += frames
        task = waits
    return out


def frames_of(frame):
    out, before = [], None
    while frame is not None and len(out) <= MAX_FRAMES:
        entry = entry_of(frame)
        if AWAITING and entry[0] == "Handle._run" and before is not None and before.f_code.co_flags & 0x80:
            out += awaiting(asyncio.current_task())
        out.append(entry)
        before, frame = frame, frame.f_back
    return out


def check():
    if len(wanted) > 3 * BATCH:  # some steps go on twice, and so do theirs
        return
    s = _socket.socket(); want = frames_of(sys._getframe())  # on one line: it is compared too
    wanted[s.fileno()] = (s, want, now.kind)  # no lock: a signal handler does this too


# --- what Python offers to get from one function to the next ------------------------------------------------------------------------------------


def go(r, depth):
    if depth <= 0:
        return check()
    now.kind, step = r.choice(STEPS)
    with contextlib.suppress(RecursionError):
        step(r, depth - 1)
    return 0


class Object:
    def method(self, r, d):
        return go(r, d)

    @property
    def prop(self):
        return go(*self.args)

    def __getattr__(self, name):
        return go(*self.__dict__["args"])

    def __lt__(self, other):
        go(*self.args)
        return False

    def __enter__(self):
        go(*self.args)

    def __exit__(self, *what):
        go(*self.args)

    def __del__(self):
        if "at_end" in self.__dict__:
            go(*self.at_end)

    def __iter__(self):
        yield go(*self.args)

    def __call__(self, *args):
        return go(*args)

    @staticmethod
    def static(r, d):
        return go(r, d)

    @classmethod
    def of_class(cls, r, d):
        return go(r, d)


def with_args(r, d):
    o = Object()
    o.args = (r, d)
    return o


def at_end(r, d):
    o = Object()
    o.at_end = (r, d)
    return o


def step_plain(r, d): return go(r, d)
step_lambda = lambda r, d: go(r, d)
def step_method(r, d): Object().method(r, d)
def step_static(r, d): Object.static(r, d)
def step_of_class(r, d): Object.of_class(r, d)
def step_property(r, d): with_args(r, d).prop
def step_getattr(r, d): with_args(r, d).no_such_name
def step_sort(r, d): sorted([with_args(r, d), with_args(r, d)])
def step_iter(r, d): list(with_args(r, d))
def step_call(r, d): Object()(r, d)
def step_map(r, d): list(map(lambda x: go(r, d), [1]))
def step_reduce(r, d): functools.reduce(lambda a, b: go(r, d), [1, 2])
def step_re(r, d): re.sub("x", lambda m: go(r, d) or "", "x")
def step_partial(r, d): functools.partial(go, r)(d)
def step_keywords(r, d): return go(**dict(r=r, depth=d))
def step_star(r, d): return go(*[r, d])
def step_list(r, d): [go(r, d) for _ in (1,)]
def step_dict(r, d): {1: go(r, d) for _ in (1,)}
def step_generator_expression(r, d): sum(go(r, d) or 0 for _ in (1,))
def step_eval(r, d): eval("go(r, d)")
def step_weakref(r, d):
    class Node: pass
    node = Node()
    reference = weakref.ref(node, lambda _: go(r, d))
    del node
    return reference


def step_with(r, d):
    with with_args(r, d):
        pass


def step_del(r, d):
    o = at_end(r, d)
    del o


def step_end_of_scope(r, d):
    def inner():
        o = at_end(r, d)
        return o is None
    inner()


def step_generator(r, d):
    def g():
        yield 1
        go(r, d)
        yield 2
    for _ in g():
        pass


def step_yield_from(r, d):
    def a():
        yield 1
        go(r, d)

    def b():
        yield from a()
    list(b())


def step_throw(r, d):
    def a():
        try:
            yield 1
        except ValueError:
            go(r, d)
        yield 2

    def b():
        yield from a()
    g = b()
    next(g)
    g.throw(ValueError())
    g.close()


def step_close(r, d):
    def a():
        try:
            yield 1
        finally:
            go(r, d)

    def b():
        yield from a()
    g = b()
    next(g)
    g.close()


def step_freed_generator(r, d):
    def g():
        try:
            yield 1
        finally:
            go(r, d)
    x = g()
    next(x)
    del x


def step_coroutine(r, d):
    async def a():
        go(r, d)

    async def b():
        await a()
    with contextlib.suppress(StopIteration):
        b().send(None)


def step_async_generator(r, d):
    async def a():
        yield 1
        go(r, d)

    async def b():
        async for _ in a():
            pass
    with contextlib.suppress(StopIteration):
        b().send(None)


def step_exec(r, d):
    exec("def inner():\n\n  go(r, d)\ninner()\n", {"go": go, "r": r, "d": d})


def step_many_names(r, d):
    # code that is made anew and freed again, in names of every width
    n = r.randrange(40)
    name = ("f%d" if n % 4 else "f\u00fc%d" if n % 8 else "f\u4e2d%d") % n
    source = "%sdef %s():\n  go(r, d)\n%s()\n" % ("\n" * n, name, name)
    exec(compile(source, ("<s%d>", "<\u00e4%d>", "<\u4e2d%d>", "<\U0001f600%d>")[n % 4] % n, "exec"), {"go": go, "r": r, "d": d})


def step_except(r, d):
    try:
        raise ValueError
    except ValueError:
        try:
            go(r, d)
        finally:
            pass


def step_finally(r, d):
    with contextlib.suppress(KeyError):
        try:
            raise KeyError
        finally:
            go(r, d)


def step_context_manager(r, d):
    @contextlib.contextmanager
    def manager():
        go(r, d)
        yield
    with manager():
        pass


def step_class(r, d):
    class Made:
        attribute = go(r, d)
    return Made


def step_decorator(r, d):
    def decorate(f):
        return lambda *a: f(*a)
    decorate(go)(r, d)


CALLBACK = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_int)
COMPARE = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_void_p, ctypes.c_void_p)
LIBC = ctypes.CDLL(None)
def step_ctypes(r, d): CALLBACK(lambda x: go(r, d) or 0)(1)


def step_qsort(r, d):
    done = []

    def compare(a, b):
        if not done:
            done.append(1)
            go(r, d)
        return 0
    LIBC.qsort((ctypes.c_int * 2)(2, 1), 2, 4, COMPARE(compare))


def nothing(): pass


def step_profile(r, d):
    old, done = sys.getprofile(), []

    def profile(frame, event, arg):
        if not done and event == "call":
            done.append(1)
            go(r, d)
    sys.setprofile(profile)
    try:
        nothing()
    finally:
        sys.setprofile(old)


def step_trace(r, d):
    old = sys.gettrace()
    sys.settrace(lambda f, e, a: None)
    try:
        go(r, d)
    finally:
        sys.settrace(old)


def step_collected(r, d):
    class Node: pass
    a, b = Node(), at_end(r, d)
    a.b = b
    b.__dict__["x"] = a
    del a, b
    gc.collect(0)


def step_freed_traceback(r, d):
    def f():
        o = at_end(r, d)
        raise KeyError(o is None)
    with contextlib.suppress(KeyError):
        f()


def step_import(r, d):
    finder = type("F", (), {"find_spec": staticmethod(lambda *a: (go(r, d), None)[1])})
    sys.meta_path.insert(0, finder)
    try:
        import no_such_module_here
    except ImportError:
        pass
    finally:
        sys.meta_path.remove(finder)


def step_hash(r, d):
    class H:
        def __hash__(self):
            go(r, d)
            return 1
    {H(): 1}


def step_format(r, d):
    class H:
        def __format__(self, f):
            go(r, d)
            return ""
    f"{H()}"


def step_metaclass(r, d):
    class M(type):
        def __call__(cls, *a):
            return go(r, d)
    M("X", (), {})()


def step_deep(r, d):
    def deep(n):
        if n:
            return deep(n - 1)
        go(r, d)
    deep(r.randrange(1, 30))


def step_lines(r, d):
    (lambda a, b, c: None)(
        1,
        go(r,
           d),
        3)


def step_jumps(r, d):
    for i in range(2):
        if i:
            while True:
                go(r, d)
                break
        else:
            continue


def step_super(r, d):
    class B:
        def f(self):
            go(r, d)

    class D(B):
        def f(self):
            super().f()
    D().f()


def step_init(r, d):
    class B:
        def __init__(self):
            go(r, d)
    B()


def step_new(r, d):
    class B:
        def __new__(cls):
            go(r, d)
            return object.__new__(cls)
    B()


def step_far_line(r, d):
    source = "def far():\n" + "  pass\n" * 300 + "  x = (1,\n" + "\n" * 200 + "   go(r, d))\nfar()\n"
    exec(compile(source, "far.py", "exec"), {"go": go, "r": r, "d": d})


STEPS = sorted((name[5:], f) for name, f in list(globals().items()) if name.startswith("step_"))

# --- the comparison ---------------------------------------------------------------------------------------------------------------------------------


def same(got, want, complete):
    """GOT may end early only where it was cut: there is no room for more."""
    want = [(name[:255], file.encode()[-511:].decode(errors="replace"), line) for name, file, line in want]
    return got == (want if complete else want[: len(got)])


def compare():
    global shown, wanted
    batch, wanted = wanted, {}
    command = [os.environ["SOCKLEAK"], "report", "--format", "json", "--kinds", "all", "--min-age", "0", str(os.getpid())]
    env = {k: v for k, v in os.environ.items() if k != "LD_PRELOAD"}
    report = subprocess.run(command, stdout=subprocess.PIPE, env=env, stderr=subprocess.DEVNULL)
    got = {}
    for line in report.stdout.splitlines():
        leak = json.loads(line.decode())
        if leak["type"] == "leak":
            seen["unlisted"] += leak["count"] - len(leak["sockets"])  # the report lists the first of many
            for s in leak["sockets"]:
                got[s["fd"]] = leak["frames"]
    for fd, (s, want, kind) in batch.items():
        if fd not in got:
            seen["missing"] += 1
            continue
        python = [(f["symbol"], f["file"], f["line"] or 0) for f in got[fd] if f.get("runtime") == "python"]
        others = [f for f in got[fd] if f.get("runtime") != "python" and not f.get("interpreter")]
        if not python and MAX_FRAMES >= len(want) and want[-1][0].split(".")[-1] not in ("<module>", "_bootstrap"):
            seen["broken"] += 1  # Python up to 3.9 itself has lost the frames behind one that an exception is thrown through
        elif not python:
            seen["native"] += 1
        elif same(python, want, len(python) + len(others) < MAX_FRAMES):
            seen["same"] += 1
        else:
            seen["different"] += 1
            if shown < 4:
                shown += 1
                first = next((i for i, (a, b) in enumerate(zip(python, want)) if a != b), min(len(python), len(want)))
                print("by", kind, "got", len(python), "of", len(want), "at", first, python[first : first + 2], "instead of", want[first : first + 2])
    for s, _, _ in batch.values():
        s.close()


def run(seed, count):
    r = random.Random(seed)
    now.kind = "-"
    for _ in range(count):
        go(r, r.randrange(0, 14))
        if threading.current_thread() is threading.main_thread() and len(wanted) >= BATCH:
            compare()


async def one(r):
    await asyncio.sleep(0)
    go(r, r.randrange(0, 6))
    await asyncio.sleep(0)
    check()


async def yields(r, depth):
    await nest(r, depth)
    yield 1


async def iterates(r, depth):
    async for _ in yields(r, depth):
        pass


async def later(r, depth):
    task = asyncio.ensure_future(nest(r, depth))
    await asyncio.sleep(0)
    await task


async def gathers_later(r, depth):
    future = asyncio.gather(nest(r, depth), nest(r, depth))
    await asyncio.sleep(0)
    await future


async def yields_later(r, depth):
    try:
        yield await later(r, depth)
        yield 2
    finally:
        maker.set(asyncio.current_task())  # the loop's own, where nobody has closed it
        await asyncio.ensure_future(nest(r, 0))


async def iterates_later(r, depth):
    async for _ in yields_later(r, depth):
        if r.randrange(2):
            break


async def sends_later(r, depth):
    generator = yields_later(r, depth)
    await r.choice((lambda: generator.asend(None), lambda: anext(generator), lambda: anext(generator, 1)))()
    if r.randrange(2):
        await generator.aclose()
        return
    try:
        await generator.athrow(KeyError())
    except KeyError:
        pass


@contextlib.asynccontextmanager
async def context(r, depth):
    await asyncio.ensure_future(nest(r, depth))
    yield


async def in_context(r, depth):
    async with context(r, depth):
        pass


class Awaitable:
    def __init__(self, r, depth, by_generator):
        self.wait = later(r, depth).__await__, asyncio.ensure_future(nest(r, 0)).__await__
        self.by_generator = by_generator

    def __await__(self):
        return self.generates() if self.by_generator else self.wait[0]()

    def generates(self):
        yield from self.wait[1]()
        return (yield from self.wait[0]())


async def awaits_object(r, depth):
    await Awaitable(r, depth, r.randrange(2))


async def completes(r, depth):
    for done in asyncio.as_completed([nest(r, depth), nest(r, 0)]):
        await done


async def of_another(r, depth):
    maker.set(asyncio.current_task())  # not the task that has made it awaits it
    await nest(r, depth)


async def completes_together(r, depth):
    """Two tasks wait for whatever comes first."""
    await asyncio.gather(*asyncio.as_completed([of_another(r, depth), of_another(r, 0)]))


async def deeply(r, depth, n):
    await (deeply(r, depth, n - 1) if n else asyncio.ensure_future(nest(r, depth)))


async def in_group(r, depth):
    async with asyncio.TaskGroup() as group:
        group.create_task(nest(r, depth))
        group.create_task(nest(r, depth))


async def in_busy_group(r, depth):
    async with asyncio.TaskGroup() as group:
        group.create_task(nest(r, depth))
        await asyncio.sleep(0)
        group.create_task(nest(r, depth))
        await asyncio.ensure_future(nest(r, depth))


async def in_known_group(r, depth):  # whose attributes are in a dict
    async with asyncio.TaskGroup() as group:
        group.create_task(nest(r, depth))
        vars(group)["more"] = 1
        in_dicts.add(group)


async def in_time(r, depth):
    async with asyncio.timeout(60):
        await asyncio.ensure_future(nest(r, depth))


async def has_callbacks(r, depth):
    task = asyncio.ensure_future(nest(r, depth))
    for _ in range(r.randrange(1, 4)):
        task.add_done_callback(lambda t: None)
    await task


async def unshielded(r, depth):
    task = asyncio.ensure_future(nest(r, depth))
    outer = asyncio.shield(task)
    await asyncio.sleep(0)
    outer.cancel()
    await asyncio.sleep(0)
    await task


async def awaited_twice(r, depth):
    task = asyncio.ensure_future(nest(r, depth))
    other = asyncio.ensure_future(awaits(task))
    await asyncio.sleep(0)
    await task
    await other


async def awaits(task):
    made_by.pop(task, None)  # anyone may await it
    await task


NESTS = [
    ("await", lambda r, d: nest(r, d)),
    ("task", lambda r, d: asyncio.ensure_future(nest(r, d))),
    ("later", lambda r, d: later(r, d)),
    ("gather", lambda r, d: asyncio.gather(nest(r, d), nest(r, d))),
    ("gather later", lambda r, d: gathers_later(r, d)),
    ("wait_for", lambda r, d: asyncio.wait_for(nest(r, d), 60)),
    ("wait_for of gather", lambda r, d: asyncio.wait_for(asyncio.gather(nest(r, d)), 60)),
    ("wait", lambda r, d: asyncio.wait([asyncio.ensure_future(nest(r, d))])),
    ("shield", lambda r, d: asyncio.shield(nest(r, d))),
    ("gather of shield", lambda r, d: asyncio.gather(asyncio.shield(nest(r, d)), nest(r, d))),
    ("shield of gather", lambda r, d: asyncio.shield(asyncio.gather(nest(r, d)))),
    ("iterates", lambda r, d: iterates(r, d)),
    ("deeply", lambda r, d: deeply(r, d, r.randrange(25, 40))),
    ("callbacks", lambda r, d: has_callbacks(r, d)),
    ("unshielded", lambda r, d: unshielded(r, d)),
    ("twice", lambda r, d: awaited_twice(r, d)),
]
if AWAITING:
    import contextvars
    maker = contextvars.ContextVar("maker", default=None)
    NESTS += [
        ("group", lambda r, d: in_group(r, d)),
        ("busy group", lambda r, d: in_busy_group(r, d)),
        ("known group", lambda r, d: in_known_group(r, d)),
        ("timeout", lambda r, d: in_time(r, d)),
        ("iterates later", lambda r, d: iterates_later(r, d)),
        ("sends later", lambda r, d: sends_later(r, d)),
        ("context", lambda r, d: in_context(r, d)),
        ("object", lambda r, d: awaits_object(r, d)),
        ("completes", lambda r, d: completes(r, d)),
        ("completes together", lambda r, d: completes_together(r, d)),
    ]


async def nest(r, depth):
    if AWAITING and maker.get() is not asyncio.current_task():
        made_by[asyncio.current_task()] = maker.get()
        maker.set(asyncio.current_task())
    if depth > 0:
        kind, step = r.choice(NESTS)
        await step(r, depth - 1)
        now.kind = "nested " + kind
    else:
        if r.randrange(2):
            await asyncio.sleep(0)
        now.kind = "nested"
    check()


async def many(seed, count):
    r = random.Random(seed)
    now.kind = "asyncio"
    for _ in range(count // 20):
        await asyncio.gather(*[one(r) for _ in range(10)])
        await nest(r, r.randrange(6))
        if len(wanted) >= BATCH:
            compare()


def overflow():
    def deep(n):
        if n % 400 == 0:
            check()
        deep(n + 1)
    now.kind = "overflow"
    try:
        deep(1)
    except RecursionError:
        check()


def greenlets(seed, count):
    try:
        from greenlet import getcurrent, greenlet
    except ImportError:
        return
    main, r = getcurrent(), random.Random(seed)

    def body(r):
        now.kind = "greenlet"
        go(r, 3)
        main.switch()
        go(r, 3)
    for _ in range(count // 4):
        a, b = greenlet(body), greenlet(body)
        a.switch(r)
        b.switch(r)
        a.switch()
        b.switch()


def main():
    count, seed = int(sys.argv[1]), int(os.environ.get("SEED", "1"))
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, 8192), hard))
    run(seed, count * 5 // 10)
    compare()
    threads = [threading.Thread(target=run, args=(seed + 10 + i, min(count // 20, 300))) for i in range(4)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    now.kind = "-"
    compare()
    loop = asyncio.new_event_loop()
    loop.run_until_complete(many(seed + 20, count // 2))
    loop.close()
    compare()
    now.kind = "signal"
    signal.signal(signal.SIGALRM, lambda *a: check())
    signal.setitimer(signal.ITIMER_REAL, 0.001, 0.002)
    run(seed + 30, count // 10)
    signal.setitimer(signal.ITIMER_REAL, 0)
    compare()
    greenlets(seed + 40, count // 10)
    sys.setrecursionlimit(3500)
    overflow()
    compare()
    total = seen["same"] + seen["different"] + seen["native"] + seen["broken"]
    seen["missing"] -= seen["unlisted"]
    awaited = ("awaited", "denied", "unproven") if AWAITING else ()
    print("stacks", total, *("%s %d" % (w, seen[w]) for w in ("different", "native", "missing", "broken") + awaited))
    sys.exit(total < count // 2 or seen["different"] + seen["native"] + seen["missing"] + seen["denied"] != 0 or bool(awaited and not seen["awaited"]))


main()
