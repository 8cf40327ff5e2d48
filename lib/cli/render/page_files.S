/* SPDX-License-Identifier: MIT */
/*
 * page_files.S: the files of page/, as they are.
 *
 * The assembler finds them in the folder that the Makefile names by -I. The scripts are one text.
 */
    .section .rodata

    .global page_file_html, page_file_html_size, page_file_css, page_file_css_size, page_file_js, page_file_js_size
    .hidden page_file_html, page_file_html_size, page_file_css, page_file_css_size, page_file_js, page_file_js_size
page_file_html:
    .incbin "page.html"
page_file_css:
    .incbin "page.css"
page_file_js:
    .incbin "common.js"
    .incbin "site.js"
    .incbin "table.js"
    .incbin "flame.js"
    .incbin "page.js"

page_files_end:
    .balign 8
page_file_html_size:
    .quad page_file_css - page_file_html
page_file_css_size:
    .quad page_file_js - page_file_css
page_file_js_size:
    .quad page_files_end - page_file_js

    .section .note.GNU-stack, "", %progbits
