add_test(NAME house_test COMMAND python3 ${CMAKE_SOURCE_DIR}/tests/unit/house_test.py)
