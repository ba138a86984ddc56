muster_test(http_test SOURCES ${CMAKE_CURRENT_LIST_DIR}/http_test.cpp LINKS muster_http_front muster_node)
