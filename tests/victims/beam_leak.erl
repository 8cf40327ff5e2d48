%% SPDX-License-Identifier: MIT
%% beam_leak.erl: two guilty functions, whose sockets a NIF and a port of Erlang's open, and an innocent one. Prints "ready", and sleeps.
-module(beam_leak).
-export([main/0]).

open() ->
    {ok, S} = socket:open(inet, stream, tcp),
    S.

login(N) -> [open() || _ <- lists:seq(1, N)].

prices(N) -> [element(2, gen_tcp:listen(0, [{ip, {127, 0, 0, 1}}])) || _ <- lists:seq(1, N)].

innocent(N) -> [socket:close(open()) || _ <- lists:seq(1, N)].

main() ->
    Kept = {login(3), prices(2), innocent(4)},
    io:format("ready~n"),
    timer:sleep(infinity),
    Kept.
