#include "http/resources/server/addresses.hpp"

#include "actors/link/tls/tls_stream.hpp"

#include <algorithm>

namespace muster::http {

namespace {

failure wrong(const char* key, const std::string& value, const std::string& why) {
  return fail(errc::bad_request,
              "cannot set '" + std::string(key) + "' to '" + value + "': " + why);
}

bool is_port(const std::string& text) {
  return !text.empty() && text.size() <= 5 &&
         text.find_first_not_of("0123456789") == std::string::npos && std::stoul(text) >= 1 &&
         std::stoul(text) <= 65535;
}

}  // namespace

result<std::string> checked_address(const std::string& text) {
  const auto [host, port] = tls::split_address(text);
  const bool is_plain =
      host.size() <= 253 && host.find_first_of(" \t\r\n/[]@") == std::string::npos;
  if (!is_plain || !is_port(port))
    return fail(errc::bad_request, "\"" + text + "\" is not an address of the form HOST:PORT");
  return tls::canonical_address(text);
}

bool is_wildcard(const std::string& address) {
  const auto host = tls::split_address(address).first;
  return host.empty() || host == "0.0.0.0" || host == "::";
}

bool covers(const std::string& wide, const std::string& narrow) {
  if (wide.empty() || narrow.empty()) return false;
  const auto [host, port] = tls::split_address(wide);
  const auto [other_host, other_port] = tls::split_address(narrow);
  if (port != other_port) return false;
  if (host == "0.0.0.0") return other_host.find(':') == std::string::npos;
  return host == other_host || is_wildcard(wide);
}

std::vector<std::string> listeners_of(const addresses& a) {
  std::vector<std::string> all;
  if (!a.core.empty()) all.push_back(a.core);
  if (!a.cluster.empty() && !covers(a.core, a.cluster)) all.push_back(a.cluster);
  return all;
}

std::string dialled(const addresses& a) { return a.cluster.empty() ? a.core : a.cluster; }

result<addresses> after_config(addresses now, const string_map& sent, bool is_whole,
                               bool clustered) {
  auto next = now;
  for (const auto& [key, field] : {std::pair{"core.https_address", &addresses::core},
                                   std::pair{"cluster.https_address", &addresses::cluster}}) {
    const auto at = sent.find(key);
    if (at == sent.end() && !is_whole) continue;
    next.*field = {};
    if (at == sent.end() || at->second.empty()) continue;
    auto good = checked_address(at->second);
    if (!good) return wrong(key, at->second, good.error().detail);
    next.*field = *good;
  }
  if (!next.cluster.empty() && is_wildcard(next.cluster))
    return wrong("cluster.https_address", next.cluster,
                 "a wildcard is no address that members can dial");
  if (clustered && is_whole && !sent.contains("cluster.https_address")) next.cluster = now.cluster;
  if (clustered && next.cluster != now.cluster)
    return fail(errc::bad_request, "Changing cluster.https_address is currently not supported");
  return next;
}

result<addresses> for_enable(addresses now) {
  if (!now.cluster.empty()) return now;
  if (now.core.empty() || is_wildcard(now.core))
    return fail(errc::refused,
                "Cannot use wildcard core.https_address \"" + now.core +
                    "\" for cluster.https_address. Please specify a new cluster.https_address or "
                    "core.https_address");
  now.cluster = now.core;
  return now;
}

result<addresses> for_join(addresses now, const std::string& server_address) {
  auto wanted = checked_address(server_address);
  if (!wanted) return wanted.error();
  if (is_wildcard(*wanted))
    return fail(errc::bad_request, "Invalid server address \"" + server_address +
                                       "\": the other members cannot dial a wildcard");
  if (!now.cluster.empty() && !covers(now.cluster, *wanted))
    return fail(errc::bad_request, "The server address \"" + server_address +
                                       "\" is not covered by cluster.https_address \"" +
                                       now.cluster + "\"");
  if (now.core.empty()) now.core = *wanted;
  now.cluster = *wanted;
  return now;
}

}  // namespace muster::http
