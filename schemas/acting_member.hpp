#pragma once
#include "schemas/state_view.hpp"

#include <memory>
#include <string>

namespace muster {

/// What a server acts on as a member of its cluster: who it is and one view of the records, which
/// holds its own row. A server that has none touches nothing that lies on its disk.
struct acting_member {
  member_id self;
  std::string cluster;  ///< uuid
  std::unique_ptr<state_view> view;
};

}  // namespace muster
