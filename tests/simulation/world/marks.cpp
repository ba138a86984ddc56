#include "tests/simulation/world/marks.hpp"

namespace muster::simulation {

namespace {

constexpr std::array<const char*, mark_count> names{
    "message lost",
    "message twice",
    "message overtaken",
    "message minutes late",
    "partition",
    "partition one way",
    "crash before sends",
    "crash before write",
    "crash in write",
    "crash before replies",
    "crash before durable told",
    "crash before apply",
    "crash before flush",
    "crash before cut",
    "crash before install",
    "crash before install told",
    "power cut",
    "tail lost",
    "write whole, untold",
    "write torn",
    "byte flipped",
    "row changed",
    "disk full",
    "disk slow",
    "clock skewed",
    "clock jumped",
    "paused",
    "member joined",
    "member replaced",
    "random members asked",
    "pre-vote refused",
    "vote held back",
    "vote refused",
    "vote given again",
    "candidate again",
    "leader without quorum left",
    "leader not voter left",
    "leader deposed",
    "lost link: campaigned",
    "lost link: waited",
    "sole voter led",
    "transfer told",
    "transfer campaigned",
    "log truncated",
    "log begun anew",
    "snapshot offered",
    "snapshot kept tail",
    "snapshot came late",
    "append refused",
    "append of stale leader",
    "append all committed",
    "heartbeat of stale leader",
    "durable overwritten",
    "old term's entry waits",
    "start finds newer state",
    "joint entered",
    "joint left",
    "joint left by another leader",
    "members cut off",
    "voter swapped",
    "refused: not caught up",
    "refused: change in flight",
    "refused: too early in the term",
    "refused: uncommitted bytes",
    "refused: handing over",
    "read forwarded",
    "read refused by leader",
    "read waits for the term's commit",
    "read waits for apply",
    "request repeated",
    "request of an older start",
    "member condemned",
    "leader condemned",
    "condemned at the start",
    "condemned one led",
    "wrong state replaced",
    "wrong state spread",
    "outcome unknown",
    "progress with the others gone",
    "progress with the others disturbing",
};

}  // namespace

const char* name_of(mark m) { return names[static_cast<std::size_t>(m)]; }

void marks::add(const marks& other) {
  for (std::size_t i = 0; i < mark_count; ++i) hits[i] += other.hits[i];
}

std::vector<std::string> marks::missing() const {
  std::vector<std::string> names_missing;
  for (std::size_t i = 0; i < mark_count; ++i)
    if (hits[i] == 0) names_missing.emplace_back(names[i]);
  return names_missing;
}

}  // namespace muster::simulation
