muster_test(storage_test SOURCES ${CMAKE_CURRENT_LIST_DIR}/storage_test.cpp log_test.cpp LINKS muster_storage)
muster_test(image_test SOURCES ${CMAKE_CURRENT_LIST_DIR}/image_test.cpp LINKS muster_image_files)
muster_test(state_view_test SOURCES ${CMAKE_CURRENT_LIST_DIR}/state_view_test.cpp LINKS muster_storage muster_map_view)
