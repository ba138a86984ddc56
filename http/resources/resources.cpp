#include "http/resources/resources.hpp"

namespace muster::http {

void add_resources(api& a) {
  constexpr void (*all[])(router&, api&){add_server_routes,
                                         add_metric_routes,
                                         add_warning_routes,
                                         add_certificate_routes,
                                         add_cluster_routes,
                                         add_member_routes,
                                         add_member_state_routes,
                                         add_group_routes,
                                         add_removal_routes,
                                         add_raft_node_routes,
                                         add_cluster_certificate_routes,
                                         add_project_routes,
                                         add_profile_routes,
                                         add_image_alias_routes,
                                         add_image_routes,
                                         add_image_import_routes,
                                         add_image_copy_routes,
                                         add_instance_routes,
                                         add_placement_routes,
                                         add_instance_state_routes,
                                         add_exec_routes,
                                         add_operation_routes,
                                         add_spread_routes,
                                         add_network_state_routes,
                                         add_sql_routes,
                                         add_internal_routes};
  for (const auto add : all) add(a.routes(), a);
  a.routes().check_whole();
}

}  // namespace muster::http
