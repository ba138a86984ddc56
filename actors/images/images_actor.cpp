#include "actors/images/images_actor.hpp"

#include "actors/images/image_places.hpp"
#include "schemas/basic/limits.hpp"
#include "storage/images/image_files.hpp"

#include <caf/send.hpp>
#include <caf/typed_event_based_actor.hpp>

#include <algorithm>

namespace muster::images {

namespace {

/// A file is there before its record.
constexpr auto record_comes_within = std::chrono::minutes(10);
constexpr auto again_after = std::chrono::seconds(2);
constexpr auto read_again_after = std::chrono::hours(24);

/// The same file can belong to images of several projects.
bool is_wanted(const state_view& view, const std::string& fingerprint) {
  bool found = false;
  view.each(table::image, std::nullopt, [&](const object& o) {
    return !(found = std::get<image>(o).fingerprint == fingerprint);
  });
  return found;
}

bool is_used(const state_view& view, const std::string& fingerprint) {
  bool found = false;
  view.each(table::instance, std::nullopt, [&](const object& o) {
    return !(found = std::get<instance>(o).image_fingerprint == fingerprint);
  });
  return found;
}

/// A server that is no member any more, or whose state is wrong, knows nothing.
bool is_free(const images_settings& with, const std::string& fingerprint) {
  const auto now = with.server->acting();
  return now && !is_wanted(*now->view, fingerprint) && !is_used(*now->view, fingerprint);
}

void drop(const images_settings& with, const state_view& view, const std::string& fingerprint) {
  if (is_wanted(view, fingerprint)) return;
  storage::remove_image(with.data_dir, fingerprint, [&] {
    const auto now = with.server->acting();  // it may have come again
    return !now || is_wanted(*now->view, fingerprint);
  });
  with.remove_unpacked(fingerprint, true, [&] { return is_free(with, fingerprint); });
}

/// Records are gone; a server that is no member any more, or whose state is wrong, believes none.
void drop_all(const images_settings& with, const std::vector<std::string>& fingerprints) {
  if (const auto me = with.server->acting())
    for (const auto& fingerprint : fingerprints) drop(with, *me->view, fingerprint);
}

/// A file that is not noted here.
struct unnoted {
  std::string fingerprint;
  bool is_elsewhere = false;  ///< noted on a member that can be reached
};

std::vector<unnoted> unnoted_files(const images_settings& with) {
  std::vector<unnoted> all;
  const auto me = with.server->acting();
  if (!me) return all;
  const auto holders = holders_by_image(*me->view);
  const auto online = with.server->online();
  for (const auto& fingerprint : storage::images_older_than(with.data_dir, {}))
    if (const auto at = holders.find(fingerprint);
        at != holders.end() && !at->second.contains(me->self))
      all.push_back({fingerprint, std::any_of(at->second.begin(), at->second.end(),
                                              [&](member_id m) { return online.contains(m); })});
  return all;
}

/// What others have and is not noted here was trimmed: it goes, once that is known not to be old.
/// What nobody has that can be reached is read, and noted if it is whole.
void drop_unnoted(const images_settings& with) {
  if (unnoted_files(with).empty() || !with.server->wait_readable()) return;
  for (const auto& file : unnoted_files(with)) {
    if (file.is_elsewhere)
      storage::remove_image(with.data_dir, file.fingerprint, [&] {
        const auto still = unnoted_files(with);
        return std::none_of(still.begin(), still.end(), [&](const unnoted& u) {
          return u.fingerprint == file.fingerprint && u.is_elsewhere;
        });
      });
    else if (const auto good = with.files->check(file.fingerprint); good && *good)
      (void)with.files->fetch_file(file.fingerprint, {}).ok();
  }
}

/// A file that is noted here and gone counts for nothing: another member gets one. False: not all
/// could be noted, as at a start, when no leader is known yet.
bool note_missing(const images_settings& with) {
  const auto me = with.server->acting();
  bool is_done = true;
  if (!me) return is_done;
  for (const auto& [fingerprint, holders] : holders_by_image(*me->view))
    if (holders.contains(me->self) && !storage::has_image(with.data_dir, fingerprint))
      is_done = with.files->note_missing(fingerprint).ok() && is_done;
  return is_done;
}

void sweep(const images_settings& with) {
  const auto me = with.server->acting();
  if (!me) return;
  auto old = storage::images_older_than(with.data_dir, record_comes_within);
  std::erase_if(old, [&](const auto& fingerprint) { return is_wanted(*me->view, fingerprint); });
  auto trees = with.unpacked();
  std::erase_if(trees, [&](const auto& fingerprint) {
    return is_wanted(*me->view, fingerprint) || is_used(*me->view, fingerprint);
  });
  if ((old.empty() && trees.empty()) || !with.server->wait_readable()) return;
  drop_all(with, old);
  for (const auto& fingerprint : trees)
    with.remove_unpacked(fingerprint, false, [&] { return is_free(with, fingerprint); });
}

}  // namespace

images_handle::behavior_type images_actor(images_handle::stateful_pointer<images_state> self,
                                          images_settings with) {
  storage::remove_unfinished_images(with.data_dir);
  self->state.with = std::move(with);
  const auto compare = [self] {
    drop_unnoted(self->state.with);
    if (!note_missing(self->state.with)) self->delayed_send(self, again_after, compare_files{});
  };
  return {
      [=](const drop_files& m) { drop_all(self->state.with, m.fingerprints); },
      [=](const tell_when_dropped& m) { m.then(); },
      [=](compare_files) { compare(); },
      [=](sweep_files) {
        sweep(self->state.with);
        compare();
      },
  };
}

reader_handle::behavior_type image_reader(reader_handle::stateful_pointer<reader_state> self,
                                          reader_settings with) {
  self->state.with = std::move(with);
  return {[=](read_a_file) {
    auto& read = self->state.read;
    const auto& of = self->state.with;
    const auto now = node::clock::now();
    for (const auto& fingerprint : storage::images_older_than(of.data_dir, record_comes_within)) {
      const auto at = read.find(fingerprint);
      if (at != read.end() && now - at->second < read_again_after) continue;
      read[fingerprint] = now;
      if (const auto good = of.files->check(fingerprint); good && !*good)
        of.log("the file of image " + fingerprint + " is damaged");
      return;
    }
  }};
}

}  // namespace muster::images
