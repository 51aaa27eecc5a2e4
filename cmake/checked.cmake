# SPDX-License-Identifier: GPL-2.0-only
# vna_add_library(NAME SOURCE...): a library of user space's, twice: as it is installed, and as
# NAME-checked, with sanitizers (see core.cmake), which is built for the tests that ask for it.
# What is then said of "NAME" by these functions holds for both; of other libraries that are there
# twice each has its own kind.

# They need not be fast, but soon built: with sanitizers, optimising what is made of templates (JSON,
# spdlog, GoogleTest's) takes the compiler two to three times as long.
add_library(vna-unoptimized INTERFACE)
target_compile_options(vna-unoptimized INTERFACE -O0)

function(vna_add_library name)
	add_library(${name} STATIC ${ARGN})
	add_library(${name}-checked STATIC EXCLUDE_FROM_ALL ${ARGN})
	target_link_libraries(${name}-checked PUBLIC vna-checked vna-unoptimized)
	foreach(target ${name} ${name}-checked)
		target_compile_options(${target} PRIVATE -Wall -Wextra -Werror)
	endforeach()
endfunction()

function(vna_link_libraries name kind)
	foreach(library ${ARGN})
		target_link_libraries(${name} ${kind} ${library})
		if(TARGET ${library}-checked)
			set(library ${library}-checked)
		endif()
		target_link_libraries(${name}-checked ${kind} ${library})
	endforeach()
endfunction()

function(vna_include_directories name)
	foreach(target ${name} ${name}-checked)
		target_include_directories(${target} PUBLIC ${ARGN})
	endforeach()
endfunction()
