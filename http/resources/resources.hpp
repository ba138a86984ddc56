#pragma once
#include "http/routing/api.hpp"

namespace muster::http {

/// Each gives the routes of its file to the router.
void add_server_routes(router& routes, api& a);
void add_metric_routes(router& routes, api& a);
void add_warning_routes(router& routes, api& a);
void add_certificate_routes(router& routes, api& a);
void add_cluster_routes(router& routes, api& a);
void add_member_routes(router& routes, api& a);
void add_member_state_routes(router& routes, api& a);
void add_group_routes(router& routes, api& a);
void add_removal_routes(router& routes, api& a);
void add_raft_node_routes(router& routes, api& a);
void add_cluster_certificate_routes(router& routes, api& a);
void add_project_routes(router& routes, api& a);
void add_profile_routes(router& routes, api& a);
void add_image_routes(router& routes, api& a);
void add_image_alias_routes(router& routes, api& a);
void add_image_import_routes(router& routes, api& a);
void add_image_copy_routes(router& routes, api& a);
void add_instance_routes(router& routes, api& a);
void add_placement_routes(router& routes, api& a);
void add_instance_state_routes(router& routes, api& a);
void add_exec_routes(router& routes, api& a);
void add_operation_routes(router& routes, api& a);
void add_spread_routes(router& routes, api& a);
void add_network_state_routes(router& routes, api& a);
void add_sql_routes(router& routes, api& a);
void add_internal_routes(router& routes, api& a);

/// All of them. Ends the process if an endpoint of the table has no handler.
void add_resources(api& a);

}  // namespace muster::http
