#pragma once
#include "schemas/basic/result.hpp"
#include "schemas/records.hpp"

#include <map>
#include <string>

namespace muster::keeper {

/// A pool or network as it was made here.
struct made {
  std::string cluster;  ///< uuid of the cluster that wanted it
  object row;           ///< of its parts only this member's
};

/// What this member has made: one file each under DIR/made. They say what is here, whatever the
/// state says.
class made_files {
public:
  explicit made_files(const std::string& data_dir);
  [[nodiscard]] const std::map<row_key, made>& all() const { return all_; }
  status keep(const made& what);
  void forget(const row_key& key);

private:
  [[nodiscard]] std::string path_of(const row_key& key) const;

  std::string folder_;
  std::map<row_key, made> all_;
};

}  // namespace muster::keeper
