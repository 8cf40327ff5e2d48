#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# Files and lines in a plain preload's exit report, from the command beside the library.

load helpers

@test "an exit report carries file and line when the command is beside the library" {
    run with_agent "" "$VICTIMS/each_kind" close_wait_read
    echo "$output"
    [[ $output =~ each_kind\.c:[0-9]+ ]]
    run with_agent "log_format=json" "$VICTIMS/each_kind" close_wait_read
    [[ $output =~ \"file\":\"[^\"]*each_kind\.c\",\"line\":[0-9]+ ]]
}

@test "a relative path of the library and another working directory find the command too" {
    cd "$BUILD"
    run env LD_PRELOAD=./libsockleak.so "$VICTIMS/each_kind" hangup
    echo "$output"
    [[ $output =~ each_kind\.c:[0-9]+ ]]
}

@test "the report comes without lines when the command is not there, or fails" {
    mkdir "$TESTTMP/lib"
    cp "$AGENT" "$TESTTMP/lib/"
    run env LD_PRELOAD="$TESTTMP/lib/libsockleak.so" "$VICTIMS/each_kind" hangup
    [[ $output == *"#0 main"* ]]
    [[ $output != *"each_kind.c:"* ]]
    printf '#!/bin/sh\nexit 3\n' >"$TESTTMP/lib/sockleak"
    chmod +x "$TESTTMP/lib/sockleak"
    run env LD_PRELOAD="$TESTTMP/lib/libsockleak.so" "$VICTIMS/each_kind" hangup
    [[ $output == *"#0 main"* ]]
    [ "$status" = 0 ]
}

@test "a helper that hangs delays the end for a few seconds at most" {
    mkdir "$TESTTMP/lib"
    cp "$AGENT" "$TESTTMP/lib/"
    printf '#!/bin/sh\nexec sleep 600\n' >"$TESTTMP/lib/sockleak"
    chmod +x "$TESTTMP/lib/sockleak"
    run timeout 30 env LD_PRELOAD="$TESTTMP/lib/libsockleak.so" "$VICTIMS/each_kind" hangup
    [ "$status" = 0 ]
    [[ $output == *"#0 main"* ]]
    ! pgrep -f "^sleep 600$"
}

@test "the program sees no child, no SIGCHLD and no descriptor of the helper" {
    run with_agent "" "$VICTIMS/sees_children"
    echo "$output"
    [[ $output =~ sees_children\.c:[0-9]+ ]]
    [[ $output != *SIGCHLD* ]]
    [[ $output != *child$'\n'* ]]
}

@test "processes of one family that end at the same moment ask for the same lines once, not each for itself" {
    mkdir "$TESTTMP/lib"
    cp "$AGENT" "$TESTTMP/lib/"
    printf '#!/bin/sh\ndate +%%s.%%N >>%q\nsleep 0.1\nexec %q "$@"\n' "$TESTTMP/asked" "$SOCKLEAK" >"$TESTTMP/lib/sockleak"
    chmod +x "$TESTTMP/lib/sockleak"
    build_victim family - <<'END'
#include <netinet/in.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>
int main(void)
{
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof a;
    int listener = socket(AF_INET, SOCK_STREAM, 0), start[2];
    char c;
    if (bind(listener, (void *)&a, len) || listen(listener, 8) || getsockname(listener, (void *)&a, &len) || pipe(start))
        return 1;
    for (int i = 0; i < 8; i++) {
        int client = socket(AF_INET, SOCK_STREAM, 0);
        if (connect(client, (void *)&a, len))
            return 1;
        int served = accept(listener, NULL, NULL);
        if (fork() == 0) {
            close(client);
            close(start[1]);
            while (recv(served, &c, 1, 0) > 0)
                ;
            read(start[0], &c, 1);
            exit(0); /* does not close what it served */
        }
        close(client);
        close(served);
    }
    close(start[1]); /* now, all of them */
    while (wait(NULL) > 0)
        ;
    return 0;
}
END
    run env LD_PRELOAD="$TESTTMP/lib/libsockleak.so" "$TESTTMP/family"
    echo "$output"
    [ "$(grep -c 'SUMMARY' <<<"$output")" = 8 ]
    [ "$(grep -cE '#0 main .*:[0-9]+' <<<"$output")" -ge 8 ]
    # On a slow machine another may lose patience, but not before a second is over.
    sort -n "$TESTTMP/asked"
    [ "$(sort -n "$TESTTMP/asked" | awk 'NR == 1 { first = $1 } $1 < first + 0.3' | wc -l)" = 1 ]
}
