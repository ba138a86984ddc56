#pragma once
#include "schemas/basic/strong.hpp"

#include <map>
#include <set>
#include <string>
#include <vector>

/// Decides on how many members, and on which, the file of each image lies. Pure: the leader's
/// replicator asks, and asks again later.
namespace muster::images {

struct place {
  member_id id;
  std::string failure_domain;
  bool is_online = false;
  bool operator==(const place&) const = default;
};

/// An image file, whatever projects have it.
struct held_image {
  std::string fingerprint;
  std::set<member_id> holders;   ///< members whose copy was checked
  std::set<member_id> users;     ///< members with instances of it
  std::set<member_id> barred{};  ///< members that could not get it a moment ago
};

/// One member gets the file, from the first of these that gives it: a member that is still getting
/// it passes on what it has.
struct copy {
  std::string fingerprint;
  member_id to;
  std::vector<member_id> sources;
  bool operator==(const copy&) const = default;
};

/// One member drops its copy.
struct trim {
  std::string fingerprint;
  member_id at;
  bool operator==(const trim&) const = default;
};

/// Fewer copies than are wanted, and nothing that can be done now.
struct shortage {
  std::string fingerprint;
  std::size_t wanted = 0;
  std::size_t here = 0;
  std::vector<member_id> away;  ///< members that are off and have it
  bool operator==(const shortage&) const = default;
};

struct image_plan {
  std::vector<copy> copies;
  std::vector<trim> trims;
  std::vector<shortage> shortages;
};

/// On its way: who gets which file.
using under_way = std::map<std::string, std::vector<member_id>>;

/// How many copies there should be among so many members. @param replicas -1: on all
std::size_t copies_wanted(int replicas, std::size_t members);

/// Rules: so many copies as are wanted lie on members that are online, as far as there are such
/// that can get it; each on a member of a failure domain with as few copies as can be; which member
/// of it, depends on the fingerprint, so that files spread evenly. Copies of members that are off
/// count for nothing and are not touched. What is more than wanted goes, but not where instances of
/// the image are, and not while a copy is on its way.
image_plan plan_images(const std::vector<held_image>& images, const std::vector<place>& members,
                       const under_way& coming, int replicas);

}  // namespace muster::images
