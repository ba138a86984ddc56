muster_test(spread_test SOURCES ${CMAKE_CURRENT_LIST_DIR}/spread_test.cpp LINKS muster_state_core muster_map_view)
