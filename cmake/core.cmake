# SPDX-License-Identifier: GPL-2.0-only
# The core as a library of objects: once as it is, for benchmarks, and once as the tests and
# fuzzers have it.  runtime.cc is left out: the host has a C++ runtime of its own.
file(GLOB_RECURSE VNA_CORE_SOURCES CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/kmod/core/*.cc)
list(FILTER VNA_CORE_SOURCES EXCLUDE REGEX "/runtime\\.cc$")

# Sanitizers, for everything that is linked into a test; their reports need lines, and nothing else, to be known.
add_library(vna-checked INTERFACE)
if(VNA_SANITIZE)
	target_compile_options(vna-checked INTERFACE
		-O1 -g1 -fno-omit-frame-pointer -fsanitize=address,undefined
		-fno-sanitize-recover=all -fno-sanitize=vptr) # the core has no RTTI
	target_link_options(vna-checked INTERFACE -fsanitize=address,undefined)
endif()
if(VNA_FUZZ)
	target_compile_options(vna-checked INTERFACE -O2 -fsanitize=fuzzer-no-link)
endif()
if(VNA_COVERAGE)
	target_compile_options(vna-checked INTERFACE --coverage)
	target_link_options(vna-checked INTERFACE --coverage)
endif()
target_compile_definitions(vna-checked INTERFACE _GLIBCXX_ASSERTIONS=1)

function(vna_add_core target)
	add_library(${target} OBJECT ${VNA_CORE_SOURCES})
	target_include_directories(${target} PUBLIC ${CMAKE_SOURCE_DIR}/kmod)
	# The warnings of the module: see kmod/cxx.mk.
	target_compile_options(${target} PRIVATE -fno-exceptions -fno-rtti -Wall -Wextra
		-Wnon-virtual-dtor -Woverloaded-virtual -Werror)
endfunction()

vna_add_core(vna-core)
vna_add_core(vna-core-checked)
target_link_libraries(vna-core-checked PUBLIC vna-checked)
# What no test asks for is not built.
set_target_properties(vna-core vna-core-checked PROPERTIES EXCLUDE_FROM_ALL ON)
