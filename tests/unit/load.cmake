muster_test(load_test SOURCES ${CMAKE_CURRENT_LIST_DIR}/load_test.cpp LINKS muster_load)
