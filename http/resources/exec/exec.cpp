#include "actors/node/secrets.hpp"
#include "http/resources/exec/exec_recorded.hpp"
#include "http/resources/exec/exec_session.hpp"
#include "http/resources/instances/instance_json.hpp"
#include "http/resources/resources.hpp"
#include "schemas/basic/limits.hpp"
#include "schemas/projects.hpp"

#include <algorithm>
#include <filesystem>
#include <unistd.h>

namespace muster::http {

namespace {

constexpr unsigned id_max = 0xfffffffe;  // -1 means "as it is"

struct exec_request {
  instances::exec_wish what;
  bool is_interactive = false;
  bool with_websockets = false;
  bool is_recorded = false;
  unsigned columns = 0;
  unsigned rows = 0;
};

/// What a zero byte would cut off, or what is no variable.
status check_words(const instances::exec_wish& what) {
  const auto has_zero = [](const std::string& text) {
    return text.find('\0') != std::string::npos;
  };
  bool bad = has_zero(what.cwd) || std::any_of(what.command.begin(), what.command.end(), has_zero);
  for (const auto& [key, value] : what.environment)
    bad = bad || key.empty() || key.find('=') != std::string::npos || has_zero(key) ||
          has_zero(value);
  return bad ? status(
                   fail(errc::bad_request, "a word of the command or its environment is damaged"))
             : ok();
}

/// As Incus: only root has a home that is known.
void complete(instances::exec_wish& what) {
  auto& all = what.environment;
  all.try_emplace("PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin");
  if (what.uid == 0) {
    all.try_emplace("HOME", "/root");
    all.try_emplace("USER", "root");
  }
  all.try_emplace("LANG", "C.UTF-8");
  all.try_emplace("container", "lxc");
  if (!what.cwd.empty()) return;
  const auto home = all.find("HOME");
  what.cwd = home == all.end() ? "/" : home->second;
}

result<exec_request> read_request(const json_object& body) {
  exec_request e;
  e.what.command = body.list("command").value_or(std::vector<std::string>{});
  e.what.environment = body.map("environment").value_or(string_map{});
  e.what.cwd = body.text("cwd");
  const auto uid = body.number("user");
  const auto gid = body.number("group");
  if (uid < 0 || gid < 0 || uid > id_max || gid > id_max)
    return fail(errc::bad_request, "a user or group is out of range");
  e.what.uid = static_cast<unsigned>(uid);
  e.what.gid = static_cast<unsigned>(gid);
  e.is_interactive = body.flag("interactive");
  e.with_websockets = body.flag("wait-for-websocket");
  e.is_recorded = body.flag("record-output");
  e.what.with_terminal = e.is_interactive && e.with_websockets;
  e.columns = static_cast<unsigned>(body.number("width"));
  e.rows = static_cast<unsigned>(body.number("height"));
  if (auto good = body.good(); !good) return good.error();
  if (e.what.command.empty()) return fail(errc::bad_request, "No command provided");
  if (e.is_interactive && !e.with_websockets)
    return fail(errc::bad_request, "an interactive command needs wait-for-websocket");
  if (auto good = check_words(e.what); !good) return good.error();
  return e;
}

std::string output_directory(api& a, const instance& i) {
  return a.server().data_dir() + "/logs/" + instances::container_name(i.head.id) + "/exec-output";
}

std::string result_json(const instance& i, const std::vector<std::string>& files, int code) {
  json_writer w;
  w.begin_object();
  if (!files.empty()) {
    w.key("output").begin_object();
    for (std::size_t n = 0; n < files.size(); ++n)
      w.field(std::to_string(n + 1), "/1.0/instances/" + i.name + "/logs/exec-output/" + files[n]);
    w.end_object();
  }
  return w.field("return", code).end_object().take();
}

/// Output goes to files, or nowhere.
status run_alone(api& a, const instance& i, const instances::container& c, const exec_request& e,
                 node::operations::handle& h) {
  if (!e.is_recorded) {
    auto helper = a.driver().exec(c, e.what, {});
    if (!helper) return helper.error();
    h.set_metadata(result_json(i, {}, instances::wait_for_end(*helper)));
    return ok();
  }
  const auto directory = output_directory(a, i);
  const std::vector<std::string> files{"exec_" + h.uuid() + ".stdout",
                                       "exec_" + h.uuid() + ".stderr"};
  auto code = exec_recorded(a.driver(), c, e.what, directory, files);
  if (!code) return code.error();
  h.set_metadata(result_json(i, files, *code));
  return ok();
}

/// With the secrets for whoever asked; else without.
std::string channels_json(const exec_session* secrets_of, const exec_request& e,
                          std::optional<int> code) {
  json_writer w;
  w.begin_object().field("command", e.what.command).field("environment", e.what.environment);
  if (secrets_of) {
    w.key("fds").begin_object();
    for (const auto& [name, secret] : secrets_of->secrets()) w.field(name, secret);
    w.end_object();
  }
  w.field("interactive", e.is_interactive);
  if (code) w.field("return", *code);
  return w.end_object().take();
}

response begin_session(api& a, node::operation o, const instances::container& c,
                       const exec_request& e) {
  auto session = std::make_shared<exec_session>(e.is_interactive);
  o.kind = node::op_class::websocket;
  o.metadata_json = channels_json(nullptr, e, std::nullopt);
  o.private_json = channels_json(session.get(), e, std::nullopt);
  const auto uuid = o.uuid;
  a.execs().add(uuid, session);
  auto answer =
      a.start_operation(std::move(o), [&a, session, c, e](node::operations::handle& h) -> status {
        auto code = session->run(a.driver(), c, e.what, e.columns, e.rows);
        a.execs().remove(h.uuid());
        if (!code) return code.error();
        h.set_metadata(channels_json(nullptr, e, *code));
        return ok();
      });
  if (answer.status != 202) a.execs().remove(uuid);
  return answer;
}

response start_exec(api& a, const request& r, const std::string& name) {
  auto body = json_object::parse(r.body);
  if (!body) return error(body.error());
  auto asked = read_request(*body);
  if (!asked) return error(asked.error());
  auto state = a.server().read(node::freshness::usual);
  if (!state) return error(state.error());
  const auto& s = *state->state;
  const auto i = s.by_name<instance>(api::project_of(s, r, ""), name);
  if (!i) return error(404, "Instance not found");
  if (auto there = a.passed_to_owner(r, s, *i)) return *std::move(there);
  if (i->status == instance_status::frozen) return error(400, "Instance is frozen");
  if (a.driver().pid_of(i->head.id) == 0) return error(400, "Instance is not running");
  const auto c = instances::container_of(s, *i, a.server().data_dir());
  constexpr std::string_view prefix = "environment.";
  for (const auto& [key, value] : c.config)
    if (key.starts_with(prefix))
      asked->what.environment.try_emplace(key.substr(prefix.size()), value);
  complete(asked->what);
  auto o = a.new_operation("Executing command", project_name(s, i->head.project));
  const auto url = instance_json::url(s, *i);
  o.resources = {{"containers", {url}}, {"instances", {url}}};
  o.who = api::requestor_of(r);
  o.is_exec = true;
  if (asked->with_websockets) return begin_session(a, std::move(o), c, *asked);
  return a.start_operation(std::move(o), [&a, i = *i, c, e = *asked](node::operations::handle& h) {
    return run_alone(a, i, c, e, h);
  });
}

// --- recorded output

response recorded_output(api& a, const request& r, const state_view& s, const captures& c) {
  const auto i = s.by_name<instance>(api::project_of(s, r, ""), c.at("name"));
  if (!i) return error(404, "Instance not found");
  if (auto there = a.passed_to_owner(r, s, *i)) return *std::move(there);
  const auto directory = output_directory(a, *i);
  const auto file = c.find("file");
  if (file == c.end()) {
    json_writer w;
    w.begin_array();
    std::error_code ignored;
    for (const auto& f : std::filesystem::directory_iterator(directory, ignored))
      w.value("/1.0/instances/" + i->name + "/logs/exec-output/" + f.path().filename().string());
    return sync(w.end_array().take());
  }
  const auto& name = file->second;
  const auto is_plain = [](char one) {
    return (one >= 'a' && one <= 'z') || (one >= '0' && one <= '9') || one == '-' || one == '_' ||
           one == '.';
  };
  if (!name.starts_with("exec_") || !std::all_of(name.begin(), name.end(), is_plain))
    return error(404, "not found");
  if (r.method == "DELETE")
    return ::unlink((directory + "/" + name).c_str()) == 0 ? empty_sync() : error(404, "not found");
  auto content = storage::read_file(directory + "/" + name, exec_recorded_bytes_max);
  if (!content) return error(404, "not found");
  response out;
  out.content_type = "application/octet-stream";
  out.body = *std::move(content);
  return out;
}

}  // namespace

/// The WebSocket of a command: here, or passed through to the member the operation lives on. The
/// secret alone opens nothing: it may have been seen.
upgrade_answer api::open_operation(const request& r) {
  upgrade_answer answer;
  const auto& uuid = r.segments[2];
  if (auto session = execs_->find(uuid)) {
    const auto o = node_.ops().get(uuid);
    if (!o || !is_of_same(o->who, r)) {
      answer.refusal = error(403, "not authorized");
      return answer;
    }
    auto channel_name = session->claim(r.parameter("secret"));
    if (channel_name)
      answer.take_websocket = [session,
                               name = *channel_name](const std::shared_ptr<websocket>& socket) {
        session->attach(name, socket);
      };
    else
      answer.refusal = error(channel_name.error());
    return answer;
  }
  const auto at = node::member_of_uuid(uuid);
  const auto m = local_member(at);
  if (!m || at == node_.self() || is_of_member(r)) {
    answer.refusal = error(404, "Operation not found");
    return answer;
  }
  auto stream = node_.dial_member(m->address, m->fingerprint, clock::now() + limits::dial_deadline);
  if (!stream) {
    answer.refusal = error(503, "Cluster member \"" + m->name + "\" is offline");
    return answer;
  }
  tls::http_request ask;
  ask.target = r.target;
  ask.headers = forwarded_headers(r);
  ask.headers["Sec-WebSocket-Key"] = r.header("sec-websocket-key");
  ask.headers["Sec-WebSocket-Version"] = "13";
  if (auto up = tls::upgrade(**stream, ask, "websocket", clock::now() + limits::dial_deadline);
      !up) {
    answer.refusal = error(up.error());
    return answer;
  }
  answer.take_stream = [this, there = *stream,
                        of = r.peer.fingerprint](std::shared_ptr<tls::stream> here) {
    splices_.join(std::move(here), there, of);
  };
  return answer;
}

std::optional<member> api::local_member(member_id id) const {
  return node_.local_view()->row<member>({}, {id.value});
}

void add_exec_routes(router& routes, api& a) {
  routes.add("POST", "/1.0/instances/{name}/exec",
             [&a](const request& r, const captures& c) { return start_exec(a, r, c.at("name")); });
  const auto output = a.reading([&a](const request& r, const captures& c, const state_view& s) {
    return recorded_output(a, r, s, c);
  });
  routes.add("GET", "/1.0/instances/{name}/logs/exec-output", output);
  routes.add("GET", "/1.0/instances/{name}/logs/exec-output/{file}", output);
  routes.add("DELETE", "/1.0/instances/{name}/logs/exec-output/{file}", output);
}

}  // namespace muster::http
