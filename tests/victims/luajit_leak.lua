-- SPDX-License-Identifier: MIT
-- luajit_leak.lua: loops that LuaJIT compiles, and whose code opens sockets. Debian's LuaJIT writes no perf map by itself: this program writes its own, of what
-- jit.util tells of each trace, under the name of the function that the trace begins in. The word "both" has two functions leak, not one. Prints "ready", and
-- waits for a line of its input.
local ffi, util = require("ffi"), require("jit.util")
ffi.cdef("int socket(int, int, int); int close(int); int getpid(void);")
local C = ffi.C

-- Each opens 60 sockets, and keeps the last ones: by then the loop is compiled, and the calls are the compiled code's.
local function login(keep)
    for i = 1, 60 do
        local s = C.socket(2, 1, 0)
        if i <= 60 - keep then C.close(s) end
    end
end
local function prices(keep)
    for i = 1, 60 do
        local s = C.socket(2, 1, 0)
        if i <= 60 - keep then C.close(s) end
    end
end

local names, of = {}, {}
names[util.funcinfo(login).linedefined] = "login"
names[util.funcinfo(prices).linedefined] = "prices"
local map = assert(io.open(string.format("/tmp/perf-%d.map", C.getpid()), "w"))
map:setvbuf("line")
jit.attach(function(what, trace, func)
    if what == "start" then of[trace] = names[util.funcinfo(func).linedefined] end
    if what ~= "stop" then return end
    local code, at = util.tracemc(trace)
    if at < 0 then at = at + 2 ^ 64 end
    map:write(string.format("%x %x %s\n", at, #code, of[trace] or "another"))
end, "trace")

login(3)
if arg[1] == "both" then prices(2) end
io.write("ready\n")
io.flush()
io.read()
