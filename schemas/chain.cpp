#include "schemas/chain.hpp"

#include <bit>
#define XXH_INLINE_ALL  // short texts: a call costs as much as the hash
#include <xxhash.h>

namespace muster {

namespace {

static_assert(std::endian::native == std::endian::little, "all members read bytes in one order");

constexpr std::uint64_t of_nothing = 0x6d75737465722e31ULL;
constexpr std::uint64_t of_erasing = 0x3a7e91c45bd2860fULL;

/// Takes rows apart. Each record into all of its fields: one that is added later does not compile.
struct fields {
  chain& to;

  void add(std::string_view text) { to.add(text); }
  template <class T>
  requires std::is_integral_v<T> || std::is_enum_v<T>
  void add(T n) { to.add(static_cast<std::uint64_t>(n)); }
  template <class Tag>
  void add(strong<std::uint64_t, Tag> n) {
    to.add(n.value);
  }
  template <class T>
  void add(const std::vector<T>& all) {
    to.add(all.size());
    for (const auto& one : all) add(one);
  }
  template <class T>
  void add(const std::map<std::string, T>& all) {
    to.add(all.size());
    for (const auto& [key, value] : all) {
      add(std::string_view(key));
      add(value);
    }
  }
  void add(const std::map<member_id, part>& all) {
    to.add(all.size());
    for (const auto& [id, p] : all) {
      add(id);
      add(p);
    }
  }
  void add(const part& p) {
    const auto& [config, state, reason, version] = p;
    add_all(config, state, reason, version);
  }
  void add(const spread& s) {
    const auto& [is_pending, version, parts] = s;
    add_all(is_pending, version, parts);
  }
  void add(const row_key& k) { add_all(k.where, k.project, k.id); }
  void add(const failure& f) {
    add(f.code);
    to.add(f.detail);
  }

  template <class... Fields>
  void add_all(const Fields&... all) {
    (add(all), ...);
  }

  void add(const record_head& r) {
    const auto& [id, project, created, modified, created_ms, modified_ms] = r;
    to.add(id.value, project.value);
    to.add(created.value, modified.value);
    to.add(created_ms, modified_ms);
  }
  void add(const outcome& r) {
    const auto& [done, why, id, detail] = r;
    add_all(done, why, id, detail);
  }
  void add(const requestor& r) {
    const auto& [username, protocol, address] = r;
    add_all(username, protocol, address);
  }
  void add(const counters& r) {
    const auto& [head, object, member, event] = r;
    add_all(head, object, member, event);
  }
  void add(const cluster& r) {
    const auto& [head, uuid, enabled, certificate, level, counter, random, fingerprint] = r;
    add_all(head, uuid, enabled, certificate, level, counter, random, fingerprint);
  }
  void add(const server_config& r) {
    const auto& [head, config] = r;
    add_all(head, config);
  }
  void add(const member& r) {
    const auto& [head, name, address, certificate, fingerprint, architecture, description, domain,
                 config, groups, roles, state, secret, own] = r;
    add_all(head, name, address, certificate, fingerprint, architecture, description, domain,
            config, groups, roles, state, secret, own);
  }
  void add(const certificate& r) {
    const auto& [head, fingerprint, type, name, pem, description, restricted, projects] = r;
    add_all(head, fingerprint, type, name, pem, description, restricted, projects);
  }
  void add(const token& r) {
    const auto& [head, kind, uuid, name, hash, sealed, addresses, fingerprint, expires, claimed,
                 restricted, projects, location, replaces] = r;
    add_all(head, kind, uuid, name, hash, sealed, addresses, fingerprint, expires, claimed,
            restricted, projects, location, replaces);
  }
  void add(const project& r) {
    const auto& [head, name, description, config] = r;
    add_all(head, name, description, config);
  }
  void add(const profile& r) {
    const auto& [head, name, description, config, devices] = r;
    add_all(head, name, description, config, devices);
  }
  void add(const storage_pool& r) {
    const auto& [head, name, driver, description, config, across] = r;
    add_all(head, name, driver, description, config, across);
  }
  void add(const network& r) {
    const auto& [head, name, type, description, config, across] = r;
    add_all(head, name, type, description, config, across);
  }
  void add(const image& r) {
    const auto& [head, fingerprint, filename, architecture, type, size, is_public, update, cached,
                 properties, profiles, made, expires, locations] = r;
    add_all(head, fingerprint, filename, architecture, type, size, is_public, update, cached,
            properties, profiles, made, expires, locations);
  }
  void add(const image_alias& r) {
    const auto& [head, name, description, target] = r;
    add_all(head, name, description, target);
  }
  void add(const instance& r) {
    const auto& [head, name, uuid, architecture, type, description, image, config, devices,
                 profiles, ephemeral, stateful, owner, generation, wanted, status, used,
                 operation] = r;
    add_all(head, name, uuid, architecture, type, description, image, config, devices, profiles,
            ephemeral, stateful, owner, generation, wanted, status, used, operation);
  }
  void add(const proposer& r) {
    const auto& [head, current, low, high] = r;
    add_all(head, current, low, high);
  }
  void add(const seen_request& r) {
    const auto& [head, sequence, result] = r;
    add_all(head, sequence, result);
  }
  void add(const cluster_group& r) {
    const auto& [head, name, description, config] = r;
    add_all(head, name, description, config);
  }
  void add(const removed_member& r) {
    const auto& [head, fingerprint, name, address, forced, by] = r;
    add_all(head, fingerprint, name, address, forced, by);
  }
  void add(const event& r) {
    const auto& [head, number, action, source, name, project, context, who, by] = r;
    add_all(head, number, action, source, name, project, context, who, by);
  }
  void add(const member_standing& r) {
    const auto& [head, is_offline, silent_since, role, reason, since, level] = r;
    add_all(head, is_offline, silent_since, role, reason, since, level);
  }
  void add(const warning& r) {
    const auto& [head, uuid, type, location, about, message, weight, status, count, seen] = r;
    add_all(head, uuid, type, location, about, message, weight, status, count, seen);
  }
  void add(const leftover& r) {
    const auto& [head, of, name, on, reason] = r;
    add_all(head, of, name, on, reason);
  }
};

}  // namespace

chain::chain(log_index at, std::uint64_t so_far)
    : digest_(at ? so_far : of_nothing), is_known_(!at || so_far != 0) {}

void chain::add(std::uint64_t n) { digest_ = XXH3_64bits_withSeed(&n, sizeof n, digest_); }

void chain::add(std::uint64_t a, std::uint64_t b) {
  const std::uint64_t both[] = {a, b};
  digest_ = XXH3_64bits_withSeed(both, sizeof both, digest_);
}

/// The length counts, so that no two lists of texts look alike.
void chain::add(std::string_view text) {
  digest_ = XXH3_64bits_withSeed(text.data(), text.size(), digest_);
}

void chain::begin(log_index at) {
  digest_ = value_of_known();
  add(at.value);
}

void chain::put(const object& row) {
  add(std::uint64_t{row.index()});
  std::visit([this](const auto& r) { fields{*this}.add(r); }, row);
}

void chain::erase(const row_key& key) {
  add(of_erasing ^ static_cast<std::uint64_t>(key.where));
  add(key.project.value, key.id.value);
}

}  // namespace muster
