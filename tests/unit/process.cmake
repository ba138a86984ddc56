muster_test(process_test SOURCES ${CMAKE_CURRENT_LIST_DIR}/process_test.cpp LINKS muster_process)
