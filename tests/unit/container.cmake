muster_test(container_test SOURCES ${CMAKE_CURRENT_LIST_DIR}/container_test.cpp LINKS muster_container_files)
