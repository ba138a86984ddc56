#include "actors/images/images_actor.hpp"

#include "schemas/limits.hpp"
#include "storage/images/image_files.hpp"

#include <caf/send.hpp>
#include <caf/typed_event_based_actor.hpp>

namespace muster::images {

namespace {

using clock = std::chrono::steady_clock;
constexpr auto transfer_time_max = std::chrono::minutes(30);
/// A file is there before its record.
constexpr auto record_comes_within = std::chrono::minutes(10);

status download(const images_settings& with, const member& from, const image& what) {
  auto stream = with.server->dial_member(from.address, from.fingerprint,
                                         clock::now() + limits::dial_deadline);
  if (!stream) return stream.error();
  auto upload = storage::image_upload::begin(with.data_dir);
  if (!upload) return upload.error();
  tls::http_request ask;
  ask.target = "/internal/images/" + what.fingerprint;
  tls::http_options how;
  how.deadline = clock::now() + transfer_time_max;
  how.take = [&](std::string_view part) { return (*upload)->take(part); };
  auto answer = tls::ask(**stream, ask, how);
  if (!answer) return answer.error();
  if (answer->status != 200) return fail(errc::unavailable, from.name + " has no such image file");
  auto fingerprint = (*upload)->finish();
  if (!fingerprint) return fingerprint.error();
  if (*fingerprint != what.fingerprint)
    return fail(errc::unavailable,
                "the copy on " + from.name + " is damaged: its fingerprint is " + *fingerprint);
  return (*upload)->keep();
}

status get(const images_settings& with, const fetch& wanted) {
  if (storage::has_image(with.data_dir, wanted.fingerprint)) return ok();
  const auto view = with.server->local_view();
  const auto row = view->by_name<image>(wanted.project, wanted.fingerprint);
  if (!row) return fail(errc::not_found, "Image not found");
  failure last = fail(errc::unavailable, "no member that is online has the image");
  for (const auto id : row->locations) {
    const auto from = view->row<member>({}, {id.value});
    if (!from || id == with.server->self()) continue;
    if (auto done = download(with, *from, *row); !done) {
      last = done.error();
      continue;
    }
    auto told = with.server->write(locate_image{key_of(*row), with.server->self(), true}, {},
                                   "images", clock::now() + limits::write_deadline);
    return told ? ok() : status(told.error());
  }
  return fail(last.code, "Failed to get the image: " + last.detail);
}

/// The same file can belong to images of several projects.
bool is_wanted(const state_view& view, const std::string& fingerprint) {
  bool found = false;
  view.each(table::image, std::nullopt, [&](const object& o) {
    return !(found = std::get<image>(o).fingerprint == fingerprint);
  });
  return found;
}

void drop(const images_settings& with, const state_view& view, const std::string& fingerprint) {
  if (is_wanted(view, fingerprint)) return;
  storage::remove_image(with.data_dir, fingerprint);
  bool is_used = false;
  view.each(table::instance, std::nullopt, [&](const object& o) {
    return !(is_used = std::get<instance>(o).image_fingerprint == fingerprint);
  });
  if (!is_used) with.remove_unpacked(fingerprint);
}

/// Records are gone; a server that is no member any more, or whose state is wrong, believes none.
void drop_all(const images_settings& with, const std::vector<std::string>& fingerprints) {
  if (const auto me = with.server->acting())
    for (const auto& fingerprint : fingerprints) drop(with, *me->view, fingerprint);
}

void sweep(const images_settings& with) {
  const auto me = with.server->acting();
  if (!me) return;
  auto old = storage::images_older_than(with.data_dir, record_comes_within);
  std::erase_if(old, [&](const auto& fingerprint) { return is_wanted(*me->view, fingerprint); });
  if (old.empty() || !with.server->wait_readable()) return;
  drop_all(with, old);
}

}  // namespace

images_handle::behavior_type images_actor(images_handle::stateful_pointer<images_state> self,
                                          images_settings with) {
  storage::remove_unfinished_images(with.data_dir);
  self->state.with = std::move(with);
  return {
      [=](const begin_fetch& m) { m.what->answer.set_value(get(self->state.with, *m.what)); },
      [=](const drop_files& m) {
        drop_all(self->state.with, m.fingerprints);
      },
      [=](sweep_files) { sweep(self->state.with); },
  };
}

status fetch_image(const images_handle& images, project_id project,
                   const std::string& fingerprint) {
  auto what = std::make_shared<fetch>();
  what->project = project;
  what->fingerprint = fingerprint;
  auto answer = what->answer.get_future();
  caf::anon_send(images, begin_fetch{what});
  if (answer.wait_for(transfer_time_max) != std::future_status::ready)
    return fail(errc::timed_out, "the image did not come in time");
  return answer.get();
}

}  // namespace muster::images
