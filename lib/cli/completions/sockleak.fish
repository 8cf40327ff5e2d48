# SPDX-License-Identifier: MIT
# sockleak.fish: fish completion of sockleak(1).

set -l commands run report explain diff export attach detach scan top clean help
set -l kinds close_wait,fin_wait_2,dead,never_connected,hangup,held_by_child,use_after_close all close_wait fin_wait_2 dead never_connected hangup held_by_child use_after_close open

# All processes; those that carry the agent, by the state files of this user, first.
function __sockleak_pids
    set -l runtime $XDG_RUNTIME_DIR
    set -q runtime[1]; or set runtime /run/user/(id -u)
    set -l agents
    for file in $runtime/sockleak/*.sockleak $runtime/sockleak/run-*/*.sockleak /dev/shm/sockleak-(id -u)/*.sockleak /dev/shm/sockleak-(id -u)/run-*/*.sockleak
        set -l pid (string replace -r '.*/' '' -- $file | string replace -r '\..*' '')
        if string match -qr '^[0-9]+$' -- $pid; and test -r /proc/$pid/comm
            set -a agents $pid
            printf '%s\twith the agent: %s\n' $pid (cat /proc/$pid/comm)
        end
    end
    for line in (__fish_complete_pids)
        contains -- (string replace -r '\t.*' '' -- $line) $agents; or echo $line
    end
end

complete -c sockleak -f
complete -c sockleak -n "not __fish_seen_subcommand_from $commands" -l version -d 'Print the version'
complete -c sockleak -n "not __fish_seen_subcommand_from $commands" -a run -d 'Run a program under the agent'
complete -c sockleak -n "not __fish_seen_subcommand_from $commands" -a report -d 'Report of live or dead processes'
complete -c sockleak -n "not __fish_seen_subcommand_from $commands" -a explain -d 'One site or socket, and who holds its number'
complete -c sockleak -n "not __fish_seen_subcommand_from $commands" -a diff -d 'What has changed between two reports'
complete -c sockleak -n "not __fish_seen_subcommand_from $commands" -a export -d 'Metrics and profiles of all processes'
complete -c sockleak -n "not __fish_seen_subcommand_from $commands" -a attach -d 'Start recording in a running process'
complete -c sockleak -n "not __fish_seen_subcommand_from $commands" -a detach -d 'Stop recording'
complete -c sockleak -n "not __fish_seen_subcommand_from $commands" -a scan -d 'Stuck sockets of every process'
complete -c sockleak -n "not __fish_seen_subcommand_from $commands" -a top -d 'Live view of a process'
complete -c sockleak -n "not __fish_seen_subcommand_from $commands" -a clean -d 'Remove state files of gone processes'
complete -c sockleak -n "not __fish_seen_subcommand_from $commands" -a help -d 'List of commands, or the help of one'

complete -c sockleak -n "__fish_seen_subcommand_from $commands" -s h -l help -d 'Options and examples'
complete -c sockleak -n '__fish_seen_subcommand_from help' -a "$commands"
complete -c sockleak -n '__fish_seen_subcommand_from attach detach scan top report explain' -k -a '(__sockleak_pids)'
complete -c sockleak -n '__fish_seen_subcommand_from report explain diff' -F
complete -c sockleak -n '__fish_seen_subcommand_from clean' -a '(__fish_complete_directories)'
complete -c sockleak -n '__fish_seen_subcommand_from run' -a '(__fish_complete_subcommand --fcs-skip=2)'

