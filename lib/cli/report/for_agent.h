/* SPDX-License-Identifier: MIT */
/*
 * for_agent.h: `sockleak report --for-agent`: names, files, lines and inlined calls for an agent
 * that makes a report of its own.
 *
 * A filter that the agent starts beside the program when it reports, so that plain preload has
 * lines too. It is not meant for people, so the help does not list it.
 *
 *   argv      sockleak report --for-agent [--unchanged-since NS]
 *             NS: CLOCK_REALTIME at which the program began (for modules without a build-id)
 *   input     a line for each frame: "OFFSET BUILD-ID PATH": offset of the return address in hex,
 *             build-id in hex or "-", path to the end of the line
 *   output    for each input line, in order: a line for each function there, innermost first:
 *             "INLINED LINE<tab>FILE<tab>SYMBOL". INLINED is 1 for a call that was inlined into
 *             the next line's function, 0 for the last; LINE is 0 and the strings are empty where
 *             unknown. The strings hold no tab and no control character. Nothing is written before
 *             the input has ended.
 *   status    0: all was written. Anything else: what came is to be thrown away.
 *
 *   argv      sockleak report --for-agent --names
 *   input     a line for each name, as the linker has it
 *   output    a line for each: its readable form, or the name where it has none
 *   status    as above
 *
 * It uses the files of this machine only: it asks no debuginfod server and no process.
 */
#ifndef SOCKLEAK_CLI_REPORT_FOR_AGENT_H
#define SOCKLEAK_CLI_REPORT_FOR_AGENT_H

int report_for_agent(int argc, char **argv);

#endif
