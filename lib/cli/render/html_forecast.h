/* SPDX-License-Identifier: MIT */
/*
 * html_forecast.h: what runs out, and when, at the head of the page.
 */
#ifndef SOCKLEAK_CLI_RENDER_HTML_FORECAST_H
#define SOCKLEAK_CLI_RENDER_HTML_FORECAST_H

#include "../../core/out.h"
#include "../model/types.h"

/* A list with an item for each limit that one of the processes runs into; nothing where there is none. */
void html_forecast(struct out *o, const struct model *models, size_t n);
/* "app (4242)" */
void html_program(struct out *o, const struct report *r);

#endif
