muster_test(state_test SOURCES ${CMAKE_CURRENT_LIST_DIR}/state_test.cpp
  ${CMAKE_CURRENT_LIST_DIR}/members_state_test.cpp ${CMAKE_CURRENT_LIST_DIR}/projects_state_test.cpp ${CMAKE_CURRENT_LIST_DIR}/restrictions_test.cpp LINKS muster_state_core muster_map_view muster_storage)
