#pragma once
#include "http/routing/api.hpp"

namespace muster::http {

/// The member that an instance goes to: the one that the request names, or the one that the
/// leader's scheduler chooses. Blocks. @errors errc::forbidden, errc::not_found, errc::unavailable
/// with what each member was rejected by
result<member> choose_member(api& a, const state_view& s, const request& r, const instance& what);
/// Whether the member has made its part of the pool of the root disk.
status check_pool_on(const state_view& s, const instance& i, member_id on);

}  // namespace muster::http
