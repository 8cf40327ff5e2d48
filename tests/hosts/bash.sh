# SPDX-License-Identifier: MIT
# shellcheck shell=bash disable=SC2034,SC2154
# bash: connections by /dev/tcp, whose descriptors the shell keeps, moves, copies, closes and passes to subshells, jobs and coprocesses.
what="/dev/tcp: descriptors kept, moved, copied and closed, subshells, jobs in the background, coprocesses, pipelines"
needs="bash=bash python3=python3 ss=iproute2"

work()
{
    local script
    cat >"$DIR/echo.py" <<'PY'
import os, socketserver, sys, time
class Echo(socketserver.StreamRequestHandler):
    def handle(self):
        for line in self.rfile:
            while line.startswith(b"slow") and not os.path.exists(sys.argv[2]): time.sleep(0.05)
            self.wfile.write(b"<" + line.strip() + b">\n")
            if line == b"bye\n": return
class Server(socketserver.ThreadingTCPServer):
    allow_reuse_address = daemon_threads = True
    def handle_error(self, *a): pass
Server(("127.0.0.1", int(sys.argv[1])), Echo).serve_forever()
PY
    ports 2
    helper echo python3 "$DIR/echo.py" "${PORTS[0]}" "$DIR/stop"
    until_true 30 listens "${PORTS[0]}" || return 1
    export at=/dev/tcp/127.0.0.1/${PORTS[0]} none=/dev/tcp/127.0.0.1/${PORTS[1]} base=$DIR
    scripts
    for script in kept moved subshells jobs coprocess pipelines failed; do
        echo "$script"
        with bash "$DIR/$script" 2>"$DIR/$script.err"
        echo "status $?"
    done

    # Who reads its copy waits for it; who never calls on it keeps the connection open: that is the one finding.
    server waits bash "$DIR/waits"
    until_true 30 grep -q ready "$DIR/waits.out"
    sleep 3 # looks in which it may be said that a child keeps the connection
    look
    touch "$DIR/stop"
    until_true 30 grep -q program "$DIR/waits.out"
    kill "$(pgrep -P "$pid" -x tail)"
    until_true 30 gone "$pid"
    sort "$DIR/waits.out"
}
scripts()
{
    cat >"$DIR/kept" <<'END'
for i in 1 2 3; do
    exec 3<>"$at"
    echo "kept $i" >&3
    read -r line <&3; echo "$line"
    echo again >&3
    read -r -u 3 line; echo "$line"
    exec 3<&-
done
exec {fd}<>"$at"
echo named >&"$fd"
read -r -u "$fd" line; echo "$line"
exec {fd}>&-
exec 0<"$at" # in the place of another one, and never written to
exec 0</dev/null
END
    cat >"$DIR/moved" <<'END'
exec 3<>"$at"
exec 4<&3-
echo moved >&4; read -r -u 4 line; echo "$line"
exec 5>&4 4>&-
echo copied >&5; read -r -u 5 line; echo "$line"
exec 6<&5 7>&5 5<&-
echo twice >&7; read -r -u 6 line; echo "$line"
exec 6<&- 7>&-
exec 8<>"$at" 8<>"$at" # the first is closed by the second
echo second >&8; read -r -u 8 line; echo "$line"
exec 8</dev/null 8<&-
exec 9<>"$at"
{ echo inner >&9; read -r -u 9 line; echo "$line"; } 9<>"$at" # undone after the group
echo outer >&9; read -r -u 9 line; echo "$line"
f() { echo "function" >&9; read -r -u 9 line; echo "$line"; }
f 9<>"$at"
exec 9>&-
END
    cat >"$DIR/subshells" <<'END'
exec 3<>"$at"
(echo in a subshell >&3; read -r line <&3; echo "$line")
(exec 3>&-; exec 3<>"$at"; echo its own >&3; read -r line <&3; echo "$line")
(exec 3>&-; exec /bin/echo executed)
x=$(echo substituted >&3; read -r line <&3; echo "$line"); echo "$x"
echo still here >&3; read -r line <&3; echo "$line"
/bin/sh -c 'echo of a program >&3; read line <&3; echo "$line"'
exec 3>&-
for i in 1 2 3 4 5; do (exec 4<>"$at"; echo "bye" >&4; cat <&4; exec 4<&-); done
END
    cat >"$DIR/jobs" <<'END'
for i in 1 2 3 4 5; do
    { exec 3<>"$at"; echo "job $i" >&3; read -r line <&3; echo "$line" >"$base/job.$i"; } &
done
wait
cat "$base"/job.?
for i in 1 2 3; do
    exec 3<>"$at"
    { echo "given $i" >&3; read -r line <&3; echo "$line"; } &
    exec 3>&-
    wait
done
exec 3<>"$at"
trap 'echo trapped >&3; read -r line <&3; echo "$line"' USR1
kill -USR1 $$
exec 3>&-
END
    cat >"$DIR/coprocess" <<'END'
coproc C { exec 3<>"$at"; while read -r line; do echo "$line" >&3; read -r -u 3 line; echo "$line"; done; }
for i in 1 2 3; do echo "line $i" >&"${C[1]}"; read -r -u "${C[0]}" line; echo "$line"; done
exec {out}>&"${C[1]}"- # moved
exec {out}>&-
wait
exec 3<>"$at"
coproc D { cat <&3; }
exec {in}<&"${D[0]}"
echo bye >&3
read -r -u "$in" line; echo "$line"
exec 3>&- {in}<&-
wait
END
    cat >"$DIR/pipelines" <<'END'
printf 'x\nbye\n' >"$base/lines"
exec 3<>"$at"
cat "$base/lines" >&3
cat <&3 | sort | cat
exec 3>&-
exec 3<>"$at"
printf 'a\nb\nbye\n' >&3
while read -r line; do echo "loop $line"; done <&3
exec 3<&-
shopt -s lastpipe
exec 3<>"$at"; printf 'p\nbye\n' >&3
cat <&3 | while read -r line; do echo "last $line"; done
exec 3<&-
exec 3<>"$at"; printf 'q\nbye\n' >&3
mapfile -t all < <(cat <&3); echo "${all[*]}"
exec 3<&-
exec 3<>/dev/udp/127.0.0.1/9
exec 3>&-
END
    cat >"$DIR/failed" <<'END'
for i in 1 2 3; do
    (exec 3<>"$none") || echo refused
    echo x 2>/dev/null >"$none" || echo refused again
done
exec 4<>"$at"
echo x >"$none" 2>/dev/null || echo refused
echo after >&4; read -r -u 4 line; echo "$line"
exec 4>&-
END
    cat >"$DIR/waits" <<'END'
exec 3<>"$at"
echo slow by redirection >&3
{ read -r line <&3; echo "$line"; } &
exec 3>&-
exec 3<>"$at"
echo slow by number >&3
{ read -r -u 3 line; echo "$line"; } &
exec 3>&-
exec 3<>"$at"
printf 'slow to a program\nbye\n' >&3
cat <&3 &
exec 3>&-
exec 3<>"$at"
tail -f /dev/null &
exec 3>&-
echo ready
wait
END
}
