#include "actors/node/join_token.hpp"
#include "actors/state/commands/lifecycle.hpp"
#include "http/resources/images/image_copies.hpp"
#include "http/resources/images/send_file.hpp"
#include "http/resources/resources.hpp"
#include "schemas/projects.hpp"
#include "storage/images/image_files.hpp"

#include <semaphore>

namespace muster::http {

namespace {

constexpr std::size_t passed_on_bytes = 1u << 18;
constexpr auto passed_on_time_max = std::chrono::seconds(10);

std::optional<image> find_image(const state_view& s, project_id where, const std::string& prefix) {
  if (auto exact = s.by_name<image>(where, prefix)) return exact;
  std::optional<image> only;
  int count = 0;
  if (prefix.size() >= 6)
    s.each(table::image, where, [&](const object& o) {
      const auto& i = std::get<image>(o);
      if (i.fingerprint.starts_with(prefix)) {
        only = i;
        ++count;
      }
      return true;
    });
  return count == 1 ? only : std::nullopt;
}

response no_image(const std::string& name) {
  return error(404, "Image \"" + name + "\" not found");
}

std::string render_alias(const state_view& s, const image_alias& a) {
  const auto target = s.row<image>(a.head.project, a.target);
  json_writer w;
  w.begin_object().field("description", a.description);
  w.field("target", target ? target->fingerprint : "").field("name", a.name);
  return w.field("type", target ? target->type : "container").end_object().take();
}

std::string writable(const state_view& s, const image_alias& a) {
  const auto target = s.row<image>(a.head.project, a.target);
  json_writer w;
  w.begin_object().field("description", a.description);
  return w.field("target", target ? target->fingerprint : "").end_object().take();
}

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

/// `a=b&c=d` of a header; a key may come more than once. @errors errc::bad_request
result<std::vector<std::pair<std::string, std::string>>> pairs_of(const request& r,
                                                                  const std::string& header) {
  std::vector<std::pair<std::string, std::string>> all;
  const auto text = r.header(header);
  for (std::size_t at = 0; at < text.size();) {
    const auto end = std::min(text.find('&', at), text.size());
    const auto part = std::string_view(text).substr(at, end - at);
    const auto is = std::min(part.find('='), part.size());
    auto key = percent_decode(part.substr(0, is), true);
    auto value = percent_decode(part.substr(std::min(is + 1, part.size())), true);
    if (!key || !value) return fail(errc::bad_request, "The header " + header + " is damaged");
    if (!key->empty()) all.emplace_back(*std::move(key), *std::move(value));
    at = end + 1;
  }
  return all;
}

/// The values of `name` in such a header.
result<std::vector<std::string>> values_of(const request& r, const std::string& header,
                                           std::string_view name) {
  auto pairs = pairs_of(r, header);
  if (!pairs) return pairs.error();
  std::vector<std::string> all;
  for (auto& [key, value] : *pairs)
    if (key == name) all.push_back(std::move(value));
  return all;
}

/// What the headers of an upload ask for.
struct upload_wish {
  project_id project;
  string_map properties;
  std::vector<std::string> aliases;
  std::vector<std::string> profiles;
};

struct received {
  std::shared_ptr<storage::image_upload> file;
  std::string fingerprint;
  upload_wish wish;
};

result<upload_wish> read_headers(const state_view& s, const request& r) {
  upload_wish w;
  w.project = api::project_of(s, r, "images");
  if (!w.project) return fail(errc::not_found, "Project not found");
  auto properties = pairs_of(r, "x-incus-properties");
  auto aliases = values_of(r, "x-incus-aliases", "alias");
  auto profiles = values_of(r, "x-incus-profiles", "profile");
  if (!properties) return properties.error();
  if (!aliases) return aliases.error();
  if (!profiles) return profiles.error();
  for (auto& [key, value] : *properties) w.properties[key] = std::move(value);
  w.aliases = *std::move(aliases);
  w.profiles = profiles->empty() ? std::vector<std::string>{"default"} : *std::move(profiles);
  for (const auto& alias : w.aliases)
    if (s.find(table::image_alias, w.project, alias))
      return fail(errc::conflict, "Alias \"" + alias + "\" already exists");
  for (const auto& name : w.profiles)
    if (!s.find(table::profile, api::project_of(s, r, "profiles"), name))
      return fail(errc::not_found, "Profile \"" + name + "\" not found");
  return w;
}

status add_aliases(api& a, const request& r, const received& got, object_id image_id) {
  for (const auto& name : got.wish.aliases) {
    image_alias alias;
    alias.head.project = got.wish.project;
    alias.name = name;
    alias.target = image_id;
    if (auto done = a.submit(r, create_object{alias}); !done) return done.error();
  }
  return ok();
}

/// A few at once: each keeps a core busy.
result<storage::image_metadata> inspect(const std::string& path) {
  static std::counting_semaphore<2> places{2};
  struct place {
    place() { places.acquire(); }
    ~place() { places.release(); }
  } const taken;
  return storage::inspect_image(path);
}

status add_image(api& a, const request& r, const received& got, node::operations::handle& h) {
  const auto wanted = r.header("x-incus-fingerprint");
  if (!wanted.empty() && wanted != got.fingerprint)
    return fail(errc::refused,
                "fingerprints don't match, got " + got.fingerprint + " expected " + wanted);
  auto metadata = inspect(got.file->path());
  if (!metadata) return metadata.error();
  image i;
  i.head.project = got.wish.project;
  i.fingerprint = got.fingerprint;
  i.filename = r.header("x-incus-filename");
  i.architecture = metadata->architecture;
  i.size_bytes = got.file->size_bytes();
  i.is_public = r.header("x-incus-public") == "true";
  i.properties = metadata->properties;
  for (const auto& [key, value] : got.wish.properties) i.properties[key] = value;
  i.profiles = got.wish.profiles;
  i.made_ms = metadata->made_ms;
  i.locations = {a.server().self()};
  if (a.server().local_view()->by_name<image>(i.head.project, i.fingerprint))
    return fail(errc::refused, "Image with same fingerprint already exists");
  if (auto kept = got.file->keep(); !kept)
    return kept;  // a row never names a file that is not there
  auto done = a.submit(r, create_object{i});
  if (!done) return done.error();
  if (auto named = add_aliases(a, r, got, done->id); !named) return named;
  json_writer w;
  w.begin_object().field("fingerprint", i.fingerprint).field("size", std::to_string(i.size_bytes));
  const auto shown = w.end_object().take();
  h.set_metadata(shown);
  await_copies(a, i.fingerprint, h);
  return ok();
}

response import_image(api& a, const request& r) {
  if (!r.read_body) return error(400, "an image is expected in the body");
  if (r.header("content-type").starts_with("application/json"))
    return error(400, "only the upload of a unified tarball is supported");
  auto now = a.server().read(node::freshness::usual);
  if (!now) return error(now.error());
  auto wish = read_headers(*now->state, r);
  now->state.reset();
  if (!wish) return error(wish.error());
  auto file = storage::image_upload::begin(a.server().data_dir());
  if (!file) return error(file.error());
  received got{*std::move(file), {}, *std::move(wish)};
  if (auto read = r.read_body([&](std::string_view part) { return got.file->take(part); }); !read)
    return error(read.error());
  auto fingerprint = got.file->finish();
  if (!fingerprint) return error(fingerprint.error());
  got.fingerprint = *fingerprint;
  auto kept = r;
  kept.read_body = nullptr;
  return a.start_operation(
      a.new_operation("Downloading image", api::project_asked(r)),
      [&a, kept, got](node::operations::handle& h) { return add_image(a, kept, got, h); });
}

response show_image(const request& r, const state_view& s, const std::string& name) {
  const auto i = find_image(s, api::project_of(s, r, "images"), name);
  if (!i) return no_image(name);
  auto answer = sync(render_image(s, *i));
  answer.headers["ETag"] = etag_of(writable(*i));
  return answer;
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
  if (fingerprint.find_first_not_of("0123456789abcdef") != std::string::npos)
    return no_image(fingerprint);
  if (storage::has_image(a.server().data_dir(), fingerprint))
    return send_file(r, storage::image_path(a.server().data_dir(), fingerprint));
  if (const auto file = a.images().coming(fingerprint)) return pass_on(r, file);
  return no_image(fingerprint);
}

response export_image(api& a, const request& r, const state_view& s, const std::string& name) {
  const auto i = find_image(s, api::project_of(s, r, "images"), name);
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

// --- aliases

response create_alias(api& a, const request& r) {
  auto body = json_object::parse(r.body);
  if (!body) return error(body.error());
  image_alias alias;
  alias.name = body->text("name");
  alias.description = body->text("description");
  const auto target = body->text("target");
  if (auto good = body->good(); !good) return error(good.error());
  if (alias.name.empty() || target.empty()) return error(400, "name and target are required");
  auto state = a.server().read(node::freshness::strict);
  if (!state) return error(state.error());
  alias.head.project = api::project_of(*state->state, r, "images");
  const auto i = find_image(*state->state, alias.head.project, target);
  if (!i) return error(404, "Image not found");
  alias.target = i->head.id;
  auto done = a.submit(r, create_object{alias});
  return done ? created("/1.0/images/aliases/" + percent_encode(alias.name)) : error(done.error());
}

result<image_alias> merged(const state_view& s, image_alias alias, const json_object& body,
                           bool is_put) {
  const auto target = body.text("target");
  alias.description = body.text("description", is_put ? "" : alias.description);
  if (auto good = body.good(); !good) return good.error();
  if (target.empty() && is_put) return fail(errc::bad_request, "The target field is required");
  if (target.empty()) return alias;
  const auto i = find_image(s, alias.head.project, target);
  if (!i) return fail(errc::not_found, "Image not found");
  alias.target = i->head.id;
  return alias;
}

response change_alias(api& a, const request& r) {
  const auto body = std::make_shared<result<json_object>>(json_object::parse(r.body));
  if (r.method != "DELETE" && !*body) return error(body->error());
  const auto how = [body](const request& q, const state_view& s) -> api::change {
    const auto alias = s.by_name<image_alias>(api::project_of(s, q, "images"), q.found.at("name"));
    if (!alias) return error(404, "Image alias not found");
    if (auto match = check_etag(q, [&] { return writable(s, *alias); }); !match)
      return error(match.error());
    const auto seen = alias->head.modified;
    if (q.method == "DELETE") return {erase_object{key_of(*alias), seen}, empty_sync()};
    if (q.method == "POST") {
      const auto next = (*body)->text("name");
      if (next.empty()) return error(400, "No name provided");
      return {rename_object{key_of(*alias), next},
              created("/1.0/images/aliases/" + percent_encode(next))};
    }
    auto next = merged(s, *alias, **body, q.method == "PUT");
    if (!next) return error(next.error());
    return {replace_object{*std::move(next), seen}, empty_sync()};
  };
  return a.changing(r, how, r.method != "POST");
}

response list_aliases(const request& r, const state_view& s) {
  std::vector<std::string> urls;
  std::vector<std::string> objects;
  for (const auto& alias : s.all<image_alias>(api::project_of(s, r, "images"))) {
    urls.push_back(state::path_of(s, alias));
    objects.push_back(render_alias(s, alias));
  }
  return list_answer(r, urls, objects);
}

}  // namespace

void add_image_routes(router& routes, api& a) {
  routes.add("GET", "/1.0/images",
             a.reading([](const request& r, const captures&, const state_view& s) {
               std::vector<std::string> urls;
               std::vector<std::string> objects;
               for (const auto& i : s.all<image>(api::project_of(s, r, "images"))) {
                 urls.push_back(state::path_of(s, i));
                 objects.push_back(render_image(s, i));
               }
               return list_answer(r, urls, objects);
             }));
  routes.add("POST", "/1.0/images",
             [&a](const request& r, const captures&) { return import_image(a, r); });
  routes.add("GET", "/1.0/images/aliases",
             a.reading([](const request& r, const captures&, const state_view& s) {
               return list_aliases(r, s);
             }));
  routes.add("POST", "/1.0/images/aliases",
             [&a](const request& r, const captures&) { return create_alias(a, r); });
  routes.add("GET", "/1.0/images/aliases/{name...}",
             a.reading([](const request& r, const captures& c, const state_view& s) {
               const auto alias =
                   s.by_name<image_alias>(api::project_of(s, r, "images"), c.at("name"));
               if (!alias) return error(404, "Image alias not found");
               auto answer = sync(render_alias(s, *alias));
               answer.headers["ETag"] = etag_of(writable(s, *alias));
               return answer;
             }));
  for (const char* method : {"PUT", "PATCH", "POST", "DELETE"})
    routes.add(method, "/1.0/images/aliases/{name...}",
               [&a](const request& r, const captures&) { return change_alias(a, r); });
  routes.add("GET", "/1.0/images/{fingerprint}",
             a.reading([](const request& r, const captures& c, const state_view& s) {
               return show_image(r, s, c.at("fingerprint"));
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
  routes.add("GET", "/internal/images/{fingerprint}", [&a](const request& r, const captures& c) {
    return send_image(a, r, c.at("fingerprint"));
  });
}

}  // namespace muster::http
