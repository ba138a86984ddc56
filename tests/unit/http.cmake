muster_test(http_test SOURCES ${CMAKE_CURRENT_LIST_DIR}/http_test.cpp ${CMAKE_CURRENT_LIST_DIR}/server_keys_test.cpp ${CMAKE_CURRENT_LIST_DIR}/door_test.cpp ${CMAKE_CURRENT_LIST_DIR}/keys_test.cpp LINKS muster_http_server muster_http)
target_compile_definitions(http_test PRIVATE MUSTER_NO_EFFECT="${CMAKE_SOURCE_DIR}/docs/no-effect-yet.md"
  MUSTER_API_TEXT="${CMAKE_SOURCE_DIR}/docs/api.md")
