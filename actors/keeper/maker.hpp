#pragma once
#include "schemas/basic/result.hpp"
#include "schemas/records.hpp"

#include <optional>
#include <string>

/// What makes pools and networks on this server. Each call blocks and can be repeated.
namespace muster::keeper {

struct wish {
  std::string data_dir;
  std::string name;
  string_map config;                 ///< of all members and of this one, together
  std::optional<string_map> before;  ///< as it was made last
  bool was_made = false;             ///< the records say so: nothing is begun anew
  [[nodiscard]] std::string value(const std::string& key, const std::string& otherwise = {}) const {
    const auto at = config.find(key);
    return at == config.end() || at->second.empty() ? otherwise : at->second;
  }
};

/// Makes, or makes sure of, or changes. Gives the member's keys that were chosen here.
using make_function = result<string_map> (*)(const wish&);
using remove_function = status (*)(const wish&);

result<string_map> make_dir_pool(const wish& w);
status remove_dir_pool(const wish& w);
result<string_map> make_btrfs_pool(const wish& w);
status remove_btrfs_pool(const wish& w);
result<string_map> make_bridge(const wish& w);
status remove_bridge(const wish& w);
/// physical and macvlan: the parent must be there.
result<string_map> check_parent(const wish& w);
status leave_parent(const wish& w);

}  // namespace muster::keeper
