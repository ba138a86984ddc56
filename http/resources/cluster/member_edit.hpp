#pragma once
#include "http/message/json_reader.hpp"
#include "schemas/records.hpp"

namespace muster::http {

/// What a PUT (all fields) or PATCH (some) makes of a member. @param automatic roles it has from
/// the configuration of the log; users neither give nor take them.
/// @errors errc::bad_request with Incus's text.
result<member> edited_member(member m, const json_object& body, bool is_put,
                             const std::vector<std::string>& automatic);

/// The same for a group, whose members are another matter.
result<cluster_group> edited_group(cluster_group g, const json_object& body, bool is_put);

}  // namespace muster::http
