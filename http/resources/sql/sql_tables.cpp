#include "http/resources/sql/sql_tables.hpp"

#include "actors/state/commands/groups.hpp"

#include <algorithm>
#include <sqlite3.h>

namespace muster::http {

namespace {

constexpr const char* schema = R"(
CREATE TABLE nodes (id INTEGER PRIMARY KEY, name TEXT, description TEXT, address TEXT, schema INTEGER, api_extensions INTEGER, heartbeat DATETIME, state INTEGER, arch TEXT, failure_domain TEXT);
CREATE TABLE nodes_config (node_id INTEGER, key TEXT, value TEXT);
CREATE TABLE nodes_roles (node_id INTEGER, role TEXT);
CREATE TABLE cluster_groups (id INTEGER PRIMARY KEY, name TEXT, description TEXT);
CREATE TABLE nodes_cluster_groups (node_id INTEGER, group_id INTEGER);
CREATE TABLE raft_nodes (id INTEGER PRIMARY KEY, address TEXT, role INTEGER, name TEXT);
CREATE TABLE certificates (id INTEGER PRIMARY KEY, fingerprint TEXT, type INTEGER, name TEXT, certificate TEXT, restricted INTEGER, description TEXT);
CREATE TABLE config (id INTEGER PRIMARY KEY, key TEXT, value TEXT);
CREATE TABLE projects (id INTEGER PRIMARY KEY, name TEXT, description TEXT);
CREATE TABLE profiles (id INTEGER PRIMARY KEY, name TEXT, description TEXT, project_id INTEGER);
CREATE TABLE images (id INTEGER PRIMARY KEY, fingerprint TEXT, filename TEXT, size INTEGER, public INTEGER, architecture TEXT, creation_date INTEGER, expiry_date INTEGER, upload_date INTEGER, cached INTEGER, auto_update INTEGER, project_id INTEGER, type TEXT);
CREATE TABLE images_nodes (id INTEGER PRIMARY KEY, image_id INTEGER, node_id INTEGER);
CREATE TABLE instances (id INTEGER PRIMARY KEY, node_id INTEGER, name TEXT, architecture TEXT, type TEXT, ephemeral INTEGER, creation_date INTEGER, stateful INTEGER, last_use_date INTEGER, description TEXT, project_id INTEGER);
CREATE TABLE instances_config (instance_id INTEGER, key TEXT, value TEXT);
CREATE TABLE storage_pools (id INTEGER PRIMARY KEY, name TEXT, driver TEXT, description TEXT, state INTEGER);
CREATE TABLE storage_pools_nodes (id INTEGER PRIMARY KEY, storage_pool_id INTEGER, node_id INTEGER, state INTEGER);
CREATE TABLE networks (id INTEGER PRIMARY KEY, project_id INTEGER, name TEXT, description TEXT, state INTEGER, type TEXT);
CREATE TABLE networks_nodes (id INTEGER PRIMARY KEY, network_id INTEGER, node_id INTEGER, state INTEGER);
)";

struct filling {
  sqlite3* db;
  bool fits = true;
};

void execute(filling& f, const char* text) {
  f.fits = sqlite3_exec(f.db, text, nullptr, nullptr, nullptr) == SQLITE_OK && f.fits;
}

/// Adds rows to one table; counts them for ids that the state has no number for.
class adder {
public:
  adder(filling& f, const char* insert) : filling_(f) {
    note(sqlite3_prepare_v2(f.db, insert, -1, &insert_, nullptr));
  }
  ~adder() { sqlite3_finalize(insert_); }
  adder(const adder&) = delete;
  adder& operator=(const adder&) = delete;

