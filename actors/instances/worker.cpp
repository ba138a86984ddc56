#include "actors/instances/worker.hpp"

#include "schemas/projects.hpp"

namespace muster::instances {

namespace {

/// One order with what it needs at hand.
class work {
public:
  work(const instances_settings& with, const order& what) : with_(with), what_(what) {}

  status create() {
    if (auto fetched = with_.fetch_image(images_, row_.image_fingerprint); !fetched) return fetched;
    if (auto made = driver().create(box_); !made) return made;
    return report(instance_status::stopped, "");
  }
  status start(const char* action) {
    if (driver().pid_of(row_.head.id) != 0)
      return fail(errc::refused, "The instance is already running");
    if (row_.status == instance_status::creating)  // cut short
      if (auto made = create(); !made) return made;
    if (what_.is_own) return start_again(action);
    if (auto wanted = want(power::running); !wanted) return wanted;
    auto started = driver().start(box_);
    if (!started) {
      (void)want(power::stopped).ok();
      return started;
    }
    settle();
    return report(instance_status::running, action);
  }
  status stop(const char* action) {
    if (what_.is_own && row_.wanted != power::stopped) return ok();
    const bool is_running = driver().pid_of(row_.head.id) != 0;
    if (!is_running && row_.wanted == power::stopped)
      return fail(errc::bad_request, "The instance is already stopped");
    if (auto wanted = want(power::stopped); !wanted) return wanted;
    if (!is_running) return report(instance_status::stopped, action);  // it was to be tried again
    auto stopped = driver().stop(box_, what_.force, what_.timeout_s);
    if (!stopped) {
      (void)want(power::running).ok();
      return stopped;
    }
    if (row_.ephemeral && what_.what == verb::stop && !what_.is_own) return end_ephemeral();
    return report(instance_status::stopped, action);
  }
  status restart() {
    if (auto stopped = stop(""); !stopped) return stopped;
    return start("restarted");
  }
  status freeze(bool on) {
    if (what_.is_own && row_.wanted != power::frozen) return ok();
    if (driver().pid_of(row_.head.id) == 0)
      return fail(errc::bad_request, "The instance isn't running");
    if (auto done = driver().freeze(box_, on); !done) return done;
    if (auto wanted = want(on ? power::frozen : power::running); !wanted) return wanted;
    return report(on ? instance_status::frozen : instance_status::running,
                  on ? "paused" : "resumed");
  }
  status publish() {
    if (driver().pid_of(row_.head.id) != 0)
      return fail(errc::bad_request, "Cannot export a running instance as an image");
    if (row_.status == instance_status::creating)
      return fail(errc::busy, "The instance is being created");
    (void)with_.fetch_image(images_, row_.image_fingerprint).ok();  // a copy may do without
    return driver().publish(box_, *what_.image);
  }
  status remove() {
    if (driver().pid_of(what_.key.id) != 0)
      if (auto stopped = driver().stop(box_, true, 0); !stopped) return stopped;
    auto gone = driver().remove(box_);
    if (gone) settle();
    return gone;
  }

  status run() {
    // The actor's own orders follow from records, which must not be old ones.
    if (what_.is_own)
      if (auto fresh = with_.readable(); !fresh) return fresh;
    const auto me = with_.acting();
    if (!me) return fail(errc::unavailable, "this server does not act as a member now");
    const auto& view = me->view;
    self_ = me->self;
    if (what_.what == verb::remove) {
      row_ = what_.last;
    } else {
      auto row = view->row<instance>(what_.key.project, what_.key.id);
      if (!row) return fail(errc::not_found, "Instance not found");
      if (row->owner != self_)
        return fail(errc::refused, "The instance lives on another member by now; try again");
      row_ = *std::move(row);
    }
    box_ = container_of(*view, row_, with_.data_dir);
    images_ = home_of(*view, row_.head.project, "images");
    if (is_of_another(box_) && what_.what == verb::remove) return ok();
    if (is_of_another(box_) && what_.what != verb::create && what_.what != verb::start)
      return fail(errc::refused, "its files are not on this member: those in " +
                                     container_directory(with_.data_dir, row_.head.id) +
                                     " are of another instance");
    switch (what_.what) {
      case verb::create:
        return create();
      case verb::start:
        return start("started");
      case verb::stop:
        return stop(what_.force ? "stopped" : "shutdown");
      case verb::restart:
        return restart();
      case verb::freeze:
        return freeze(true);
      case verb::unfreeze:
        return freeze(false);
      case verb::tidy:
        return driver().tidy(box_);
      case verb::publish:
        return publish();
      case verb::remove:
        return remove();
    }
    return ok();
  }

private:
  /// It is wanted, and does not run: that stays so when it fails, and people are told why.
  status start_again(const char* action) {
    if (row_.wanted == power::stopped) return ok();
    auto started = driver().start(box_);
    if (started) {
      settle();
      return report(instance_status::running, action);
    }
    if (row_.status != instance_status::stopped) (void)report(instance_status::stopped, "").ok();
    (void)with_
        .write(
            raise_warning{start_failed, self_, key_of(row_), started.error().detail, severity::low},
            {}, what_.trace)
        .ok();
    return started;
  }
  /// Nothing is wrong with it any more.
  void settle() {
    const auto me = with_.acting();
    if (!me) return;
    for (const auto& w : me->view->all<warning>())
      if (w.type == start_failed && w.about == key_of(row_) && w.location == self_ &&
          w.status != warning_status::resolved)
        (void)with_.write(settle_warning{start_failed, self_, w.about}, {}, what_.trace).ok();
  }
  /// An ephemeral instance does not outlive its stop.
  status end_ephemeral() {
    auto erased = with_.write(erase_object{key_of(row_), {}}, what_.who, what_.trace);
    return erased ? driver().remove(box_) : status(erased.error());
  }
  lxc_driver& driver() { return *with_.driver; }
  status want(power wanted) {
    auto done = with_.write(want_instance{key_of(row_), wanted, {}}, what_.who, what_.trace);
    return done ? ok() : status(done.error());
  }
  status report(instance_status seen, const char* action) {
    auto done = with_.write(report_instance{key_of(row_), row_.generation, seen, action}, what_.who,
                            what_.trace);
    return done ? ok() : status(done.error());
  }

  const instances_settings& with_;
  const order& what_;
  member_id self_;
  project_id images_;  ///< where its image is
  instance row_;
  container box_;
};

}  // namespace

status carry_out(const instances_settings& with, const order& what) {
  return work(with, what).run();
}

}  // namespace muster::instances
