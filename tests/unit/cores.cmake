muster_test(cores_test SOURCES ${CMAKE_CURRENT_LIST_DIR}/cores_test.cpp roles_test.cpp health_test.cpp raft_core_test.cpp write_rules_test.cpp digests_test.cpp
  LINKS muster_raft_core muster_roles_core muster_health_core muster_instances_core muster_scheduler_core muster_link_core)
