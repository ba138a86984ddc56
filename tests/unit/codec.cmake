muster_test(codec_test SOURCES ${CMAKE_CURRENT_LIST_DIR}/codec_test.cpp LINKS muster_codec)
target_compile_definitions(codec_test PRIVATE MUSTER_GOLDEN="${CMAKE_CURRENT_LIST_DIR}/golden/rows.txt")
