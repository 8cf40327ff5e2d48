# sockleak: `make help` lists the targets.

CC ?= gcc
V ?= 0
DEBUG ?= 0
SAN ?=
CAPTURE ?= walk
B ?= build
Q := $(if $(filter 0,$(V)),@)

WARN := -Wall -Wextra -Wshadow -Wmissing-prototypes -Wwrite-strings
OPT := $(if $(filter 0,$(DEBUG)),-O2,-O0)
BASE_CFLAGS := -std=gnu11 -g $(OPT) $(WARN) -D_GNU_SOURCE -DSOCKLEAK_VERSION='"$(VERSION)"' -MMD -MP

.PHONY: all
all:
