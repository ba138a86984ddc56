#include "http/resources/resources.hpp"
#include "schemas/basic/metrics.hpp"

#include <charconv>

/// What members, and the muster command on the unix socket, ask of each other.
namespace muster::http {

namespace {

response accept_join(api& a, const request& r) {
  auto asked = codec::decode_join_request(r.body);
  if (!asked) return error(400, "the join request is damaged");
  auto accepted =
      a.server().accept_join(*asked, r.peer.certificate, r.peer.fingerprint, r.peer.address);
  if (!accepted) return error(accepted.error());
  response out;
  out.content_type = "application/octet-stream";
  out.body = std::string(codec::encode(*accepted).bytes());
  return out;
}

/// A number of the query or path; none if it is something else.
std::optional<std::uint64_t> number_of(const std::string& text) {
  std::uint64_t n = 0;
  const auto read = std::from_chars(text.data(), text.data() + text.size(), n);
  if (read.ec != std::errc{} || read.ptr != text.data() + text.size()) return std::nullopt;
  return n;
}

response bytes_or_error(result<std::string> bytes) {
  if (!bytes) return error(bytes.error());
  response out;
  out.content_type = "application/octet-stream";
  out.body = *std::move(bytes);
  return out;
}

response offer_snapshot(api& a, const request& r) {
  const auto index = number_of(r.parameter("index"));
  if (!index) return error(400, "the index of a snapshot is a number");
  auto now = a.server().now();
  return bytes_or_error(now ? (*now)->offer_snapshot({*index}) : now.error());
}

response send_chunk(api& a, const captures& c) {
  const auto n = number_of(c.at("chunk"));
  if (!n) return error(400, "the number of a chunk is a number");
  auto now = a.server().now();
  return bytes_or_error(now ? (*now)->snapshot_chunk(c.at("id"), *n) : now.error());
}

void show_snapshots(json_writer& w) {
  w.begin_object();
  const auto show = [&](const char* name, const std::atomic<std::uint64_t>& n) {
    w.field(name, n.load(std::memory_order_relaxed));
  };
  show("made", counts().snapshots_made);
  show("chunks_sent", counts().snapshot_chunks_sent);
  show("begun", counts().snapshots_begun);
  show("continued", counts().snapshots_continued);
  show("chunks_taken", counts().snapshot_chunks_taken);
  show("chunks_damaged", counts().snapshot_chunks_damaged);
  w.end_object();
}

response show_status(api& a) {
  auto r = a.server().now();
  if (!r) return error(r.error());
  const auto view = (*r)->view();
  const auto board = (*r)->board();
  const auto& raft = board.raft;
  const auto name = [&](member_id id) {
    const auto m = view->row<member>({}, {id.value});
    return m ? m->name : std::string{};
  };
  json_writer w;
  w.begin_object().field("name", a.server().name()).field("version", node::muster_version);
  w.field("role", raft::name_of(raft.now)).field("term", raft.term.value);
  w.field("leader", name(raft.leader)).field("commit", raft.commit.value);
  w.field("applied", board.applied.value).field("first", raft.first.value);
  w.field("level", std::uint64_t{view->only<cluster>().value_or(cluster{}).level});
  w.field("last", raft.last.value).field("last_term", raft.last_term.value);
  w.field("quorum_silence_ms", static_cast<std::uint64_t>((*r)->quorum_silence().count()));
  w.field("tick_ms", static_cast<std::uint64_t>(board.tick_period.count()));
  w.field("condemned", raft.condemned);
  w.field("removed", a.server().why_removed().value_or(""));
  w.field("voters", static_cast<std::uint64_t>(raft.members.voters.size()));
  show_snapshots(w.key("snapshots"));
  w.key("members").begin_array();
  for (const auto& m : view->all<member>()) {
    w.begin_object().field("name", m.name).field("address", m.address);
    const std::string kind = roles::role_name(raft.members, m.id());
    w.field("kind", kind.empty() ? "joining" : kind);
    if (const auto standing = view->row<member_standing>({}, m.head.id)) {
      w.field("offline", standing->is_offline);
      w.field("role_reason", standing->role_reason);
      w.field("role_since", render::time(standing->role_since_ms));
    }
    const bool up = m.id() == (*r)->who().member || board.sessions.contains(m.id());
    w.field("reachable", up);
    for (const auto& p : raft.progress)
      if (p.peer == m.id()) {
        w.field("lag", raft.last.value - std::min(raft.last.value, p.match.value));
        w.field("differs", p.differs).field("condemned", p.condemned);
      }
    w.end_object();
  }
  return sync(w.end_array().end_object().take());
}

/// @param with_projects false: as members of older versions ask for it.
response own_operations(api& a, bool with_projects) {
  json_writer w;
  w.begin_object();
  for (const auto& o : a.server().ops().list()) {
    if (o.kind == node::op_class::token) continue;  // every member knows them
    if (!with_projects) {
      w.field(o.uuid, render::operation(o));
      continue;
    }
    w.key(o.uuid).begin_object().field("project", o.project);
    w.field("json", render::operation(o)).end_object();
  }
  response out;
  out.body = w.end_object().take();
  return out;
}

/// Gives an instance to another member, whose generation counts from then on. Its files stay where
/// they are: for whoever has moved them, or has given them up.
response give_instance(api& a, const request& r, const std::string& name) {
  auto state = a.server().read(node::freshness::strict);
  if (!state) return error(state.error());
  const auto& s = *state->state;
  const auto i = s.by_name<instance>(api::project_of(s, r, ""), name);
  if (!i) return error(404, "Instance not found");
  const auto to = s.by_name<member>({}, r.parameter("target"));
  if (!to) return error(404, "Cluster member not found");
  return a.submitted(r, move_instance{key_of(*i), to->id()});
}

}  // namespace

void add_internal_routes(router& routes, api& a) {
  routes.add("POST", "/internal/instances/{name}/owner", [&a](const request& r, const captures& c) {
    return give_instance(a, r, c.at("name"));
  });
  routes.add("PUT", "/internal/shutdown", [&a](const request&, const captures&) {
    if (a.server().is_clustered()) {
      a.server().hand_over();
      a.roles_rest();
    }
    a.shut_down();
    return empty_sync();
  });
  routes.add("GET", "/internal/ready", [&a](const request&, const captures&) {
    return a.is_ready() ? empty_sync() : error(503, "Daemon is starting up");
  });
  // Once this answers, the member has applied all that was committed when it was asked.
  routes.add("GET", "/internal/current", [&a](const request&, const captures&) {
    auto current = a.server().wait_readable();
    return current ? empty_sync() : error(current.error());
  });
  routes.add("GET", "/internal/roles-rest", [&a](const request& r, const captures&) {
    const auto index = number_of(r.parameter("index"));
    if (!index) return error(400, "the index of an entry is a number");
    return a.wait_for_roles({*index}) ? empty_sync() : error(503, "roles are on the move");
  });
  routes.add("GET", "/internal/status",
             [&a](const request&, const captures&) { return show_status(a); });
  routes.add("GET", "/internal/operations", [&a](const request& r, const captures&) {
    return own_operations(a, r.parameter("projects") == "true");
  });
  routes.add("GET", "/internal/snapshot",
             [&a](const request& r, const captures&) { return offer_snapshot(a, r); });
  routes.add("GET", "/internal/snapshot/{id}/{chunk}",
             [&a](const request&, const captures& c) { return send_chunk(a, c); });
  routes.add("POST", "/internal/cluster/join",
             [&a](const request& r, const captures&) { return accept_join(a, r); });
  routes.add("POST", "/internal/cluster/address", [&a](const request& r, const captures&) {
    const auto who = a.server().find_trusted(r.peer.fingerprint);
    if (!who || !who->member) return error(403, "not authorized");
    auto done = a.server().relocate(who->member, r.body, api::requestor_of(r));
    return done ? empty_sync() : error(done.error());
  });
  routes.add("POST", "/internal/knock", [&a](const request& r, const captures&) {
    const auto who = a.server().find_trusted(r.peer.fingerprint);
    auto now = a.server().now();
    if (who && who->member && now) (*now)->peers().dial_now(who->member);
    return empty_sync();
  });
}

upgrade_answer api::on_upgrade(const std::string& protocol, request& r) {
  upgrade_answer answer;
  take_identity(r);
  const auto who = caller_of(r);
  const bool is_whole = who.may == access::full || who.may == access::member;
  const auto refuse = [&answer](response why) {
    answer.refusal = std::move(why);
    return std::move(answer);
  };
  if (is_foreign(r, true))
    return refuse(error(403, "not authorized: the request is from another site"));
  if (const auto why = node_.barred(); why && protocol == "websocket") return refuse(error(*why));
  if (protocol == "muster-link") {
    if (who.may != access::member || r.path != "/internal/link")
      return refuse(error(403, "not authorized"));
    answer.take_stream = [this, print = r.peer.fingerprint](std::shared_ptr<tls::stream> s) {
      (void)node_.accept_link(print, std::move(s)).ok();
    };
    return answer;
  }
  if (protocol == "muster-probe") {
    if (!is_whole || r.peer.is_unix) return refuse(error(403, "not authorized"));
    answer.take_stream = [this](std::shared_ptr<tls::stream> s) {
      with_.probe.serve(std::move(s));
    };
    return answer;
  }
  if (protocol == "websocket" && r.path == "/1.0/events") {
    if (is_whole || who.may == access::restricted) return open_events(r, who);
    return refuse(error(403, "not authorized"));
  }
  if (protocol == "websocket" && r.segments.size() == 4 && r.segments[1] == "operations" &&
      r.segments[3] == "websocket") {
    if (is_whole || who.may == access::restricted) return open_operation(r);
    return refuse(error(403, "not authorized"));
  }
  return refuse(error(404, "not found"));
}

upgrade_answer api::open_events(const request& r, const caller& who) {
  upgrade_answer answer;
  event_streams::wish wish;
  wish.project = r.parameter("project").empty() ? "default" : r.parameter("project");
  wish.all_projects = r.parameter("all-projects") == "true";
  if (who.may == access::restricted) wish.seen = who.projects;
  if (!wish.all_projects && !who.sees(wish.project))
    answer.refusal = error(403, "not authorized");
  else if (wish.all_projects && r.query.contains("project"))
    answer.refusal = error(400, "Cannot specify a project when requesting all projects");
  else if (!node_.local_view()->find(table::project, {}, wish.project))
    answer.refusal = error(404, "Project not found");
  std::string types = r.parameter("type");
  if (types.empty()) types = "logging,operation,lifecycle";
  for (std::size_t at = 0; at <= types.size();) {
    const auto end = std::min(types.find(',', at), types.size());
    const auto type = types.substr(at, end - at);
    if (type != "logging" && type != "operation" && type != "lifecycle" && type != "network-acl")
      answer.refusal = error(400, "\"" + type + "\" isn't a supported event type");
    wish.types.insert(type);
    at = end + 1;
  }
  if (answer.refusal) return answer;
  answer.take_websocket = [this, wish](std::shared_ptr<websocket> s) { with_.events.add(s, wish); };
  return answer;
}

}  // namespace muster::http
