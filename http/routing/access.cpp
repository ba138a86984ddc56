#include "http/routing/api.hpp"
#include "schemas/basic/text_rules.hpp"
#include "schemas/basic/wall_clock.hpp"
#include "schemas/projects.hpp"

#include <cctype>

/// Who may what.
namespace muster::http {

namespace {

// A certificate, or a request to join with the configuration of a member.
constexpr std::size_t certificate_bytes_max = 64u << 10;
constexpr std::size_t join_bytes_max = 256u << 10;

/// Guarded by a token.
bool takes_token(const request& r) { return r.way && r.way->row->may == open_to::token; }

bool is_join(const request& r) { return takes_token(r) && r.segments[0] == "internal"; }

bool is_read(const request& r) { return r.method == "GET" || r.method == "HEAD"; }

caller client_of(const node::trusted& who) {
  const auto now_s = static_cast<std::int64_t>(wall_ms() / 1000);
  if (now_s < who.good_from_s || now_s > who.good_until_s) return {};
  const auto& c = *who.client;
  if (c.type == "metrics") return {access::metrics, {}};
  if (c.type != "client") return {};
  if (c.restricted) return {access::restricted, c.projects};
  return {access::full, {}};
}

}  // namespace

std::vector<std::string> caller::seen_of(std::vector<std::string> urls) const {
  if (may == access::full || may == access::member) return urls;
  std::erase_if(urls, [this](const std::string& url) {
    request r;
    r.target = url;
    if (!parse_target(r)) return true;
    const bool is_project = r.segments.size() == 3 && r.segments[1] == "projects";
    return !sees(is_project ? r.segments[2] : api::project_asked(r));
  });
  return urls;
}

bool api::is_of_member(const request& r) const {
  if (r.peer.is_unix || r.peer.fingerprint.empty()) return false;
  const auto who = node_.find_trusted(r.peer.fingerprint);
  return who && who->member;
}

/// Only members speak for others.
void api::take_identity(request& r) const {
  constexpr std::string_view prefix = "x-incus-forwarded-";
  const auto first = r.headers.lower_bound(std::string(prefix));
  if (first == r.headers.end() || !first->first.starts_with(prefix) || is_of_member(r)) return;
  for (const char* name : {"username", "protocol", "address"})
    r.headers.erase(std::string("x-incus-forwarded-") + name);
}

/// A client for which a member speaks has the rights that it has here.
caller api::caller_of(const request& r) const {
  if (r.peer.is_unix) return {access::full, {}};
  if (r.peer.fingerprint.empty()) return {};
  auto who = node_.find_trusted(r.peer.fingerprint);
  if (!who) return {};
  if (!who->member) return client_of(*who);
  const auto protocol = r.header("x-incus-forwarded-protocol");
  if (protocol.empty()) return {access::member, {}};
  if (protocol == "unix") return {access::full, {}};
  if (protocol != "tls") return {};
  who = node_.find_trusted(r.header("x-incus-forwarded-username"));
  if (!who) return {};
  return who->member ? caller{access::member, {}} : client_of(*who);
}

bool api::is_stranger(const peer_info& peer) const {
  return !peer.is_unix && (peer.fingerprint.empty() || !node_.find_trusted(peer.fingerprint));
}

/// A page of another site has a browser show its user's certificate. What a browser says of where
/// the request comes from counts for every request; an origin, for those that change something.
bool api::is_foreign(const request& r, bool is_upgrade) const {
  const auto site = text_rules::lower(r.header("sec-fetch-site"));
  if (!site.empty() && site != "same-origin" && site != "none") return true;
  if (r.peer.is_unix || (is_read(r) && !is_upgrade) || r.method == "OPTIONS") return false;
  const auto origin = text_rules::lower(r.header("origin"));
  if (origin.empty() || origin == "https://" + text_rules::lower(r.header("host"))) return false;
  const auto config = server_config_now();
  auto allowed = value_in(config, "core.https_allowed_origin");
  if (const auto more = value_in(config, "core.https_allowed_websocket_origin");
      is_upgrade && !more.empty())
    allowed = more;
  return allowed != "*" && (allowed.empty() || text_rules::lower(allowed) != origin);
}

/// What a browser lets a page of another site do.
std::map<std::string, std::string> api::cross_site_headers(const request& r) const {
  if (r.header("origin").empty() || r.segments.empty() || r.segments[0] == "internal") return {};
  const auto config = server_config_now();
  std::map<std::string, std::string> shown;
  for (const auto& [key, header] : {std::pair{"origin", "Origin"},
                                    {"methods", "Methods"},
                                    {"headers", "Headers"},
                                    {"credentials", "Credentials"}})
    if (const auto value = value_in(config, std::string("core.https_allowed_") + key);
        !value.empty())
      shown[std::string("Access-Control-Allow-") + header] = value;
  return shown;
}

/// Whoever changes what lies in a project must see that one, not only the one it is asked for.
bool api::sees_home(const request& r, const caller& asks) const {
  if (!asks.sees(project_asked(r))) return false;
  const auto& feature = r.way->row->feature;
  if (feature.empty() || is_read(r)) return true;
  const auto view = node_.local_view();
  const auto home = project_of(*view, r, feature);
  return home && asks.sees(project_name(*view, home));
}

bool api::may_bounded(const request& r, const caller& asks) const {
  const bool asks_for_all = r.parameter("all-projects") == "true";
  switch (r.way->row->may) {
    case open_to::anybody:
    case open_to::token:
    case open_to::metrics:
    case open_to::bounded:
      return true;
    case open_to::listed:
      return asks_for_all || asks.sees(project_asked(r));
    case open_to::published:
    case open_to::project:
      return !asks_for_all && sees_home(r, asks);
    case open_to::named:
      return asks.sees(r.found.at("name"));
    case open_to::itself:
      return r.found.at("fingerprint") == r.peer.fingerprint;
    case open_to::whole:
    case open_to::members:
      return false;
  }
  return false;
}

/// Of a request that was looked up.
bool api::may(const request& r, const caller& asks) const {
  const bool is_whole = asks.may == access::full || asks.may == access::member;
  if (!r.way) return is_whole;
  const auto may = r.way->row->may;
  if (may == open_to::members) return is_whole && (r.peer.is_unix || is_of_member(r));
  if (is_whole || may == open_to::anybody) return true;
  if (may == open_to::metrics &&
      value_in(server_config_now(), "core.metrics_authentication") == "false")
    return true;
  if (asks.may == access::none) return may == open_to::token || may == open_to::published;
  if (asks.may == access::metrics) return may == open_to::metrics;
  return asks.may == access::restricted && may_bounded(r, asks);
}

std::optional<response> api::refused(const request& r, const caller& asks) const {
  if (asks.may == access::none)
    if (auto gone = told_removed(r)) return gone;
  if (r.method == "OPTIONS") return std::nullopt;  // a browser's, which shows no certificate
  if (r.is_nowhere) return error(404, "not found");
  if (is_foreign(r, false)) return error(403, "not authorized: the request is from another site");
  if (may(r, asks)) return std::nullopt;
  return error(403, "not authorized");
}

admission api::admit(request& r) const {
  take_identity(r);
  routes_.look_up(r);
  admission a;
  if (!is_upload(r.method, r.path)) a.body_bytes_max = bounds::body_bytes_max;
  const auto asks = caller_of(r);
  if (asks.may == access::none && is_of_member(r)) return a;  // it may be known after a read index
  a.refusal = refused(r, asks);
  if (asks.may == access::none) {
    a.body_bytes_max = is_join(r) ? join_bytes_max : certificate_bytes_max;
    a.is_stranger = true;
  }
  return a;
}

}  // namespace muster::http
