/* SPDX-License-Identifier: MIT */
/*
 * plugin_host.c: loads a plug-in with RTLD_DEEPBIND and has it leak; nothing is left to a later moment.
 *
 * usage: plugin_host MODE NAME [FUNCTION...]: MODE is now or lazy; NAME as dlopen takes it, and as RUNPATH finds it. Calls each FUNCTION of
 * the plug-in, which gives a connection whose peer has closed. Prints the number of descriptors that the plug-in's constructor has left
 * behind in plugin_left, if it defines that, and "fine".
 */
#include <dlfcn.h>
#include <stdio.h>
#include <string.h>

int main(int argc, char **argv)
{
    int how = argc > 1 && !strcmp(argv[1], "lazy") ? RTLD_LAZY : RTLD_NOW;
    void *plugin = argc > 2 ? dlopen(argv[2], how | RTLD_LOCAL | RTLD_DEEPBIND) : NULL;
    if (!plugin) {
        puts(dlerror());
        return 1;
    }
    for (int i = 3; i < argc; i++) {
        int (*leak)(void) = (int (*)(void))dlsym(plugin, argv[i]);
        if (!leak || leak() < 0)
            return 2;
    }
    const int *left = dlsym(plugin, "plugin_left");
    printf("left %d, fine\n", left ? *left : 0);
    return 0;
}
