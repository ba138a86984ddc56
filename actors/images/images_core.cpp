#include "actors/images/images_core.hpp"

#include <algorithm>
#include <cstdint>
#include <tuple>

namespace muster::images {

namespace {

/// Where a file would rather lie: another order of members for each file (FNV-1a).
std::uint64_t rank_of(const std::string& fingerprint, member_id id) {
  std::uint64_t sum = 14695981039346656037ULL;
  const auto take = [&sum](unsigned char byte) { sum = (sum ^ byte) * 1099511628211ULL; };
  for (const char c : fingerprint) take(static_cast<unsigned char>(c));
  for (int i = 0; i < 8; ++i) take(static_cast<unsigned char>(id.value >> (8 * i)));
  return sum;
}

/// One file among the members, as it will be.
class spreading {
public:
  spreading(const held_image& image, const std::vector<place>& members,
            const std::vector<member_id>& coming)
      : image_(image), members_(members), coming_(coming) {
    for (const auto& m : members_) {
      const bool has = image_.holders.contains(m.id);
      if (has && m.is_online) here_.insert(m.id);
      if (has && !m.is_online) away_.push_back(m.id);
      if (has || is_coming(m.id)) ++copies_of_[m.failure_domain];
    }
    for (const auto id : coming_)
      if (is_online(id) && !here_.contains(id)) chain_.push_back(id);
  }

  void plan(std::size_t wanted, image_plan& into) {
    while (!here_.empty() && here_.size() + chain_.size() < wanted && add(into)) {
    }
    if (here_.size() + chain_.size() < wanted)
      into.shortages.push_back({image_.fingerprint, wanted, here_.size() + chain_.size(), away_});
    if (chain_.empty())
      while (here_.size() > wanted && drop(into)) {
      }
  }

private:
  [[nodiscard]] bool is_coming(member_id id) const {
    return std::find(coming_.begin(), coming_.end(), id) != coming_.end();
  }
  [[nodiscard]] bool is_online(member_id id) const {
    return std::any_of(members_.begin(), members_.end(),
                       [&](const place& m) { return m.id == id && m.is_online; });
  }

  bool add(image_plan& into) {
    const place* best = nullptr;
    const auto key = [&](const place& m) {
      return std::tuple(copies_of_[m.failure_domain], rank_of(image_.fingerprint, m.id), m.id);
    };
    for (const auto& m : members_) {
      const bool may = m.is_online && !here_.contains(m.id) && !image_.barred.contains(m.id) &&
                       std::find(chain_.begin(), chain_.end(), m.id) == chain_.end();
      if (may && (!best || key(m) < key(*best))) best = &m;
    }
    if (!best) return false;
    // From whoever gets it before, so that a holder sends it once.
    std::vector<member_id> sources(chain_.rbegin(), chain_.rend());
    std::vector<member_id> holders(here_.begin(), here_.end());
    std::sort(holders.begin(), holders.end(), [&](member_id a, member_id b) {
      return rank_of(image_.fingerprint, a) < rank_of(image_.fingerprint, b);
    });
    sources.insert(sources.end(), holders.begin(), holders.end());
    into.copies.push_back({image_.fingerprint, best->id, std::move(sources)});
    chain_.push_back(best->id);
    ++copies_of_[best->failure_domain];
    return true;
  }

  bool drop(image_plan& into) {
    const place* worst = nullptr;
    const auto key = [&](const place& m) {
      return std::tuple(copies_of_[m.failure_domain], rank_of(image_.fingerprint, m.id), m.id);
    };
    for (const auto& m : members_)
      if (here_.contains(m.id) && !image_.users.contains(m.id) && (!worst || key(*worst) < key(m)))
        worst = &m;
    if (!worst) return false;
    into.trims.push_back({image_.fingerprint, worst->id});
    here_.erase(worst->id);
    --copies_of_[worst->failure_domain];
    return true;
  }

  const held_image& image_;
  const std::vector<place>& members_;
  const std::vector<member_id>& coming_;
  std::set<member_id> here_;                      ///< online, with a copy
  std::vector<member_id> away_;                   ///< with a copy, and off
  std::vector<member_id> chain_;                  ///< online, getting it, in the order they get it
  std::map<std::string, std::size_t> copies_of_;  ///< by failure domain
};

}  // namespace

std::size_t copies_wanted(int replicas, std::size_t members) {
  return replicas < 0 ? members : std::min(static_cast<std::size_t>(replicas), members);
}

image_plan plan_images(const std::vector<held_image>& images, const std::vector<place>& members,
                       const under_way& coming, int replicas) {
  image_plan all;
  const std::vector<member_id> nobody;
  const auto wanted = copies_wanted(replicas, members.size());
  for (const auto& image : images) {
    const auto at = coming.find(image.fingerprint);
    spreading(image, members, at == coming.end() ? nobody : at->second).plan(wanted, all);
  }
  return all;
}

}  // namespace muster::images
