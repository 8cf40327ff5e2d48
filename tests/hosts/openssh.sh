# SPDX-License-Identifier: MIT
# shellcheck shell=bash disable=SC2034,SC2154
# openssh: the server with privilege separation and its seccomp sandbox, and the client: commands, copies, port forwarding, a shared connection.
what="server (privilege separation, seccomp sandbox) and client: commands, a file through it, forwarding, a shared connection, a client that dies"
needs="/usr/sbin/sshd=openssh-server ssh=openssh-client sftp=openssh-client ss=iproute2"

work()
{
    local daemon master forward
    # strace of sftp: socketpair() = [4, 5], clone(), close(5) = 0, close(5) = -1 EBADF, close(4) = 0, close(4) = -1 EBADF
    expect use_after_close '^use_after_close sftp [0-9]+ .*; closed close .*; used close EBADF .*; threads ([0-9]+) \1 \1 None$' \
        'sftp has one descriptor of a pair both as its input and as its output, and closes both'
    ((EUID == 0)) || { echo "skip: not root, so no privilege separation"; return 0; }
    ports 2
    mkdir -p /run/sshd "$DIR/home/.ssh"
    ssh-keygen -q -t ed25519 -N '' -f "$DIR/host" && ssh-keygen -q -t ed25519 -N '' -f "$DIR/key"
    cp "$DIR/key.pub" "$DIR/authorized"
    chmod 600 "$DIR/authorized"
    cat >"$DIR/sshd.conf" <<END
ListenAddress 127.0.0.1
Port ${PORTS[0]}
HostKey $DIR/host
AuthorizedKeysFile $DIR/authorized
StrictModes no
UsePAM no
PermitRootLogin yes
PidFile none
Subsystem sftp internal-sftp
END
    cat >"$DIR/ssh.conf" <<END
Host h
  HostName 127.0.0.1
  Port ${PORTS[0]}
  IdentityFile $DIR/key
  IdentitiesOnly yes
  UserKnownHostsFile $DIR/known
  StrictHostKeyChecking no
  BatchMode yes
  LogLevel ERROR
  ControlPath $DIR/cm
END
    server sshd /usr/sbin/sshd -D -e -f "$DIR/sshd.conf"
    daemon=$pid
    until_true 30 listens "${PORTS[0]}" || return 1
    for _ in 1 2 3; do on h 'echo hello from there'; done
    on h 'exit 7'
    echo "status $?"
    head -c 300000 /dev/zero | tr '\0' x >"$DIR/work/big"
    on h 'cat' <"$DIR/work/big" | cksum
    echo "put $DIR/work/big $DIR/work/copy" | with sftp -q -F "$DIR/ssh.conf" -b - h >/dev/null && cksum <"$DIR/work/copy"

    echo "a shared connection and a forwarded port"
    helper backend python3 "$HERE/backend.py" "${PORTS[1]}" "$DIR/stop"
    until_true 30 listens "${PORTS[1]}"
    ports_saved=("${PORTS[@]}")
    ports 1
    forward=${PORTS[0]} PORTS=("${ports_saved[@]}")
    server master ssh -F "$DIR/ssh.conf" -M -N -L "127.0.0.1:$forward:127.0.0.1:${PORTS[1]}" h
    master=$pid
    until_true 30 listens "$forward"
    until_true 30 test -S "$DIR/cm"
    for _ in 1 2 3 4 5; do on h 'echo again'; done
    for _ in 1 2 3 4 5; do curl -s "http://127.0.0.1:$forward/"; done
    until_true 20 sockets_of "$master" 3 # the last forwarded connection is closed
    descriptors "sshd" "$daemon"
    descriptors "ssh" "$master"
    look
    on -O exit h 2>/dev/null
    until_true 30 gone "$master"

    echo "a client that dies"
    server dies ssh -F "$DIR/ssh.conf" -o ControlPath=none h "echo there; exec sleep 30"
    until_true 120 grep -q there "$DIR/dies.out"
    kill -KILL "$pid"
    until_true 30 only_child_gone "$daemon"
    look
    stop "$daemon"
    grep -ciE 'fatal|seccomp|bad syscall|unexpected' "$DIR/sshd.err"
}
on() { with ssh -F "$DIR/ssh.conf" "$@"; }
sockets_of() { (($(find "/proc/$1/fd" -lname 'socket:*' | wc -l) == $2)); }
only_child_gone() { ! pgrep -P "$1"; }
