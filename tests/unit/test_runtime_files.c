/* SPDX-License-Identifier: MIT */
/*
 * test_runtime_files.c: whose code a source file of a language runtime is, and the part of its name
 * that is the same on every host.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "core/runtime_files.h"
#include "core/runtime_name.h"

static const struct {
    unsigned runtime;
    const char *file, *stable;
    enum runtime_code code;
} rows[] = {
    {RUNTIME_PYTHON, "/usr/lib/python3.11/asyncio/events.py", "asyncio/events.py", RUNTIME_CODE_LIBRARY},
    {RUNTIME_PYTHON, "/opt/py/lib/python3.13/socket.py", "socket.py", RUNTIME_CODE_LIBRARY},
    {RUNTIME_PYTHON, "/srv/venv/lib/python3.11/site-packages/urllib3/connection.py", "urllib3/connection.py", RUNTIME_CODE_PACKAGE},
    {RUNTIME_PYTHON, "/usr/lib/python3/dist-packages/requests/api.py", "requests/api.py", RUNTIME_CODE_PACKAGE},
    {RUNTIME_PYTHON, "<frozen importlib._bootstrap>", "<frozen importlib._bootstrap>", RUNTIME_CODE_LIBRARY},
    {RUNTIME_PYTHON, "/srv/app/web.py", "web.py", RUNTIME_CODE_PROGRAM},
    {RUNTIME_PYTHON, "app/web.py", "web.py", RUNTIME_CODE_PROGRAM},
    {RUNTIME_PYTHON, "/srv/app/pool/__init__.py", "pool/__init__.py", RUNTIME_CODE_PROGRAM},
    {RUNTIME_PYTHON, "pool/__main__.py", "pool/__main__.py", RUNTIME_CODE_PROGRAM},
    {RUNTIME_PYTHON, "__main__.py", "__main__.py", RUNTIME_CODE_PROGRAM},
    {RUNTIME_PYTHON, "", "", RUNTIME_CODE_PROGRAM},
    /* a folder of another language says nothing */
    {RUNTIME_PYTHON, "/srv/vendor/shop/web.py", "web.py", RUNTIME_CODE_PROGRAM},
    {RUNTIME_PYTHON, "/srv/ruby/3.1.0/gems/shop/web.py", "web.py", RUNTIME_CODE_PROGRAM},
    {RUNTIME_PYTHON, "/srv/node_modules/shop/perl5/web.py", "web.py", RUNTIME_CODE_PROGRAM},
    {RUNTIME_JAVASCRIPT, "/srv/gems/vendor/site-packages/server.mjs", "server.mjs", RUNTIME_CODE_PROGRAM},
    {RUNTIME_RUBY, "/srv/node_modules/site-packages/app.rb", "app.rb", RUNTIME_CODE_PROGRAM},
    {RUNTIME_PHP, "/srv/shop/vendor/guzzle/src/Handler.php", "guzzle/src/Handler.php", RUNTIME_CODE_PACKAGE},
    {RUNTIME_PHP, "/srv/vendor/shop/vendor/guzzle/src/Handler.php", "guzzle/src/Handler.php", RUNTIME_CODE_PACKAGE},
    {RUNTIME_PHP, "/usr/share/php/Mail/smtp.php", "Mail/smtp.php", RUNTIME_CODE_PACKAGE},
    {RUNTIME_PHP, "/srv/shop/page.php", "page.php", RUNTIME_CODE_PROGRAM},
    {RUNTIME_PHP, "/srv/shop/page.php(3) : eval()'d code", "page.php(3) : eval()'d code", RUNTIME_CODE_PROGRAM},
    {RUNTIME_PERL, "/usr/share/perl5/LWP/UserAgent.pm", "LWP/UserAgent.pm", RUNTIME_CODE_PACKAGE},
    {RUNTIME_PERL, "/usr/share/perl/5.36/HTTP/Tiny.pm", "HTTP/Tiny.pm", RUNTIME_CODE_LIBRARY},
    {RUNTIME_PERL, "/usr/lib/x86_64-linux-gnu/perl-base/IO/Socket.pm", "IO/Socket.pm", RUNTIME_CODE_LIBRARY},
    {RUNTIME_PERL, "/usr/local/lib/perl5/5.40.1/x86_64-linux-thread-multi/IO/Socket.pm", "IO/Socket.pm", RUNTIME_CODE_LIBRARY},
    {RUNTIME_PERL, "/opt/perl5/lib/perl5/site_perl/5.40.1/Mojo/Base.pm", "Mojo/Base.pm", RUNTIME_CODE_PACKAGE},
    {RUNTIME_PERL, "/usr/lib/x86_64-linux-gnu/perl5/5.36/DBI.pm", "DBI.pm", RUNTIME_CODE_PACKAGE},
    {RUNTIME_PERL, "/usr/local/share/perl/5.36.0/Mojo/Base.pm", "Mojo/Base.pm", RUNTIME_CODE_PACKAGE},
    {RUNTIME_PERL, "/srv/perl/app.pl", "app.pl", RUNTIME_CODE_PROGRAM},
    {RUNTIME_RUBY, "/usr/lib/ruby/3.1.0/net/http.rb", "net/http.rb", RUNTIME_CODE_LIBRARY},
    {RUNTIME_RUBY, "/usr/lib/ruby/vendor_ruby/rack/server.rb", "rack/server.rb", RUNTIME_CODE_PACKAGE},
    {RUNTIME_RUBY, "/usr/local/lib/site_ruby/3.1.0/own.rb", "own.rb", RUNTIME_CODE_PACKAGE},
    {RUNTIME_RUBY, "/var/lib/gems/3.1.0/gems/faraday-2.7/lib/faraday.rb", "faraday-2.7/lib/faraday.rb", RUNTIME_CODE_PACKAGE},
    {RUNTIME_RUBY, "/usr/lib/ruby/gems/3.1.0/gems/rexml-3.2/lib/rexml.rb", "rexml-3.2/lib/rexml.rb", RUNTIME_CODE_PACKAGE},
    {RUNTIME_RUBY, "<internal:kernel>", "<internal:kernel>", RUNTIME_CODE_LIBRARY},
    {RUNTIME_RUBY, "/srv/ruby/app.rb", "app.rb", RUNTIME_CODE_PROGRAM},
    {RUNTIME_RUBY, "(eval)", "(eval)", RUNTIME_CODE_PROGRAM},
    {RUNTIME_JAVASCRIPT, "/srv/app/node_modules/.pnpm/ws@8/node_modules/ws/lib/websocket.js", "ws/lib/websocket.js", RUNTIME_CODE_PACKAGE},
    {RUNTIME_JAVASCRIPT, "/srv/app/lib/server.mjs", "server.mjs", RUNTIME_CODE_PROGRAM},
    {RUNTIME_JAVASCRIPT, "node:internal/modules/run_main", "node:internal/modules/run_main", RUNTIME_CODE_LIBRARY},
    {RUNTIME_DOTNET, "/usr/lib/mono/4.5/mscorlib.dll", "mscorlib.dll", RUNTIME_CODE_LIBRARY},
    {RUNTIME_DOTNET, "/srv/shop/Orders.cs", "Orders.cs", RUNTIME_CODE_PROGRAM},
    {RUNTIME_COUNT, "/usr/lib/python3/dist-packages/x.py", "x.py", RUNTIME_CODE_PROGRAM},
};

