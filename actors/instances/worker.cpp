#include "actors/instances/worker.hpp"

#include "schemas/projects.hpp"

namespace muster::instances {

namespace {

/// One order with what it needs at hand.
class work {
public:
  work(const instances_settings& with, const order& what) : with_(with), what_(what) {}

  status create() {
    const auto images = home_of(*with_.view(), row_.head.project, "images");
    if (auto fetched = with_.fetch_image(images, row_.image_fingerprint); !fetched) return fetched;
    if (auto made = driver().create(box_); !made) return made;
    return report(instance_status::stopped, "");
  }
  status start(const char* action) {
    if (driver().pid_of(row_.head.id) != 0)
      return fail(errc::refused, "The instance is already running");
    if (auto wanted = want(power::running); !wanted) return wanted;
    if (auto made = driver().create(box_); !made) return made;
    auto started = driver().start(box_);
    if (!started) {
      (void)want(power::stopped).ok();
      return started;
    }
    return report(instance_status::running, action);
  }
  status stop(const char* action) {
    if (driver().pid_of(row_.head.id) == 0)
      return fail(errc::bad_request, "The instance is already stopped");
    if (auto wanted = want(power::stopped); !wanted) return wanted;
    auto stopped = driver().stop(box_, what_.force, what_.timeout_s);
    if (!stopped) {
      (void)want(power::running).ok();
      return stopped;
    }
    if (row_.ephemeral && what_.what == verb::stop) return end_ephemeral();
    return report(instance_status::stopped, action);
  }
  status restart() {
    if (auto stopped = stop(""); !stopped) return stopped;
    return start("restarted");
  }
  status freeze(bool on) {
    if (driver().pid_of(row_.head.id) == 0)
      return fail(errc::bad_request, "The instance isn't running");
    if (auto done = driver().freeze(box_, on); !done) return done;
    if (auto wanted = want(on ? power::frozen : power::running); !wanted) return wanted;
    return report(on ? instance_status::frozen : instance_status::running,
                  on ? "paused" : "resumed");
  }
  status remove() {
    if (driver().pid_of(what_.key.id) != 0)
      if (auto stopped = driver().stop(box_, true, 0); !stopped) return stopped;
    return driver().remove(box_);
  }

  status run() {
    const auto view = with_.view();
    if (what_.what == verb::remove) {
      row_ = what_.last;
    } else {
      auto row = view->row<instance>(what_.key.project, what_.key.id);
      if (!row) return fail(errc::not_found, "Instance not found");
      if (row->owner != with_.self())
        return fail(errc::refused, "The instance lives on another member by now; try again");
      row_ = *std::move(row);
    }
    box_ = container_of(*view, row_, with_.data_dir);
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
      case verb::remove:
        return remove();
    }
    return ok();
  }

private:
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
  instance row_;
  container box_;
};

}  // namespace

status carry_out(const instances_settings& with, const order& what) {
  return work(with, what).run();
}

}  // namespace muster::instances