complete -c sockleak -n '__fish_seen_subcommand_from run report diff attach' -l kinds -x -a "$kinds" -d 'What counts as a leak'
complete -c sockleak -n '__fish_seen_subcommand_from run attach' -l grace -x -d 'Report what has lasted so long'
complete -c sockleak -n '__fish_seen_subcommand_from run report' -l suppressions -r -F -d 'Leave out what matches'
complete -c sockleak -n '__fish_seen_subcommand_from run' -l trace -d 'Watch from outside'
complete -c sockleak -n '__fish_seen_subcommand_from run' -l no-trace -d 'Refuse what loads no library'
complete -c sockleak -n '__fish_seen_subcommand_from run report explain' -l no-source -d 'Without source lines'
complete -c sockleak -n '__fish_seen_subcommand_from run report diff' -l exitcode -x -d 'Exit status when leaks were found'
complete -c sockleak -n '__fish_seen_subcommand_from run' -l max-allowed -x -d 'Leaked sockets that are tolerated'
complete -c sockleak -n '__fish_seen_subcommand_from run' -l json -r -F -d 'Write JSON Lines too'
complete -c sockleak -n '__fish_seen_subcommand_from run' -l output -x -a '(__fish_complete_directories)' -d 'Keep the state files'
complete -c sockleak -n '__fish_seen_subcommand_from report' -l format -x -a 'text json folded junit sarif pprof html' -d 'Of the report'
complete -c sockleak -n '__fish_seen_subcommand_from diff' -l format -x -a 'text json' -d 'Of the output'
complete -c sockleak -n '__fish_seen_subcommand_from report diff' -l redact -d 'Leave out what is private'
complete -c sockleak -n '__fish_seen_subcommand_from report' -l min-age -x -d 'Only what has been stuck so long'
complete -c sockleak -n '__fish_seen_subcommand_from report' -l sort -x -a 'stuck rate age' -d 'Order of groups'
complete -c sockleak -n '__fish_seen_subcommand_from report' -l max-sockets -x -d 'Listed in a group'
complete -c sockleak -n '__fish_seen_subcommand_from report' -l gen-suppressions -d 'Print ready suppression lines'
complete -c sockleak -n '__fish_seen_subcommand_from report' -l sysroot -x -a '(__fish_complete_directories)' -d 'Find programs below'
complete -c sockleak -n '__fish_seen_subcommand_from report diff' -l debug-dir -x -a '(__fish_complete_directories)' -d 'Find debug files in'
complete -c sockleak -n '__fish_seen_subcommand_from report' -l no-names -d 'Modules and offsets only'
complete -c sockleak -n '__fish_seen_subcommand_from report' -l verbose -d 'Say where names were not found'
complete -c sockleak -n '__fish_seen_subcommand_from explain' -l full -d 'Whole stacks and all sockets'
complete -c sockleak -n '__fish_seen_subcommand_from explain' -l json -d 'One JSON object a line'
complete -c sockleak -n '__fish_seen_subcommand_from explain' -l no-memory -d 'Do not read the memory of the process'
complete -c sockleak -n '__fish_seen_subcommand_from explain' -l no-names -d 'Modules and offsets only'
complete -c sockleak -n '__fish_seen_subcommand_from attach' -l for -x -d 'Record so long, report, detach'
complete -c sockleak -n '__fish_seen_subcommand_from attach' -l log -r -d 'Have it write its reports there'
complete -c sockleak -n '__fish_seen_subcommand_from export' -l once -d 'Print the metrics and end'
complete -c sockleak -n '__fish_seen_subcommand_from export' -l listen -x -d 'Serve over HTTP at this address and port'
complete -c sockleak -n '__fish_seen_subcommand_from export' -l textfile -r -F -d 'For the textfile collector'
complete -c sockleak -n '__fish_seen_subcommand_from export' -l otlp -x -d 'Post to this OpenTelemetry collector'
complete -c sockleak -n '__fish_seen_subcommand_from export' -l interval -x -d 'How often'
complete -c sockleak -n '__fish_seen_subcommand_from export' -l max-sites -x -d 'Sites of a process with series of their own'
complete -c sockleak -n '__fish_seen_subcommand_from scan' -s w -l watch -x -d 'Look again and again'
complete -c sockleak -n '__fish_seen_subcommand_from scan' -s n -l count -x -d 'End after so many looks'
complete -c sockleak -n '__fish_seen_subcommand_from scan' -s a -l all -d 'Every row'
complete -c sockleak -n '__fish_seen_subcommand_from scan' -s j -l json -d 'One JSON object a line'
complete -c sockleak -n '__fish_seen_subcommand_from scan' -l exitcode -x -d 'Status when a process holds stuck sockets'
complete -c sockleak -n '__fish_seen_subcommand_from scan' -l min -x -d 'With --exitcode: so many of them'
complete -c sockleak -n '__fish_seen_subcommand_from top' -s d -l delay -x -d 'Time between looks'
complete -c sockleak -n '__fish_seen_subcommand_from top' -s s -l sort -x -a 'stuck growth rate age' -d 'Order of sites'
complete -c sockleak -n '__fish_seen_subcommand_from clean' -s n -l dry-run -d 'Only name them'
