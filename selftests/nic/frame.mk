# SPDX-License-Identifier: GPL-2.0
#
# What nic and bench have in common: the kselftest frame, both ABIs, and the
# code that they share with the tests in ../io_uring. The variables of
# ../io_uring/Makefile do the same here.

CORE := ../io_uring
# All of that folder but its programs
SHARED := $(shell grep -L TEST_HARNESS_MAIN $(CORE)/*.c) $(HOOKS)
LOCAL_HDRS := $(wildcard *.h ../nic/*.h $(CORE)/*.h)

CFLAGS += -O2 -Wall -Wextra -D_GNU_SOURCE= -I$(CORE) $(KHDR_INCLUDES)
LDLIBS += -luring

include $(if $(KSRC),$(KSRC)/tools/testing/selftests,..)/lib.mk

ABI ?= 64 32
CC_32 ?= $(CC) -m32
# A system folder, since the harness of older trees is not free of warnings
CFLAGS += -isystem $(selfdir)
LDFLAGS += $(if $(STATIC),-static)
FLAGS_64 := $(if $(LIBURING_64),-I$(LIBURING_64)/include -L$(LIBURING_64)/lib)
FLAGS_32 := $(if $(LIBURING_32),-I$(LIBURING_32)/include -L$(LIBURING_32)/lib)

ifeq ($(filter clean,$(MAKECMDGOALS)),)
CHECK := $(CORE)/check_build.sh
HAVE_64 := $(if $(filter 64,$(ABI)),$(shell $(CHECK) 64 $(CC) $(CFLAGS) $(FLAGS_64) $(LDFLAGS)))
HAVE_32 := $(if $(filter 32,$(ABI)),$(shell $(CHECK) 32 $(CC_32) $(CFLAGS) $(FLAGS_32) $(LDFLAGS)))
else
HAVE_64 := yes
HAVE_32 := yes
endif

LINK_64 = $(CC) $(CFLAGS) $(FLAGS_64) $(CPPFLAGS) $(LDFLAGS) \
	  $(filter %.c,$^) $(LDLIBS) -o $@
LINK_32 = $(CC_32) $(CFLAGS) $(FLAGS_32) $(CPPFLAGS) $(LDFLAGS) \
	  $(filter %.c,$^) $(LDLIBS) -o $@
