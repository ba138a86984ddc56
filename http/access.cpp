#include "http/api.hpp"
#include "schemas/text_rules.hpp"
#include "schemas/wall_clock.hpp"

#include <cctype>

/// Who may what.
namespace muster::http {

namespace {

// A certificate, or a request to join with the configuration of a member.
constexpr std::size_t certificate_bytes_max = 64u << 10;
constexpr std::size_t join_bytes_max = 256u << 10;

using segments = std::vector<std::string>;

bool is_join(const segments& s) {
  return s.size() == 3 && s[0] == "internal" && s[1] == "cluster" && s[2] == "join";
}

/// Guarded by a token.
bool takes_token(const request& r) {
  const auto& s = r.segments;
  return r.method == "POST" &&
         (is_join(s) || (s.size() == 2 && s[0] == "1.0" && s[1] == "certificates"));
}

bool is_for_metrics(const segments& s) {
  return s.empty() || (s[0] == "1.0" && (s.size() == 1 || (s.size() == 2 && s[1] == "metrics")));
}

bool is_read(const request& r) { return r.method == "GET" || r.method == "HEAD"; }

bool is_open_to_all(const request& r) {
  const auto& s = r.segments;
  if (takes_token(r)) return true;
  if (s.empty()) return true;
  if (s[0] != "1.0") return s[0] != "internal";
  return s.size() == 1 && r.method == "GET";
}

/// What lies in a project, and has a list of all projects that leaves out what is not seen.
bool is_seen_in_project(const request& r, const caller& who) {
  const auto& kind = r.segments[1];
  const bool is_list = r.segments.size() == 2;
  if (r.parameter("all-projects") == "true")
    return is_list && (kind == "instances" || kind == "profiles");
  if (kind == "networks" && r.segments.size() > 3) return false;  // leases name others' instances
  return who.sees(api::project_asked(r));
}

/// As Incus: objects of the server are shown, those of projects only in the caller's own.
bool may_read_restricted(const request& r, const caller& who) {
  const auto& s = r.segments;
  if (!is_read(r) || s.empty() || s[0] != "1.0") return false;
  if (s.size() == 1) return true;
  const auto& kind = s[1];
  if (kind == "instances" || kind == "images" || kind == "profiles" || kind == "networks")
    return is_seen_in_project(r, who);
  if (kind == "projects") return s.size() == 2 || who.sees(s[2]);
  if (kind == "certificates") return s.size() == 3 && s[2] == r.peer.fingerprint;
  if (kind == "cluster") return s.size() == 2 || s[2] == "members" || s[2] == "groups";
  if (kind == "storage-pools") return s.size() <= 3 || (s.size() == 4 && s[3] == "resources");
  if (kind == "operations") return true;  // the handlers look at the project of each
  return s.size() == 2 && (kind == "events" || kind == "resources");
}

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

/// A page of another site has a browser show its user's certificate.
bool api::is_foreign(const request& r, bool is_upgrade) const {
  if (r.peer.is_unix || (is_read(r) && !is_upgrade) || r.method == "OPTIONS") return false;
  const auto origin = text_rules::lower(r.header("origin"));
  if (!origin.empty()) {
    const auto config = node_.local_view()->only<server_config>().value_or(server_config{}).config;
    if (const auto also = config.find("core.https_allowed_origin");
        also != config.end() && (also->second == "*" || text_rules::lower(also->second) == origin))
      return false;
    if (origin != "https://" + text_rules::lower(r.header("host"))) return true;
  }
  const auto site = text_rules::lower(r.header("sec-fetch-site"));
  return !site.empty() && site != "same-origin" && site != "none";
}

bool api::may(const request& r, const caller& who) const {
  const bool is_internal = !r.segments.empty() && r.segments[0] == "internal";
  const bool is_whole = who.may == access::full || who.may == access::member;
  if (is_internal && !takes_token(r)) return is_whole && (r.peer.is_unix || is_of_member(r));
  if (is_whole) return true;
  if (who.may == access::metrics) return is_read(r) && is_for_metrics(r.segments);
  return is_open_to_all(r) || (who.may == access::restricted && may_read_restricted(r, who));
}

std::optional<response> api::refused(const request& r, const caller& who) const {
  if (who.may == access::none)
    if (auto gone = told_removed(r)) return gone;
  if (is_foreign(r, false)) return error(403, "not authorized: the request is from another site");
  if (may(r, who)) return std::nullopt;
  return routes_.knows(r) ? error(403, "not authorized") : error(404, "not found");
}

admission api::admit(request& r) const {
  take_identity(r);
  admission a;
  if (!is_upload(r.method, r.path)) a.body_bytes_max = bounds::body_bytes_max;
  const auto who = caller_of(r);
  if (who.may == access::none && is_of_member(r)) return a;  // it may be known after a read index
  a.refusal = refused(r, who);
  if (who.may == access::none) {
    a.body_bytes_max = is_join(r.segments) ? join_bytes_max : certificate_bytes_max;
    a.is_stranger = true;
  }
  return a;
}

}  // namespace muster::http
