muster_test(spread_test SOURCES ${CMAKE_CURRENT_LIST_DIR}/spread_test.cpp keeper_test.cpp wishes_test.cpp addresses_test.cpp net_addresses_test.cpp
  LINKS muster_state_core muster_keeper_core muster_map_view muster_http)
