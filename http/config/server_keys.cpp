#include "http/config/server_keys.hpp"

#include "schemas/basic/limits.hpp"

#include <algorithm>
#include <charconv>

namespace muster::http {

namespace {

using verdict = std::optional<std::string>;  ///< why a value is wrong

/// Gives the value as it is stored, or says what is wrong.
using type = verdict (*)(std::string& value);

struct server_key {
  std::string_view name;
  type check;
  std::string_view takes;
  effect does;
  std::string_view about;
  std::string_view by_default{};
  bool is_own = false;  ///< of one member
};

std::optional<std::int64_t> number(std::string_view text) {
  std::int64_t n = 0;
  const auto read = std::from_chars(text.data(), text.data() + text.size(), n);
  if (text.empty() || read.ec != std::errc{} || read.ptr != text.data() + text.size())
    return std::nullopt;
  return n;
}

verdict text(std::string&) { return std::nullopt; }

template <std::int64_t least, std::int64_t most>
verdict integer(std::string& value) {
  const auto n = number(value);
  if (!n) return "Invalid value for an integer \"" + value + "\"";
  if (*n < least || *n > most)
    return "Value must be between " + std::to_string(least) + " and " + std::to_string(most);
  return std::nullopt;
}

constexpr std::int64_t any = 1LL << 31;

verdict boolean(std::string& value) {
  std::string low = value;
  for (auto& c : low)
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  const bool yes = low == "true" || low == "1" || low == "yes" || low == "on";
  const bool no = low == "false" || low == "0" || low == "no" || low == "off";
  if (!yes && !no) return "Invalid value for a boolean \"" + value + "\"";
  value = yes ? "true" : "false";
  return std::nullopt;
}

/// Certificates are trusted one by one.
verdict untrusted(std::string& value) {
  if (auto why = boolean(value)) return why;
  if (value == "true") return "certificates of a CA are not supported: add them one by one";
  return std::nullopt;
}

verdict one_of(const std::string& value, std::initializer_list<const char*> all) {
  std::string list;
  for (const auto* one : all) {
    if (value == one) return std::nullopt;
    list += (list.empty() ? "" : " ") + std::string(one);
  }
  return "Invalid value \"" + value + "\" (not one of [" + list + "])";
}

verdict shutdown_action(std::string& v) { return one_of(v, {"shutdown", "evacuate"}); }
verdict host_name(std::string& v) { return one_of(v, {"random", "mac"}); }
verdict compression(std::string& v) {
  return one_of(v, {"bzip2", "gzip", "lz4", "lzma", "xz", "zstd", "none"});
}
verdict architecture(std::string& v) {
  return one_of(v, {"i686", "x86_64", "armv6l", "armv7l", "armv8l", "aarch64", "ppc", "ppc64",
                    "ppc64le", "s390x", "mips", "mips64", "riscv32", "riscv64", "loongarch64"});
}

verdict threshold(std::string& value) {
  const auto n = number(value);
  if (!n) return "Offline threshold is not a number";
  if (*n < 10 || *n > 86400) return "Value must be between 10 and 86400 seconds";
  return std::nullopt;
}

verdict voters(std::string& value) {
  const auto n = number(value);
  if (!n) return "Value is not a number";
  if (*n < 3 || *n > 99 || *n % 2 == 0)
    return "Value must be an odd number equal to or higher than 3";
  return std::nullopt;
}

verdict standbys(std::string& value) {
  const auto n = number(value);
  if (!n) return "Value is not a number";
  if (*n < 0 || *n > 5) return "Value must be between 0 and 5";
  return std::nullopt;
}

verdict replicas(std::string& value) {
  const auto n = number(value);
  if (!n) return "Minimal image replica count is not a number";
  if (*n != -1 && (*n < 1 || *n > static_cast<std::int64_t>(limits::members_max)))
    return "Invalid value for image replica count";
  return std::nullopt;
}

verdict expiry(std::string& value) {
  if (!expiry_ms(value)) return "Invalid expiry expression";
  return std::nullopt;
}

/// HOST[:PORT], [HOST]:PORT, :PORT.
verdict address(std::string& value) {
  const auto colon = value.rfind(':');
  const bool has_port = colon != std::string::npos && value.find(']', colon) == std::string::npos &&
                        (value.starts_with('[') || value.find(':') == colon);
  if (value.find_first_of(" \t/\"'") != std::string::npos ||
      value.size() > limits::address_bytes_max)
    return "Not an address: \"" + value + "\"";
  if (!has_port) return std::nullopt;
  const auto port = number(std::string_view(value).substr(colon + 1));
  if (!port || *port < 1 || *port > 65535) return "Not a port: \"" + value.substr(colon + 1) + "\"";
  return std::nullopt;
}

bool is_ipv4(std::string_view text) {
  int parts = 0;
  while (true) {
    const auto end = std::min(text.find('.'), text.size());
    const auto n = number(text.substr(0, end));
    if (!n || *n < 0 || *n > 255 || end > 3) return false;
    ++parts;
    if (end == text.size()) return parts == 4;
    text.remove_prefix(end + 1);
  }
}

verdict ipv4(std::string& value) {
  if (!is_ipv4(value)) return "Not an IPv4 address \"" + value + "\"";
  return std::nullopt;
}

verdict volume(std::string& value) {
  const auto slash = value.find('/');
  if (slash == 0 || slash == std::string::npos || slash + 1 == value.size() ||
      value.find('/', slash + 1) != std::string::npos)
    return "Invalid syntax for volume, must be <pool>/<volume>";
  return std::nullopt;
}

using enum effect;
constexpr server_key server_table[] = {
    {"backups.compression_algorithm", compression, "string", none, "Compression of backups",
     "gzip"},
    {"cluster.election_timeout", integer<100, 10'000>, "integer", acts,
     "Milliseconds without the leader before members elect another", "300"},
    {"cluster.healing_threshold", integer<0, any>, "integer", none,
     "Seconds offline after which instances of a member are started elsewhere", "0"},
    {"cluster.images_minimal_replica", replicas, "integer", acts,
     "How many members hold each image, -1 for all", "3"},
    {"cluster.join_token_expiry", expiry, "string", acts, "How long a token to join is good", "3H"},
    {"cluster.max_standby", standbys, "integer", acts, "How many members stand by", "2"},
    {"cluster.max_voters", voters, "integer", acts, "How many members vote", "3"},
    {"cluster.offline_threshold", threshold, "integer", acts,
     "Seconds of silence after which a member is offline", "20"},
    {"cluster.rebalance.batch", integer<1, any>, "integer", none, "How many instances move at once",
     "1"},
    {"cluster.rebalance.cooldown", expiry, "string", none,
     "How long an instance stays after a move", "6H"},
    {"cluster.rebalance.interval", integer<0, any>, "integer", none,
     "Minutes between looks for better places, 0 for never", "0"},
    {"cluster.rebalance.threshold", integer<10, 100>, "integer", none,
     "Percent of difference that is worth a move", "20"},
    {"core.bgp_address", address, "string", none, "Where BGP is served", "", true},
    {"core.bgp_asn", integer<0, 4'294'967'294>, "string", none, "Number of the autonomous system",
     "0"},
    {"core.bgp_routerid", ipv4, "string", none, "Router id", "", true},
    {"core.debug_address", address, "string", none, "Where debugging is served", "", true},
    {"core.dns_address", address, "string", none, "Where DNS is served", "", true},
    {"core.https_allowed_credentials", boolean, "bool", acts,
     "Whether pages of other sites may use credentials", "false"},
    {"core.https_allowed_headers", text, "string", acts,
     "Headers that pages of other sites may send", ""},
    {"core.https_allowed_methods", text, "string", acts,
     "Methods that pages of other sites may use", ""},
    {"core.https_allowed_origin", text, "string", acts, "The site whose pages may ask", ""},
    {"core.https_allowed_websocket_origin", text, "string", acts,
     "The site whose pages may open WebSockets", ""},
    {"core.https_trusted_proxy", text, "string", none, "Proxies that name their clients", ""},
    {"core.metrics_address", address, "string", none, "Where metrics alone are served", "", true},
    {"core.metrics_authentication", boolean, "bool", acts, "Whether metrics need a certificate",
     "true"},
    {"core.proxy_http", text, "string", none, "Proxy for HTTP", ""},
    {"core.proxy_https", text, "string", none, "Proxy for HTTPS", ""},
    {"core.proxy_ignore_hosts", text, "string", none, "Hosts that are asked without a proxy", ""},
    {"core.remote_token_expiry", expiry, "string", acts, "How long a token of a client is good",
     ""},
    {"core.shutdown_action", shutdown_action, "string", none,
     "What is done with instances when the server goes down", "shutdown"},
    {"core.shutdown_timeout", integer<0, any>, "integer", none,
     "Minutes that operations have before that", "5"},
    {"core.storage_buckets_address", address, "string", none, "Where storage buckets are served",
     "", true},
    {"core.syslog_socket", boolean, "bool", none, "Whether a socket for syslog is served", "false",
     true},
    {"core.trust_ca_certificates", untrusted, "bool", acts,
     "Whether certificates of a CA are trusted", "false"},
    {"images.auto_update_cached", boolean, "bool", none, "Whether cached images are updated",
     "true"},
    {"images.auto_update_interval", integer<0, any>, "integer", none,
     "Hours between looks for newer images", "6"},
    {"images.compression_algorithm", compression, "string", acts, "Compression of new images",
     "gzip"},
    {"images.default_architecture", architecture, "string", none,
     "Architecture of images when none is named", ""},
    {"images.remote_cache_expiry", integer<0, any>, "integer", none,
     "Days after which an unused cached image goes", "10"},
    {"instances.lxcfs.per_instance", boolean, "bool", none,
     "Whether each instance has an LXCFS of its own", "false"},
    {"instances.nic.host_name", host_name, "string", none, "How interfaces on the server are named",
     "random"},
    {"network.ovs.connection", text, "string", none, "Where Open vSwitch is asked",
     "unix:/run/openvswitch/db.sock", true},
    {"storage.backups_volume", volume, "string", none, "Volume that holds backups", "", true},
    {"storage.images_volume", volume, "string", none, "Volume that holds images", "", true},
    {"storage.linstor.satellite.name", text, "string", none, "Name of the LINSTOR satellite", "",
     true},
    {"storage.logs_volume", volume, "string", none, "Volume that holds logs", "", true}};

const std::vector<server_key>& all_keys() {
  static const std::vector<server_key> all(std::begin(server_table), std::end(server_table));
  return all;
}

std::string wrong(const std::string& key, const std::string& value, const std::string& why) {
  return "cannot set '" + key + "' to '" + value.substr(0, 200) + "': " + why;
}

/// Puts one key into the change, or says what is wrong.
verdict take(const std::string& key, std::string value, config_change& into) {
  if (value.size() > limits::config_value_bytes_max)
    return wrong(key, "…", "the value is too long");
  if (key.starts_with("user.")) {
    into.global[key] = std::move(value);
    return std::nullopt;
  }
  const auto known = std::find_if(all_keys().begin(), all_keys().end(),
                                  [&](const server_key& k) { return k.name == key; });
  if (known == all_keys().end()) return wrong(key, value, "unknown key");
  const auto& k = *known;
  if (!value.empty())
    if (auto why = k.check(value)) return wrong(key, value, *why);
  if (value == k.by_default) value.clear();
  (k.is_own ? into.own : into.global)[key] = std::move(value);
  return std::nullopt;
}

}  // namespace

const std::vector<config_key>& server_keys() {
  static const auto all = [] {
    std::vector<config_key> made;
    for (const auto& k : all_keys())
      made.push_back({k.name, {k.takes, values::is_any}, k.does, k.about, k.by_default});
    made.push_back({"user.", values::any, effect::acts, "Free keys of users"});
    return made;
  }();
  return all;
}

bool is_address_key(const std::string& key) {
  return key == "core.https_address" || key == "cluster.https_address";
}

result<config_change> checked_config(const string_map& sent) {
  config_change change;
  std::string first;
  std::size_t more = 0;
  for (const auto& [key, value] : sent) {
    if (is_address_key(key)) continue;
    auto why = take(key, value, change);
    if (!why) continue;
    if (first.empty())
      first = *std::move(why);
    else
      ++more;
  }
  if (first.empty()) return change;
  if (more) first += " (and " + std::to_string(more) + " more errors)";
  return fail(errc::bad_request, first);
}

std::optional<std::uint64_t> expiry_ms(std::string_view text) {
  constexpr std::string_view units = "SMHdwmy";
  constexpr std::uint64_t seconds[] = {1, 60, 3600, 86'400, 604'800, 2'592'000, 31'536'000};
  std::uint64_t sum = 0;
  std::string seen;
  while (!text.empty()) {
    const auto end = std::min(text.find(' '), text.size());
    const auto part = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    if (part.size() < 2 || part.size() > 8) return std::nullopt;
    const auto unit = units.find(part.back());
    const auto n = number(part.substr(0, part.size() - 1));
    if (unit == std::string_view::npos || !n || *n < 0 ||
        seen.find(part.back()) != std::string::npos)
      return std::nullopt;
    seen += part.back();
    sum += static_cast<std::uint64_t>(*n) * seconds[unit] * 1000;
  }
  if (seen.empty()) return std::nullopt;
  return sum;
}

}  // namespace muster::http
