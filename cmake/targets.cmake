# How targets are made here. The arrows of the house (tools -> http -> actors -> storage -> schemas)
# hold because a target sees only the folders of what it links.
add_library(muster_warnings INTERFACE)
target_compile_options(muster_warnings INTERFACE
  -Wall -Wextra -Wpedantic -Wconversion -Wshadow -Werror
  # g++ 12 sees the first two where there is nothing, the third in every batch of sources
  $<$<CXX_COMPILER_ID:GNU>:-Wno-maybe-uninitialized -Wno-restrict -Wno-subobject-linkage>)

# Sources of a library are compiled in batches: half the work of a whole build.
option(MUSTER_BATCHES "compile the sources of a library in batches" ON)

# Headers of others that most files read, compiled once: those of the standard, and with CAF's for
# targets that see CAF. Own headers are not among them.
set(standard_headers <algorithm> <atomic> <chrono> <condition_variable> <deque> <filesystem> <fstream> <functional> <future>
  <map> <memory> <mutex> <optional> <set> <sstream> <string> <string_view> <thread> <variant> <vector>)
set(caf_headers <caf/actor_system.hpp> <caf/event_based_actor.hpp> <caf/scoped_actor.hpp> <caf/send.hpp>
  <caf/stateful_actor.hpp> <caf/typed_actor.hpp> <caf/typed_event_based_actor.hpp> <caf/io/middleman.hpp>)
add_library(muster_standard_headers STATIC ${CMAKE_SOURCE_DIR}/cmake/empty.cpp)
target_link_libraries(muster_standard_headers PRIVATE muster_warnings) # the flags must be the same
target_precompile_headers(muster_standard_headers PRIVATE ${standard_headers})
add_library(muster_caf_headers STATIC ${CMAKE_SOURCE_DIR}/cmake/empty.cpp)
target_link_libraries(muster_caf_headers PRIVATE CAF::core CAF::io muster_warnings)
target_precompile_headers(muster_caf_headers PRIVATE ${standard_headers} ${caf_headers})

# Whether a target sees CAF follows from what it links.
function(muster_headers name)
  set(sees_caf FALSE)
  foreach(link IN LISTS ARGN)
    if(link MATCHES "^CAF::")
      set(sees_caf TRUE)
    elseif(TARGET ${link})
      get_target_property(inherited ${link} MUSTER_SEES_CAF)
      if(inherited)
        set(sees_caf TRUE)
      endif()
    endif()
  endforeach()
  set_target_properties(${name} PROPERTIES MUSTER_SEES_CAF ${sees_caf})
  if(sees_caf)
    target_precompile_headers(${name} REUSE_FROM muster_caf_headers)
  else()
    target_precompile_headers(${name} REUSE_FROM muster_standard_headers)
  endif()
endfunction()

# muster_library(NAME SOURCES a.cpp ... LINKS target ...): own code, own warnings, visible below the root.
function(muster_library name)
  cmake_parse_arguments(ARG "" "" "SOURCES;LINKS" ${ARGN})
  add_library(${name} STATIC ${ARG_SOURCES})
  target_include_directories(${name} PUBLIC ${CMAKE_SOURCE_DIR})
  target_link_libraries(${name} PUBLIC ${ARG_LINKS} PRIVATE muster_warnings)
  set_target_properties(${name} PROPERTIES UNITY_BUILD ${MUSTER_BATCHES} UNITY_BUILD_BATCH_SIZE 12)
  muster_headers(${name} ${ARG_LINKS})
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
  muster_headers(${name} ${ARG_LINKS})
endfunction()

# muster_test(NAME SOURCES ... LINKS ...): a Boost.Test program that ctest runs by its own name.
function(muster_test name)
  cmake_parse_arguments(ARG "" "" "SOURCES;LINKS" ${ARGN})
  muster_executable(${name} SOURCES ${ARG_SOURCES} LINKS ${ARG_LINKS} muster_test_main)
  add_test(NAME ${name} COMMAND ${name} --log_level=test_suite --color_output=no)
  set_tests_properties(${name} PROPERTIES TIMEOUT 300)
endfunction()