static void a_files_name_says_whose_code_it_is(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        if (runtime_files_code(rows[i].runtime, rows[i].file, "f") != rows[i].code)
            fail_msg("%s: %d", rows[i].file, runtime_files_code(rows[i].runtime, rows[i].file, "f"));
    assert_int_equal(runtime_files_code(RUNTIME_PYTHON, NULL, "f"), RUNTIME_CODE_PROGRAM);
}

static void the_stable_part_is_the_same_wherever_the_program_is_installed(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        if (strcmp(runtime_files_stable(rows[i].runtime, rows[i].file), rows[i].stable) != 0)
            fail_msg("%s: %s", rows[i].file, runtime_files_stable(rows[i].runtime, rows[i].file));
}

static void java_is_known_by_its_packages(void **state)
{
    (void)state;
    assert_int_equal(runtime_files_code(RUNTIME_JAVA, "Socket.java", "java.net.Socket.<init>"), RUNTIME_CODE_LIBRARY);
    assert_int_equal(runtime_files_code(RUNTIME_JAVA, NULL, "sun.nio.ch.Net.socket0"), RUNTIME_CODE_LIBRARY);
    assert_int_equal(runtime_files_code(RUNTIME_JAVA, "Login.java", "javac.Login.run"), RUNTIME_CODE_PROGRAM);
    assert_int_equal(runtime_files_code(RUNTIME_JAVA, "Login.java", NULL), RUNTIME_CODE_PROGRAM);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_files_name_says_whose_code_it_is),
        cmocka_unit_test(the_stable_part_is_the_same_wherever_the_program_is_installed),
        cmocka_unit_test(java_is_known_by_its_packages),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
