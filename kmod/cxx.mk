# SPDX-License-Identifier: GPL-2.0-only
#
# Freestanding C++ inside a Kbuild file: compiles each of $(cxx-objects) from
# the .cc file beside it and links them into $(cxx-linked), which is then an
# ordinary object of the module.
#
# C++ is compiled with every flag that the kernel has for C (code model,
# mitigations, sanitizers), less those which make no sense for C++, and with
# none of its headers.

# gcc-12 -> g++-12, x86_64-linux-gnu-gcc-14 -> x86_64-linux-gnu-g++-14
CXX := $(patsubst %gcc,%g++,$(subst gcc-,g++-,$(CC)))

# What g++ rejects, or warns of for being C's.
cxx-c-only := -std=% -fms-extensions -Wundef \
	-Wstrict-prototypes -Wmissing-prototypes -Wold-style-definition \
	-Wdeclaration-after-statement -Wno-pointer-sign -Wno-override-init \
	-Wno-unterminated-string-initialization \
	-Werror=strict-prototypes -Werror=implicit-function-declaration \
	-Werror=implicit-int -Werror=incompatible-pointer-types \
	-Werror=designated-init

# The parts of libstdc++ that need no operating system, and the compiler's own
# headers; glibc's are left out, core/shim stands in for what is missed of them.
cxx-includes := $(shell $(CXX) -E -v -x c++ /dev/null 2>&1 | sed -n \
	-e '/^.include </,/^End/s:^ \(.*/c++/[0-9]*\)$$:\1:p' \
	-e '/^.include </,/^End/s:^ \(.*/gcc/.*/include\)$$:\1:p')
ifeq ($(strip $(cxx-includes)),)
$(error $(CXX) or its headers are missing: install g++ of the version of $(CC))
endif

# Warnings are errors; CXX_WERROR= on make's command line lets them pass.
CXX_WERROR ?= -Werror

cxx-own-flags := -std=gnu++20 -ffreestanding -fno-exceptions -fno-rtti \
	-fno-threadsafe-statics -fno-use-cxa-atexit -fno-sized-deallocation \
	-fno-gnu-unique -fno-unwind-tables -fvisibility=hidden \
	-D_GLIBCXX_ASSERTIONS=1 -nostdinc \
	$(addprefix -isystem ,$(src)/kmod/core/shim $(cxx-includes)) \
	-Wall -Wextra -Wnon-virtual-dtor -Woverloaded-virtual $(CXX_WERROR)

# No ftrace: its tables would refer to duplicates that the linker discards.
# -g0: pahole cannot make BTF of C++, and fails the module's where it finds any.
cxx-flags = -Wp,-MMD,$(depfile) \
	$(filter-out $(cxx-c-only) $(CC_FLAGS_FTRACE),$(_c_flags)) \
	$(modkern_cflags) $(basename_flags) $(modname_flags) $(cxx-own-flags) -g0

# Nothing in the kernel runs constructors, sets up thread-local storage or
# unwinds by .eh_frame: an object that counts on it is refused.
cxx-unusable := init_array|fini_array|preinit_array|ctors|dtors|tdata|tbss|eh_frame|gcc_except_table
cmd_cxx_refuse_sections = \
	if $(OBJDUMP) -h $@ | grep -E ' \.($(cxx-unusable))' >&2; then \
		echo >&2 '$<: error: static constructors, thread-locals or unwind tables'; \
		rm -f $@; exit 1; \
	fi

quiet_cmd_cxx_o_cc = CXX $(quiet_modtag) $@
      cmd_cxx_o_cc = $(CXX) $(cxx-flags) -c -o $@ $<; $(cmd_cxx_refuse_sections)

cxx-parts := $(addprefix $(obj)/,$(cxx-objects))
targets += $(cxx-objects)

# A list, as make takes no folders for % where $(obj) is "." and $(src) is not.
$(cxx-parts): part-of-module := y
$(cxx-parts): $(obj)/%.o: $(src)/%.cc FORCE
	$(call if_changed_dep,cxx_o_cc)

# The kernel exports abort(), so what calls it (std::optional::value() without a
# value, for one) would link and then take the machine down without a word.
cmd_cxx_refuse_abort = \
	if $(NM) -u $@ | grep -w abort >&2; then \
		echo >&2 '$@: error: something here calls abort()'; \
		rm -f $@; exit 1; \
	fi

# Inline functions and templates come with each object that uses them.  Merging
# the duplicates here, before objtool and the module's link, keeps the tables
# which objtool adds from referring to the ones that go.  6.1's objtool needs to
# be told that it sees several objects' worth, later ones tell it themselves.
cxx-objtool = $(subst --module,--module $(if $(filter --link,$(objtool-args)),,--link),$(cmd_objtool))

quiet_cmd_cxx_link = LD $(quiet_modtag)  $@
      cmd_cxx_link = $(LD) $(ld_flags) -r --force-group-allocation -o $@ $(cxx-parts); \
	$(cmd_cxx_refuse_abort) $(cxx-objtool)

define rule_cxx_link
	$(call cmd_and_savecmd,cxx_link)
	$(call cmd,gen_objtooldep)
endef

$(obj)/$(cxx-linked): $(cxx-parts) FORCE
	$(call if_changed_rule,cxx_link)
