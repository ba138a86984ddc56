# Writes OUT anew when the commit has changed.
execute_process(COMMAND git -C ${SOURCE} describe --always --dirty --abbrev=12
  OUTPUT_VARIABLE commit OUTPUT_STRIP_TRAILING_WHITESPACE ERROR_QUIET)
if(NOT commit)
  set(commit unknown)
endif()
file(CONFIGURE OUTPUT ${OUT} CONTENT
  "#pragma once\nnamespace muster::simulation { inline constexpr const char* built_from = \"@commit@\"; }\n" @ONLY)
