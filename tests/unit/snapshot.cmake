muster_test(snapshot_test SOURCES ${CMAKE_CURRENT_LIST_DIR}/snapshot_test.cpp LINKS muster_snapshots)
