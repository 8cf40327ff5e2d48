/* SPDX-License-Identifier: MIT */
/*
 * report_agent.h: `sockleak report --for-agent`: the agent's own report with file and line, made by a short-lived helper process beside the program.
 */
#ifndef SOCKLEAK_CLI_REPORT_AGENT_H
#define SOCKLEAK_CLI_REPORT_AGENT_H

/*
 * argv: --for-agent STATEFILE [--reason NAME] [--options TEXT] [--groups KIND:SITE,...] [--suppressions-fd N] [--fd N]
 * Prints the report of STATEFILE, as its own process would at this moment, to descriptor N (1). Exit status 0: the whole report was
 * written (which may be empty); anything else: the agent prints its own.
 */
int report_for_agent(int argc, char **argv);

#endif
