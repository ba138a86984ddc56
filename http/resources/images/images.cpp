#include "actors/node/join_token.hpp"
#include "actors/state/commands/lifecycle.hpp"
#include "http/resources/images/image_copies.hpp"
#include "http/resources/images/image_lookup.hpp"
#include "http/resources/images/send_file.hpp"
#include "http/resources/resources.hpp"
#include "schemas/projects.hpp"
#include "storage/images/image_files.hpp"

namespace muster::http {

namespace {

constexpr std::size_t passed_on_bytes = 1u << 18;
constexpr auto passed_on_time_max = std::chrono::seconds(10);

std::string render_image(const state_view& s, const image& i) {
  json_writer w;
  w.begin_object().field("auto_update", i.auto_update).field("properties", i.properties);
  w.field("public", i.is_public).field("expires_at", render::time_or_zero(i.expires_ms));
  w.field("profiles", i.profiles).key("aliases").begin_array();
  for (const auto& a : s.all<image_alias>(i.head.project))
    if (a.target == i.head.id)
      w.begin_object().field("name", a.name).field("description", a.description).end_object();
  w.end_array().field("architecture", i.architecture).field("cached", i.cached);
  w.field("filename", i.filename).field("fingerprint", i.fingerprint).field("size", i.size_bytes);
  w.field("type", i.type).field("created_at", render::time_or_zero(i.made_ms));
  w.field("last_used_at", "0001-01-01T00:00:00Z")
      .field("uploaded_at", render::time(i.head.created_ms));
  return w.field("project", project_name(s, i.head.project)).end_object().take();
}

std::string writable(const image& i) {
  json_writer w;
  w.begin_object().field("auto_update", i.auto_update).field("properties", i.properties);
  w.field("public", i.is_public).field("expires_at", render::time_or_zero(i.expires_ms));
  return w.field("profiles", i.profiles).end_object().take();
}

response show_image(api& a, const request& r, const state_view& s, const std::string& name) {
  const image_viewer who(a, r);
  const auto i = find_image(s, api::project_of(s, r, "images"), name, &who);
  if (!i) return no_image(name);
  auto answer = sync(render_image(s, *i));
  answer.headers["ETag"] = etag_of(writable(*i));
  return answer;
}

/// The secret is in the answer to who asks for it, and nowhere else.
response give_secret(api& a, const request& r) {
  auto now = a.server().read(node::freshness::strict);
  if (!now) return error(now.error());
  const auto& name = r.found.at("fingerprint");
  const auto i = find_image(*now->state, api::project_of(*now->state, r, "images"), name);
  if (!i) return no_image(name);
  auto o = a.new_operation("Image download token", api::project_asked(r));
  o.kind = node::op_class::token;
  o.resources["images"] = {state::path_of(*now->state, *i)};
  json_writer w;
  o.private_json = w.begin_object().field("secret", make_image_secret(a, *i)).end_object().take();
  o.who = a.requestor_of(r);
  return a.start_operation(std::move(o), [](node::operations::handle&) { return ok(); });
}

response delete_image(api& a, const request& r, const std::string& name) {
  auto state = a.server().read(node::freshness::strict);
  if (!state) return error(state.error());
  const auto i = find_image(*state->state, api::project_of(*state->state, r, "images"), name);
  if (!i) return no_image(name);
  auto o = a.new_operation("Deleting image", api::project_asked(r));
  o.resources["images"] = {"/1.0/images/" + i->fingerprint};
  return a.start_operation(std::move(o),
                           [&a, r, key = key_of(*i)](node::operations::handle&) -> status {
                             auto done = a.submit(r, erase_object{key, {}});
                             if (!done) return done.error();
                             await_dropped(a);
                             return ok();
                           });
}

/// PUT gives all, PATCH gives some.
result<image> merged(image i, const json_object& body, bool is_put) {
  const auto properties = body.map("properties");
  if (is_put) i.properties = properties.value_or(string_map{});
  for (const auto& [key, value] : properties.value_or(string_map{})) i.properties[key] = value;
  i.is_public = body.flag("public", !is_put && i.is_public);
  i.auto_update = body.flag("auto_update", !is_put && i.auto_update);
  if (auto profiles = body.list("profiles")) i.profiles = *std::move(profiles);
  if (const auto sent = body.text("expires_at"); !sent.empty()) {
    const auto ms = node::ms_of_rfc3339(sent);
    if (!ms) return fail(errc::bad_request, "Invalid date \"" + sent + "\" in expires_at");
    i.expires_ms = *ms;
  }
  if (auto good = body.good(); !good) return good.error();
  return i;
}

response change_image(api& a, const request& r) {
  const auto body = std::make_shared<result<json_object>>(json_object::parse(r.body));
  if (!*body) return error(body->error());
  return a.changing(r, [body](const request& q, const state_view& s) -> api::change {
    const auto& name = q.found.at("fingerprint");
    const auto i = find_image(s, api::project_of(s, q, "images"), name);
    if (!i) return no_image(name);
    if (auto match = check_etag(q, [&] { return writable(*i); }); !match)
      return error(match.error());
    auto next = merged(*i, **body, q.method == "PUT");
    if (!next) return error(next.error());
    return {replace_object{*std::move(next), i->head.modified}, empty_sync()};
  });
}

/// What the file is called, from its first bytes: nothing that its uploader says.
std::string export_name(const std::string& fingerprint, const std::string& path) {
  char first[6] = "";
  if (const std::unique_ptr<std::FILE, int (*)(std::FILE*)> file(std::fopen(path.c_str(), "rbe"),
                                                                 std::fclose);
      file)
    (void)!std::fread(first, 1, sizeof first, file.get());
  const std::string_view bytes(first, sizeof first);
  constexpr std::pair<std::string_view, const char*> kinds[] = {{"\x1f\x8b", ".gz"},
                                                                {"\xfd"
                                                                 "7zXZ",
                                                                 ".xz"},
                                                                {"\x28\xb5\x2f\xfd", ".zst"},
                                                                {"BZh", ".bz2"},
                                                                {"\x04\x22\x4d\x18", ".lz4"}};
  for (const auto& [magic, end] : kinds)
    if (bytes.starts_with(magic)) return fingerprint + ".tar" + end;
  return fingerprint + ".tar";
}

/// What comes here, as it comes.
response pass_on(const request& r, const std::shared_ptr<storage::incoming_image>& file) {
  const auto size = file->chunks().size_bytes;
  const auto range = range_of(r.header("range"), size);
  const auto from = range && range->first <= range->last ? range->first : 0;
  response out;
  out.status = range ? 206 : 200;
  out.content_type = "application/octet-stream";
  out.headers["Content-Range"] =
      "bytes " + std::to_string(from) + "-" + std::to_string(size - 1) + "/" + std::to_string(size);
  out.parts_bytes = size - from;
  out.parts = [file, at = from]() mutable -> result<std::string> {
    auto part = file->read(at, passed_on_bytes, clock::now() + passed_on_time_max);
    if (part) at += part->size();
    return part;
  };
  return out;
}

/// The file or a range of it, for clients and for members that lack it.
response send_image(api& a, const request& r, const std::string& fingerprint) {
  if (!storage::is_fingerprint(fingerprint)) return no_image(fingerprint);
  if (storage::has_image(a.server().data_dir(), fingerprint))
    return send_file(r, storage::image_path(a.server().data_dir(), fingerprint));
  if (const auto file = a.images().coming(fingerprint)) return pass_on(r, file);
  return no_image(fingerprint);
}

response export_image(api& a, const request& r, const state_view& s, const std::string& name) {
  const image_viewer who(a, r);
  const auto i = find_image(s, api::project_of(s, r, "images"), name, &who);
  if (!i) return no_image(name);
  if (auto here = a.images().fetch(i->head.project, i->fingerprint); !here)
    return error(here.error());
  auto answer = send_image(a, r, i->fingerprint);
  if (answer.status >= 400) return answer;
  answer.headers["Content-Disposition"] =
      "inline;filename=" +
      export_name(i->fingerprint, storage::image_path(a.server().data_dir(), i->fingerprint));
  answer.headers["X-Incus-Type"] = "incus";
  return answer;
}

}  // namespace

void add_image_routes(router& routes, api& a) {
  routes.add("GET", "/1.0/images",
             a.reading([&a](const request& r, const captures&, const state_view& s) {
               std::vector<std::string> urls;
               std::vector<std::string> objects;
               const image_viewer who(a, r);
               for (const auto& i : s.all<image>(api::project_of(s, r, "images"))) {
                 if (!who.sees(i)) continue;
                 urls.push_back(state::path_of(s, i));
                 objects.push_back(render_image(s, i));
               }
               return list_answer(r, urls, objects);
             }));
  routes.add("GET", "/1.0/images/{fingerprint}",
             a.reading([&a](const request& r, const captures& c, const state_view& s) {
               return show_image(a, r, s, c.at("fingerprint"));
             }));
  for (const char* method : {"PUT", "PATCH"})
    routes.add(method, "/1.0/images/{fingerprint}",
               [&a](const request& r, const captures&) { return change_image(a, r); });
  routes.add("DELETE", "/1.0/images/{fingerprint}", [&a](const request& r, const captures& c) {
    return delete_image(a, r, c.at("fingerprint"));
  });
  routes.add("GET", "/1.0/images/{fingerprint}/export",
             a.reading([&a](const request& r, const captures& c, const state_view& s) {
               return export_image(a, r, s, c.at("fingerprint"));
             }));
  routes.add("POST", "/1.0/images/{fingerprint}/secret",
             [&a](const request& r, const captures&) { return give_secret(a, r); });
  routes.add("GET", "/internal/images/{fingerprint}", [&a](const request& r, const captures& c) {
    return send_image(a, r, c.at("fingerprint"));
  });
}

}  // namespace muster::http
