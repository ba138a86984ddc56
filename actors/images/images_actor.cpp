#include "actors/images/images_actor.hpp"

#include "schemas/basic/limits.hpp"
#include "storage/images/image_files.hpp"

#include <caf/send.hpp>
#include <caf/typed_event_based_actor.hpp>

#include <algorithm>

namespace muster::images {

namespace {

/// A file is there before its record.
constexpr auto record_comes_within = std::chrono::minutes(10);
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

enum class noted : unsigned char { here, elsewhere, nowhere };

/// By the records of all projects; none: there are no records.
std::optional<noted> noted_where(const acting_member& me, const std::string& fingerprint) {
  std::optional<noted> found;
  for (const auto& row : me.view->all<image>()) {
    if (row.fingerprint != fingerprint) continue;
    const auto& at = row.locations;
    if (std::find(at.begin(), at.end(), me.self) != at.end()) return noted::here;
    if (!at.empty() || !found) found = at.empty() ? noted::nowhere : noted::elsewhere;
  }
  return found;
}

/// A file that nobody is noted to have is read, and noted if it is whole.
void drop_unnoted(const images_settings& with) {
  const auto me = with.server->acting();
  if (!me) return;
  for (const auto& fingerprint : storage::images_older_than(with.data_dir, {})) {
    if (with.files->is_busy(fingerprint)) continue;
    const auto now = noted_where(*me, fingerprint);
    if (now == noted::nowhere) {
      if (const auto good = with.files->check(fingerprint); good && *good)
        (void)with.files->fetch_file(fingerprint, {}).ok();
    } else if (now == noted::elsewhere) {
      storage::remove_image(with.data_dir, fingerprint, [&] {
        const auto later = with.server->acting();
        return !later || noted_where(*later, fingerprint) != noted::elsewhere;
      });
    }
  }
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

/// Reads one file each minute, each once a day: damage is found before the copy is needed.
void look_after(images_state& state) {
  const auto now = node::clock::now();
  const auto& with = state.with;
  if (!with.server->acting()) return;
  for (const auto& fingerprint : storage::images_older_than(with.data_dir, record_comes_within)) {
    const auto at = state.read.find(fingerprint);
    if (at != state.read.end() && now - at->second < read_again_after) continue;
    state.read[fingerprint] = now;
    if (const auto good = with.files->check(fingerprint); good && !*good)
      with.log("the file of image " + fingerprint + " was damaged: another copy takes its place");
    return;
  }
}

}  // namespace

images_handle::behavior_type images_actor(images_handle::stateful_pointer<images_state> self,
                                          images_settings with) {
  storage::remove_unfinished_images(with.data_dir);
  self->state.with = std::move(with);
  return {
      [=](const drop_files& m) { drop_all(self->state.with, m.fingerprints); },
      [=](const tell_when_dropped& m) { m.then(); },
      [=](trim_files) { drop_unnoted(self->state.with); },
      [=](sweep_files) {
        sweep(self->state.with);
        drop_unnoted(self->state.with);
        look_after(self->state);
      },
  };
}

}  // namespace muster::images
