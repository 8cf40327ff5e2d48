/* SPDX-License-Identifier: MIT */
/*
 * html_text.h: text that a browser takes as text, whatever is in it.
 */
#ifndef SOCKLEAK_CLI_RENDER_HTML_TEXT_H
#define SOCKLEAK_CLI_RENDER_HTML_TEXT_H

#include "../../core/out.h"

/*
 * S as HTML text or as an attribute's value in double quotes. What is no UTF-8, controls but the
 * line's end, and the characters that turn the direction of writing become U+FFFD. NULL writes
 * nothing.
 */
void html_text(struct out *o, const char *s);

/* A struct out that grows; its bytes are free()'s. */
void html_gather(struct out *o);
/* What was gathered in FROM as HTML text, as above; frees it. */
void html_text_of(struct out *o, struct out *from);
/*
 * JSON that was gathered in FROM, for a script element: no "<" is left in it, nor what turns the
 * direction of writing; frees it.
 */
void html_json_of(struct out *o, struct out *from);

#endif
