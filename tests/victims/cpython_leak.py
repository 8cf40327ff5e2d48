# SPDX-License-Identifier: MIT
"""cpython_leak.py: two guilty functions, three and two leaks, and an innocent one, called in one way or another.

usage: cpython_leak.py HOW [WAIT]      HOW: plain, late, threads, generators, asyncio, tasks, groups (3.11), fork, fixed

With WAIT it says "ready" and lives until the end of its input. late: nothing is opened before a first line of it.
"""
import asyncio
import os
import socket
import sys
import threading

listener = socket.socket()
listener.bind(("127.0.0.1", 0))
listener.listen(64)
address = listener.getsockname()
kept = []


def serve_one():
    listener.accept()[0].close()


def guilty_a():
    kept.append(socket.create_connection(address))
    serve_one()


def guilty_b():
    kept.append(socket.create_connection(address))
    serve_one()


def innocent():
    client = socket.create_connection(address)
    serve_one()
    client.recv(1)
    client.close()


async def async_guilty_a():
    kept.append(await asyncio.open_connection(*address))
    serve_one()


async def async_guilty_b():
    kept.append(await asyncio.open_connection(*address))
    serve_one()


async def async_innocent():
    reader, writer = await asyncio.open_connection(*address)
    serve_one()
    await reader.read()
    writer.close()


async def awaits(what):
    await what()


async def task_leaks():
    kept.append(await asyncio.open_connection(*address))
    serve_one()


async def creates_a():
    await asyncio.create_task(task_leaks())


async def creates_b():
    await asyncio.gather(task_leaks())


async def creates_in_group():
    async with asyncio.TaskGroup() as group:
        group.create_task(task_leaks())


async def creates_shielded():
    await asyncio.shield(task_leaks())


async def creates_in_time():
    async with asyncio.timeout(60):
        await asyncio.create_task(task_leaks())


async def creates_completed():
    for done in asyncio.as_completed([task_leaks()]):
        await done


async def yields():
    await asyncio.create_task(task_leaks())
    yield


async def creates_for_generator():
    async for _ in yields():
        pass


async def groups():
    for create in creates_in_group, creates_shielded, creates_in_time, creates_completed, creates_for_generator:
        await create()


async def tasks():
    """The last one's task is awaited by nobody."""
    for what, times in (creates_a, 3), (creates_b, 2):
        for _ in range(times):
            await what()
    task = asyncio.create_task(task_leaks())
    while not task.done():
        await asyncio.sleep(0.01)


def plain():
    for what, times in (guilty_a, 3), (guilty_b, 2), (innocent, 4):
        for _ in range(times):
            what()


def threads():
    def together(*whats):
        all_of_them = [threading.Thread(target=what) for what in whats]
        for t in all_of_them:
            t.start()
        for t in all_of_them:
            t.join()
    together(*[guilty_a] * 3, *[guilty_b] * 2, *[innocent] * 4)


def generators():
    def steps(what, times):
        for _ in range(times):
            yield what()

    def delegates(what, times):
        yield from steps(what, times)
    for what, times in (guilty_a, 3), (guilty_b, 2), (innocent, 4):
        list(delegates(what, times))


async def coroutines():
    for what, times in (async_guilty_a, 3), (async_guilty_b, 2), (async_innocent, 4):
        await asyncio.gather(*[awaits(what) for _ in range(times)])


def fork():
    """The child has leaks of its own."""
    for _ in range(3):
        guilty_a()
    pid = os.fork()
    if pid == 0:
        del kept[:]
        for _ in range(2):
            guilty_b()
        innocent()
        wait()
        sys.exit()
    wait()
    os.waitpid(pid, 0)


def wait():
    if len(sys.argv) > 2:
        print("ready", flush=True)
        sys.stdin.read()


how = sys.argv[1]
if how == "late":
    print("begun", flush=True)
    sys.stdin.readline()
if how in ("asyncio", "tasks", "groups"):
    loop = asyncio.new_event_loop()
    loop.run_until_complete({"asyncio": coroutines, "tasks": tasks, "groups": groups}[how]())
    wait()
elif how == "fork":
    fork()
elif how == "fixed":
    for _ in range(4):
        innocent()
    wait()
else:
    {"threads": threads, "generators": generators}.get(how, plain)()
    wait()
