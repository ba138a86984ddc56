#pragma once
#include "actors/state/apply.hpp"
#include "storage/rows/map_view.hpp"

#include <boost/test/unit_test.hpp>

/// A replicated state in memory, for tests of what commands do.
namespace muster {

/// A state and the log that made it.
struct world {
  storage::map_view state;
  std::uint64_t index = 0;
  std::uint64_t now_ms = 1000;
  std::uint64_t digest = 0;
  row_changes last;
  std::vector<event> events;

  outcome apply(command_body body, request_id id = {}) {
    state::transaction tx(state, digest);
    tx.begin({++index}, now_ms);
    auto done = state::apply(tx, {id, {"root", "unix", "@"}, {}, std::move(body)});
    digest = tx.digest();
    last = tx.changes();
    events = tx.events();
    state.write(last, {index});
    return done;
  }
  outcome own(std::uint64_t sequence, command_body body, std::uint64_t started = 1) {
    return apply(std::move(body), {{1}, {started}, sequence});
  }
};

inline member named(const std::string& name, const std::string& print) {
  member m;
  m.name = name;
  m.address = name + ":8443";
  m.fingerprint = print;
  return m;
}

inline world cluster_of_one() {
  world w;
  bootstrap b;
  b.uuid = "u";
  b.first = named("n1", "f1");
  b.enabled = true;
  BOOST_REQUIRE(w.apply(b).done);
  return w;
}

inline profile a_profile(const world& w, const std::string& name) {
  profile p;
  p.head.project = {w.state.by_name<project>({}, "default")->head.id.value};
  p.name = name;
  return p;
}

inline token join_token_for(const std::string& name, const std::string& hash) {
  token t;
  t.uuid = "uuid-" + hash;
  t.name = name;
  t.secret_hash = hash;
  return t;
}

inline instance an_instance(const world& w, const std::string& name) {
  instance i;
  i.head.project = a_profile(w, "x").head.project;
  i.name = name;
  i.owner = {1};
  return i;
}

}  // namespace muster
