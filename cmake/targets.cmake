# How targets are made here. The arrows of the house (tools -> http -> actors -> storage -> schemas)
# hold because a target sees only the folders of what it links.
add_library(muster_warnings INTERFACE)
target_compile_options(muster_warnings INTERFACE
  -Wall -Wextra -Wpedantic -Wconversion -Wshadow -Werror
  $<$<CXX_COMPILER_ID:GNU>:-Wno-maybe-uninitialized -Wno-restrict>) # g++ 12 sees both where there is nothing

# muster_library(NAME SOURCES a.cpp ... LINKS target ...): own code, own warnings, visible below the root.
function(muster_library name)
  cmake_parse_arguments(ARG "" "" "SOURCES;LINKS" ${ARGN})
  add_library(${name} STATIC ${ARG_SOURCES})
  target_include_directories(${name} PUBLIC ${CMAKE_SOURCE_DIR})
  target_link_libraries(${name} PUBLIC ${ARG_LINKS} PRIVATE muster_warnings)
endfunction()

# muster_core(NAME SOURCES ... LINKS ...): a pure core. It may link records and other cores, nothing else.
function(muster_core name)
  cmake_parse_arguments(ARG "" "" "SOURCES;LINKS" ${ARGN})
  foreach(link IN LISTS ARG_LINKS)
    if(NOT link MATCHES "_core$")
      message(FATAL_ERROR "${name} is a core: it may link records and cores, not ${link}")
    endif()
  endforeach()
  muster_library(${name} SOURCES ${ARG_SOURCES} LINKS muster_records ${ARG_LINKS})
endfunction()

function(muster_executable name)
  cmake_parse_arguments(ARG "" "" "SOURCES;LINKS" ${ARGN})
  add_executable(${name} ${ARG_SOURCES})
  target_link_libraries(${name} PRIVATE ${ARG_LINKS} muster_warnings)
endfunction()

# muster_test(NAME SOURCES ... LINKS ...): a Boost.Test program that ctest runs by its own name.
function(muster_test name)
  cmake_parse_arguments(ARG "" "" "SOURCES;LINKS" ${ARGN})
  muster_executable(${name} SOURCES ${ARG_SOURCES} LINKS ${ARG_LINKS} muster_test_main)
  add_test(NAME ${name} COMMAND ${name} --log_level=test_suite --color_output=no)
  set_tests_properties(${name} PROPERTIES TIMEOUT 300)
endfunction()