  template <class... Values>
  void add(const Values&... values) {
    int column = 0;
    (bind(++column, values), ...);
    note(sqlite3_step(insert_));
    sqlite3_reset(insert_);
    ++count_;
  }
  [[nodiscard]] std::uint64_t next() const { return count_ + 1; }

private:
  void note(int code) {
    filling_.fits = filling_.fits && (code == SQLITE_OK || code == SQLITE_DONE);
  }
  void bind(int column, const std::string& text) {
    note(sqlite3_bind_text(insert_, column, text.data(), static_cast<int>(text.size()),
                           SQLITE_TRANSIENT));
  }
  void bind(int column, std::uint64_t n) {
    note(sqlite3_bind_int64(insert_, column, static_cast<sqlite3_int64>(n)));
  }
  filling& filling_;
  sqlite3_stmt* insert_ = nullptr;
  std::uint64_t count_ = 0;
};

std::uint64_t number(bool b) { return b ? 1 : 0; }
std::uint64_t seconds(std::uint64_t ms) { return ms / 1000; }

void fill_members(filling& db, const sql_source& from) {
  adder nodes(db, "INSERT INTO nodes VALUES (?, ?, ?, ?, 1, 1, CURRENT_TIMESTAMP, ?, ?, ?)");
  adder config(db, "INSERT INTO nodes_config VALUES (?, ?, ?)");
  adder roles(db, "INSERT INTO nodes_roles VALUES (?, ?)");
  adder groups(db, "INSERT INTO cluster_groups VALUES (?, ?, ?)");
  adder places(db, "INSERT INTO nodes_cluster_groups VALUES (?, ?)");
  adder raft(db, "INSERT INTO raft_nodes VALUES (?, ?, ?, ?)");
  const auto all_groups = state::all_groups(from.state);
  for (const auto& g : all_groups) groups.add(g.head.id.value, g.name, g.description);
  const auto in = [](const std::vector<member_id>& all, member_id id) {
    return std::find(all.begin(), all.end(), id) != all.end();
  };
  for (const auto& m : from.state.all<member>()) {
    const auto id = m.head.id.value;
    // Incus counts: created 0, pending 1, evacuated 2, evacuating 3, restoring 4.
    const auto state = static_cast<std::uint64_t>(m.state);
    nodes.add(id, m.name, m.description, m.address, state ? state + 1 : 0, m.architecture,
              m.failure_domain);
    for (const auto& [key, value] : m.config) config.add(id, key, value);
    for (const auto& role : m.roles) roles.add(id, role);
    for (const auto& g : all_groups)
      if (state::is_in_group(m, g.name)) places.add(id, g.head.id.value);
    const bool votes = in(from.members.voters, m.id());
    if (votes || in(from.members.standbys, m.id()) || in(from.members.spares, m.id()))
      raft.add(id, m.address,
               votes ? std::uint64_t{0} : 2 - number(in(from.members.standbys, m.id())), m.name);
  }
}

void fill_certificates(filling& db, const sql_source& from) {
  adder rows(db, "INSERT INTO certificates VALUES (?, ?, ?, ?, ?, ?, ?)");
  for (const auto& m : from.state.all<member>())
    rows.add(rows.next(), m.fingerprint, std::uint64_t{2}, m.name, m.certificate, std::uint64_t{0},
             std::string{});
  for (const auto& c : from.state.all<certificate>())
    rows.add(rows.next(), c.fingerprint, std::uint64_t{c.type == "metrics" ? 3U : 1U}, c.name,
             c.pem, number(c.restricted), c.description);
}

void fill_config(filling& db, const sql_source& from, sql_database which) {
  adder rows(db, "INSERT INTO config VALUES (?, ?, ?)");
  const auto own = from.state.row<member>({}, {from.self.value}).value_or(member{});
  const auto config = which == sql_database::local
                          ? own.own_config
                          : from.state.only<server_config>().value_or(server_config{}).config;
  for (const auto& [key, value] : config) rows.add(rows.next(), key, value);
}

void fill_images(filling& db, const state_view& s) {
  adder rows(db, "INSERT INTO images VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)");
  adder places(db, "INSERT INTO images_nodes VALUES (?, ?, ?)");
  for (const auto& i : s.all<image>()) {
    rows.add(i.head.id.value, i.fingerprint, i.filename, i.size_bytes, number(i.is_public),
             i.architecture, seconds(i.made_ms), seconds(i.expires_ms), seconds(i.head.created_ms),
             number(i.cached), number(i.auto_update), i.head.project.value, i.type);
    for (const auto at : i.locations) places.add(places.next(), i.head.id.value, at.value);
  }
}

void fill_projects(filling& db, const state_view& s) {
  adder projects(db, "INSERT INTO projects VALUES (?, ?, ?)");
  for (const auto& p : s.all<project>()) projects.add(p.head.id.value, p.name, p.description);
  adder profiles(db, "INSERT INTO profiles VALUES (?, ?, ?, ?)");
  for (const auto& p : s.all<profile>())
    profiles.add(p.head.id.value, p.name, p.description, p.head.project.value);
  adder instances(db, "INSERT INTO instances VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)");
  adder config(db, "INSERT INTO instances_config VALUES (?, ?, ?)");
  for (const auto& i : s.all<instance>()) {
    instances.add(i.head.id.value, i.owner.value, i.name, i.architecture, i.type,
                  number(i.ephemeral), seconds(i.head.created_ms), number(i.stateful),
                  seconds(i.last_used_ms), i.description, i.head.project.value);
    for (const auto& [key, value] : i.config) config.add(i.head.id.value, key, value);
  }
}

/// Incus counts: pending 0, created 1, errored 2; a part of a member is created or is not.
std::uint64_t state_of(const spread& s) {
  if (s.is_pending) return 0;
  const bool errs = std::any_of(s.parts.begin(), s.parts.end(), [](const auto& p) {
    return p.second.state == part_state::errored;
  });
  return errs ? 2 : 1;
}

/// A pool that wants nothing of its members is on all of them.
void fill_places(adder& rows, const state_view& s, object_id id, const spread& across) {
  for (const auto& [where, p] : across.parts)
    rows.add(rows.next(), id.value, where.value, number(p.state == part_state::created));
  if (!across.parts.empty() || across.is_pending) return;
  for (const auto& m : s.all<member>())
    rows.add(rows.next(), id.value, m.head.id.value, std::uint64_t{1});
}

void fill_spreads(filling& db, const state_view& s) {
  adder pools(db, "INSERT INTO storage_pools VALUES (?, ?, ?, ?, ?)");
  adder pool_places(db, "INSERT INTO storage_pools_nodes VALUES (?, ?, ?, ?)");
  for (const auto& p : s.all<storage_pool>()) {
    pools.add(p.head.id.value, p.name, p.driver, p.description, state_of(p.across));
    fill_places(pool_places, s, p.head.id, p.across);
  }
  adder networks(db, "INSERT INTO networks VALUES (?, ?, ?, ?, ?, ?)");
  adder network_places(db, "INSERT INTO networks_nodes VALUES (?, ?, ?, ?)");
  for (const auto& n : s.all<network>()) {
    networks.add(n.head.id.value, n.head.project.value, n.name, n.description, state_of(n.across),
                 n.type);
    fill_places(network_places, s, n.head.id, n.across);
  }
}

}  // namespace

std::string sql_schema() { return schema; }

bool fill_tables(sqlite3* db, const sql_source& from, sql_database which) {
  filling f{db};
  execute(f, schema);
  execute(f, "BEGIN");
  fill_members(f, from);
  fill_certificates(f, from);
  fill_config(f, from, which);
  fill_images(f, from.state);
  fill_projects(f, from.state);
  fill_spreads(f, from.state);
  execute(f, "COMMIT");
  return f.fits;
}

}  // namespace muster::http
