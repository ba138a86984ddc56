#pragma once
#include "http/config/keys.hpp"
#include "schemas/spread.hpp"

#include <functional>

/// The configuration keys of pools and networks. Pure.
namespace muster::http {

/// What one kind of row is called in texts and paths.
struct spread_noun {
  table where;
  const char* path;     ///< "/1.0/storage-pools"
  const char* noun;     ///< "storage pool"
  const char* title;    ///< "Storage pool", as 404 begins
  const char* pending;  ///< "Pool", as texts about pending definitions begin
  errc misplaced;       ///< code of a key that is given in the wrong place
};
extern const spread_noun pool_noun;
extern const spread_noun network_noun;

/// One table a driver of pools, and a type of networks.
const std::vector<key_table>& spread_keys();
/// @errors errc::bad_request for drivers and types that are not there.
status check_kind(const spread_noun& n, const std::string& kind);
/// @errors errc::bad_request for unknown keys and bad values.
status check_keys(const spread_noun& n, const std::string& kind, const std::string& name,
                  const string_map& config);
/// Fills in what a new bridge has without being asked. `chance` gives any number.
void fill_defaults(const state_view& state, const std::string& kind, string_map& config,
                   const std::function<std::uint64_t()>& chance);

}  // namespace muster::http
