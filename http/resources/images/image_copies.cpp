#include "http/resources/images/image_copies.hpp"

#include "actors/images/image_places.hpp"
#include "actors/images/images_core.hpp"
#include "http/resources/resources.hpp"
#include "schemas/basic/units.hpp"
#include "storage/images/image_files.hpp"

#include <algorithm>
#include <future>

/// Where the files of images lie, and how they come there.
namespace muster::http {

namespace {

constexpr auto copies_time_max = std::chrono::minutes(10);
constexpr auto look_period = std::chrono::seconds(1);
constexpr auto stalled_after = std::chrono::seconds(20);
constexpr auto dropped_within = std::chrono::seconds(5);

struct copies {
  std::size_t wanted = 0;
  std::size_t here = 0;
};

/// Of members that are online.
copies count_copies(api& a, const state_view& s, const std::set<member_id>& holders) {
  const auto online = a.online();
  const auto members = s.all<member>();
  const auto is_online = [&](member_id id) { return online.contains(id); };
  const auto up = static_cast<std::size_t>(std::count_if(
      members.begin(), members.end(), [&](const member& m) { return is_online(m.id()); }));
  return {std::min(images::copies_wanted(images::replicas_wanted(s), members.size()), up),
          static_cast<std::size_t>(std::count_if(holders.begin(), holders.end(), is_online))};
}

/// Of an image that is gone none are wanted.
copies count_copies(api& a, const std::string& fingerprint) {
  const auto view = a.server().local_view();
  const auto holders = images::holders_of(*view, fingerprint);
  return holders ? count_copies(a, *view, *holders) : copies{};
}

/// What comes to this member: fingerprint → [bytes here, bytes in all].
std::string coming_json(api& a) {
  json_writer w;
  w.begin_object();
  for (const auto& [fingerprint, bytes] : a.images().all_coming()) {
    w.key(fingerprint).begin_object();
    w.field("member", a.server().name());
    w.field("here", bytes.first).field("size", bytes.second).end_object();
  }
  return w.end_object().take();
}

using coming_files = std::map<std::string, std::map<std::string, std::uint64_t>>;

/// Fingerprint → member → percent, of all members that are online.
coming_files all_coming(api& a, const state_view& s) {
  auto answers = a.ask_others(s, "/internal/images/coming");
  answers.push_back(coming_json(a));
  coming_files all;
  for (const auto& text : answers) {
    auto body = json_object::parse(text);
    if (!body) continue;
    for (const auto& fingerprint : body->names()) {
      const auto one = body->object(fingerprint);
      const auto size = std::max<std::int64_t>(1, one.number("size"));
      all[fingerprint][one.text("member")] =
          static_cast<std::uint64_t>(one.number("here") * 100 / size);
    }
  }
  return all;
}

response show_copies(api& a, const state_view& s) {
  const auto coming = all_coming(a, s);
  const auto online = a.online();
  const auto members = s.all<member>();
  json_writer w;
  w.begin_array();
  for (const auto& [fingerprint, at] : images::holders_by_image(s)) {
    const auto count = count_copies(a, s, at);
    w.begin_object().field("fingerprint", fingerprint).field("wanted", count.wanted);
    w.field("here", count.here).key("members").begin_object();
    for (const auto& m : members) {
      std::string state = at.contains(m.id()) ? "there" : "-";
      if (at.contains(m.id()) && !online.contains(m.id())) state = "away";
      if (const auto f = coming.find(fingerprint); f != coming.end())
        if (const auto p = f->second.find(m.name); p != f->second.end())
          state = std::to_string(p->second) + "%";
      w.field(m.name, state);
    }
    w.end_object().end_object();
  }
  return sync(w.end_array().take());
}

std::vector<member_id> sources_in(const request& r) {
  std::vector<member_id> all;
  for (const auto& word : units::list(r.parameter("from")))
    if (const auto id = units::number(word)) all.push_back({*id});
  return all;
}

response text_answer(int status, std::string text) {
  response out;
  out.status = status;
  out.content_type = "application/octet-stream";
  out.body = std::move(text);
  return out;
}

/// An order of the leader; answered when the file is here.
response fetch_here(api& a, const request& r, const std::string& fingerprint) {
  auto done = a.images().fetch_file(fingerprint, sources_in(r));
  return done ? text_answer(200, {}) : text_answer(503, done.error().detail);
}

response show_chunks(api& a, const std::string& fingerprint) {
  auto text = a.images().chunks_of(fingerprint);
  return text ? text_answer(200, *std::move(text)) : text_answer(404, text.error().detail);
}

response check_here(api& a, const std::string& fingerprint) {
  auto good = a.images().check(fingerprint);
  if (!good) return error(good.error());
  return text_answer(200, *good ? "good" : "damaged");
}

/// Answered when all that was to be dropped here is.
response await_own_drops(api& a) {
  const auto promise = std::make_shared<std::promise<void>>();
  auto done = promise->get_future();
  a.when_files_dropped([promise] { promise->set_value(); });
  return done.wait_for(dropped_within) == std::future_status::ready
             ? text_answer(200, {})
             : text_answer(503, "files are still being dropped");
}

}  // namespace

void await_copies(api& a, const std::string& fingerprint,
                  const std::function<void(const string_map&)>& show) {
  const auto deadline = clock::now() + copies_time_max;
  auto moved = clock::now();
  std::map<std::string, std::uint64_t> best;  // what begins again and again does not move
  const auto note = [&](const std::string& what, std::uint64_t reached) {
    const auto [at, is_new] = best.try_emplace(what, reached);
    if (!is_new && reached <= at->second) return;
    at->second = reached;
    moved = clock::now();
  };
  string_map last;
  for (;;) {
    a.rows().wait_until(clock::now() + look_period, [&] {
      const auto now = count_copies(a, fingerprint);
      return now.here >= now.wanted;
    });
    const auto now = count_copies(a, fingerprint);
    if (now.here >= now.wanted) return show({});
    string_map shown{{"copies", std::to_string(now.here) + " of " + std::to_string(now.wanted)}};
    note("", now.here);
    for (const auto& [name, percent] : all_coming(a, *a.server().local_view())[fingerprint]) {
      note(name, percent);
      shown["copy_on_" + name] = std::to_string(percent) + "%";
    }
    if (shown != last) show(shown);
    last = std::move(shown);
    if (clock::now() > deadline || clock::now() - moved > stalled_after) return;
  }
}

void await_dropped(api& a) {
  a.seen_everywhere();
  (void)await_own_drops(a);
  (void)a.ask_others(*a.server().local_view(), "/internal/images/dropped", dropped_within);
}

void add_image_copy_routes(router& routes, api& a) {
  routes.add("GET", "/internal/images/coming",
             [&a](const request&, const captures&) { return text_answer(200, coming_json(a)); });
  routes.add("GET", "/internal/images/dropped",
             [&a](const request&, const captures&) { return await_own_drops(a); });
  routes.add("GET", "/internal/images/status",
             a.reading([&a](const request&, const captures&, const state_view& s) {
               return show_copies(a, s);
             }));
  using function = response (*)(api&, const std::string&);
  const auto add = [&](const char* method, const char* path, function f) {
    routes.add(method, path, [&a, f](const request&, const captures& c) {
      const auto& fingerprint = c.at("fingerprint");
      return storage::is_fingerprint(fingerprint) ? f(a, fingerprint)
                                                  : error(404, "Image not found");
    });
  };
  add("GET", "/internal/images/{fingerprint}/chunks", show_chunks);
  add("POST", "/internal/images/{fingerprint}/check", check_here);
  routes.add("POST", "/internal/images/{fingerprint}/fetch",
             [&a](const request& r, const captures& c) {
               const auto& fingerprint = c.at("fingerprint");
               return storage::is_fingerprint(fingerprint) ? fetch_here(a, r, fingerprint)
                                                           : error(404, "Image not found");
             });
}

}  // namespace muster::http
