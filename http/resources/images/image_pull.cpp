#include "http/resources/images/image_pull.hpp"

#include "actors/host/background.hpp"
#include "actors/link/tls/https_client.hpp"
#include "actors/node/join_token.hpp"
#include "http/resources/images/image_import.hpp"
#include "http/resources/images/image_lookup.hpp"
#include "schemas/projects.hpp"

#include <algorithm>

namespace muster::http {

namespace {

constexpr auto answer_time_max = std::chrono::seconds(10);
constexpr auto download_time_max = std::chrono::hours(4);
constexpr auto silence_max = std::chrono::seconds(30);
constexpr std::size_t facts_bytes_max = 1u << 20;
constexpr std::string_view host_letters =
    "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-_:[]";

/// What `GET target` has as metadata.
result<json_object> ask_for(const remote_image& from, const std::string& target) {
  const auto deadline = clock::now() + answer_time_max;
  auto stream = tls::dial({from.host_port, "", from.pin, nullptr, deadline});
  if (!stream)
    return fail(errc::unavailable,
                "the image server " + from.host_port + ": " + stream.error().detail);
  tls::http_request ask;
  ask.target = target;
  ask.host = from.host_port;
  auto answer = tls::ask(**stream, ask, {deadline, facts_bytes_max, {}});
  if (!answer)
    return fail(errc::unavailable,
                "the image server " + from.host_port + ": " + answer.error().detail);
  if (answer->status == 404 || answer->status == 403)
    return fail(errc::not_found,
                "The requested image couldn't be found on the server " + from.host_port);
  auto body = json_object::parse(answer->body);
  if (answer->status != 200 || !body)  // nothing of it is shown: it may be anything
    return fail(errc::unavailable, "the image server " + from.host_port + " answered " +
                                       std::to_string(answer->status));
  return body->object("metadata");
}

/// @errors errc::bad_request
result<remote_image> address_of(const json_object& source) {
  constexpr std::string_view scheme = "https://";
  const auto server = source.text("server");
  const auto protocol = source.text("protocol", "incus");
  const auto mode = source.text("mode", "pull");
  if (auto good = source.good(); !good) return good.error();
  if (!protocol.empty() && protocol != "incus" && protocol != "lxd")
    return fail(errc::bad_request, "images by the protocol \"" + protocol +
                                       "\" are not supported yet: import the image's file");
  if (!mode.empty() && mode != "pull")
    return fail(errc::bad_request, "the mode \"" + mode + "\" is not supported: use pull");
  if (!server.starts_with(scheme))
    return fail(errc::bad_request, "the image server must be named by https://");
  remote_image from;
  from.host_port = server.substr(scheme.size(), server.find('/', scheme.size()) - scheme.size());
  if (from.host_port.empty() || from.host_port.find_first_not_of(host_letters) != std::string::npos)
    return fail(errc::bad_request, "the address of the image server is damaged");
  if (from.host_port.find(':') == std::string::npos || from.host_port.ends_with(']'))
    from.host_port += ":443";
  auto pin = tls::fingerprint_of(source.text("certificate"));
  if (!pin) return fail(errc::bad_request, "the source needs the certificate of the image server");
  from.pin = *std::move(pin);
  const auto project = source.text("project");
  from.query = "?project=" + percent_encode(project.empty() ? default_project : project);
  return from;
}

result<image> facts_of(const json_object& shown) {
  image i;
  i.fingerprint = shown.text("fingerprint");
  i.architecture = shown.text("architecture");
  i.type = shown.text("type");
  i.filename = shown.text("filename");
  i.properties = shown.map("properties").value_or(string_map{});
  i.profiles = shown.list("profiles").value_or(std::vector<std::string>{});
  i.size_bytes = static_cast<std::uint64_t>(std::max<std::int64_t>(0, shown.number("size")));
  if (auto good = shown.good(); !good) return fail(errc::unavailable, good.error().detail);
  if (!storage::is_fingerprint(i.fingerprint))
    return fail(errc::unavailable, "the image server names no fingerprint");
  if (i.type != "container" && !i.type.empty())
    return fail(errc::bad_request, "images of type \"" + i.type + "\" are not supported");
  return i;
}

/// Only those profiles that there are here.
std::vector<std::string> known_profiles(const state_view& s, const request& r,
                                        std::vector<std::string> names) {
  const auto where = api::project_of(s, r, "profiles");
  std::erase_if(names, [&](const std::string& n) { return !s.find(table::profile, where, n); });
  return names;
}

/// Into a file of its own, with what there is to say meanwhile.
status download(const remote_image& from, storage::image_upload& into,
                node::operations::handle& h) {
  auto shown = clock::now();
  return download_image(from, into, [&](std::uint64_t bytes) {
    if (clock::now() - shown < std::chrono::seconds(1)) return true;
    shown = clock::now();
    const auto percent = bytes * 100 / std::max<std::uint64_t>(1, from.what.size_bytes);
    json_writer w;
    w.begin_object().field(
        "download_progress",
        "rootfs: " + std::to_string(std::min<std::uint64_t>(100, percent)) + "%");
    h.set_metadata(w.end_object().take());
    return !h.is_cancelled();
  });
}

status pull(api& a, const request& r, const remote_image& from, const image_wish& w,
            node::operations::handle& h) {
  auto file = storage::image_upload::begin(a.server().data_dir());
  if (!file) return file.error();
  if (auto come = download(from, **file, h); !come) return come;
  return add_image(a, r, w, **file, h);
}

/// It need not be copied: what else is wished for it is done.
status change_known(api& a, const request& r, image there, const image_wish& w,
                    node::operations::handle& h) {
  const auto before = there;
  there.is_public = there.is_public || w.is_public;
  there.auto_update = there.auto_update || w.auto_update;
  for (const auto& [key, value] : w.properties) there.properties[key] = value;
  if (w.expires_ms != 0) there.expires_ms = w.expires_ms;
  if (there != before)
    if (auto done = a.submit(r, replace_object{there, before.head.modified}); !done)
      return done.error();
  json_writer to;
  h.set_metadata(to.begin_object().field("fingerprint", w.fingerprint).end_object().take());
  return name_image(a, r, w, there.head.id);
}

/// The record is there, and nobody that can be reached has the file.
status pull_file(api& a, const remote_image& from, project_id where, node::operations::handle& h) {
  auto file = storage::image_upload::begin(a.server().data_dir());
  if (!file) return file.error();
  if (auto come = download(from, **file, h); !come) return come;
  if ((*file)->finish() != from.what.fingerprint)
    return fail(errc::refused, "the image server has sent another file");
  if (auto kept = (*file)->keep(); !kept) return kept;
  return a.images().fetch(where, from.what.fingerprint);
}

}  // namespace

bool names_server(const json_object& source) { return !source.text("server").empty(); }

result<remote_image> find_remote_image(const json_object& source) {
  auto from = address_of(source);
  if (!from) return from;
  auto name = source.text("fingerprint");
  if (name.empty()) name = source.text("alias");
  if (name.empty())
    return fail(errc::bad_request, "Must specify one of alias or fingerprint for init from image");
  if (!storage::is_fingerprint(name)) {  // the client gives aliases as fingerprints, too
    auto target = ask_for(*from, "/1.0/images/aliases/" + percent_encode(name) + from->query);
    if (!target && target.error().code != errc::not_found) return target.error();
    if (target) name = target->text("target");
  }
  if (const auto secret = source.text("secret"); !secret.empty())
    from->query += "&secret=" + percent_encode(secret);
  auto shown = ask_for(*from, "/1.0/images/" + percent_encode(name) + from->query);
  if (!shown) return shown.error();
  auto facts = facts_of(*shown);
  if (!facts) return facts.error();
  from->what = *std::move(facts);
  return from;
}

status download_image(const remote_image& from, storage::image_upload& into,
                      const std::function<bool(std::uint64_t)>& go_on) {
  auto stream = tls::dial({from.host_port, "", from.pin, nullptr, clock::now() + answer_time_max});
  if (!stream) return stream.error();
  const host::background quiet;
  tls::http_request ask;
  ask.target = "/1.0/images/" + from.what.fingerprint + "/export" + from.query;
  ask.host = from.host_port;
  status taken = ok();
  tls::http_options how;
  how.deadline = clock::now() + download_time_max;
  how.silence_max = silence_max;
  how.take = [&](std::string_view part) -> status {
    taken = go_on(into.size_bytes()) ? into.take(part) : fail(errc::refused, "it was cancelled");
    return taken;
  };
  auto answer = tls::ask(**stream, ask, how);
  if (!taken) return taken;
  if (!answer) return fail(errc::unavailable, "the image did not come: " + answer.error().detail);
  if (answer->status != 200)
    return fail(errc::unavailable, "the image server answered " + std::to_string(answer->status));
  if (const auto type = answer->headers.find("content-type");
      type != answer->headers.end() && type->second.starts_with("multipart/"))
    return fail(errc::bad_request, "images of two files are not supported yet");
  return ok();
}

status ensure_image(api& a, const request& r, const json_object& source, project_id where,
                    const std::string& fingerprint, node::operations::handle& h) {
  if (!names_server(source)) return ok();  // the order to create fetches it
  const auto view = a.server().local_view();
  const bool is_known = view->by_name<image>(where, fingerprint).has_value();
  if (is_known && a.images().fetch(where, fingerprint)) return ok();
  auto from = find_remote_image(source);
  if (!from) return from.error();
  if (from->what.fingerprint != fingerprint)
    return fail(errc::refused, "the image has changed on the image server; try again");
  if (is_known) return pull_file(a, *from, where, h);
  image_wish w;
  w.project = where;
  w.fingerprint = fingerprint;
  w.filename = from->what.filename;
  w.properties = from->what.properties;
  w.profiles = known_profiles(*view, r, from->what.profiles);
  w.is_cached = true;
  auto done = pull(a, r, *from, w, h);
  // Somebody else may have been quicker.
  if (!done && a.server().local_view()->by_name<image>(where, fingerprint)) return ok();
  return done;
}

response pull_image(api& a, const request& r, const json_object& body) {
  auto wish = read_image_wish(body);
  if (!wish) return error(wish.error());
  auto from = find_remote_image(body.object("source"));
  if (!from) return error(from.error());
  auto now = a.server().read(node::freshness::usual);
  if (!now) return error(now.error());
  if (!body.has("profiles")) wish->profiles = known_profiles(*now->state, r, from->what.profiles);
  if (auto good = check_image_wish(*now->state, r, *wish); !good) return error(good.error());
  wish->fingerprint = from->what.fingerprint;
  wish->filename = from->what.filename;
  wish->properties = body.map("properties").value_or(string_map{});
  for (const auto& [key, value] : from->what.properties) wish->properties.try_emplace(key, value);
  auto o = a.new_operation("Downloading image", api::project_asked(r));
  o.may_cancel = true;
  return a.start_operation(std::move(o), [&a, r, from = *std::move(from),
                                          w = *std::move(wish)](node::operations::handle& h) {
    const auto view = a.server().local_view();
    const auto there = view->by_name<image>(w.project, w.fingerprint);
    return there ? change_known(a, r, *there, w, h) : pull(a, r, from, w, h);
  });
}

}  // namespace muster::http
