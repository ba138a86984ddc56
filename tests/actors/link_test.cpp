#include "actors/link/caf_system.hpp"
#include "actors/link/links.hpp"
#include "tests/actors/tls_pair.hpp"

#include <boost/test/unit_test.hpp>
#include <caf/actor_system.hpp>

#include <algorithm>
#include <condition_variable>
#include <filesystem>
#include <fstream>
#include <mutex>

using namespace muster;
using namespace std::chrono_literals;

namespace {

/// One member as its links see it.
struct side {
  member_id id;
  member_id said;  ///< what its hello claims
  tls::pem_pair own;
  link::caf_config config{2};
  caf::actor_system system{config};
  std::mutex lock;
  std::condition_variable changed;
  std::vector<std::string> heard;
  bool is_up = false;
  std::uint64_t sessions = 0;
  std::shared_ptr<tls::stream> accepted;
  std::function<void(const std::string&)> on_heard;
  std::string dial_address;
  member_id peer_id;
  std::unique_ptr<link::links> links;
  std::unique_ptr<tests::tls_listener> listener;

  side(std::uint64_t number, std::uint64_t peer)
      : id{number},
        said{number},
        own(tls::make_certificate("n" + std::to_string(number))),
        peer_id{peer} {
    link::links_settings with;
    with.hello = [this] {
      codec::hello h;
      h.cluster_uuid = "u";
      h.member = said;
      h.started = {1};
      return h;
    };
    with.on_message = [this](member_id, std::shared_ptr<const codec::link_body> body) {
      const auto* e = std::get_if<codec::operation_event>(body.get());
      if (!e) return;
      if (on_heard) return on_heard(e->json);
      const std::lock_guard guard(lock);
      heard.push_back(e->json);
      changed.notify_all();
    };
    with.on_session = [this](member_id, bool up) {
      const std::lock_guard guard(lock);
      is_up = up;
      sessions += up ? 1 : 0;
      changed.notify_all();
    };
    with.dial = [this](const link::peer& to) {
      tls::dial_options how;
      how.host_port = to.address;
      how.server_name = tls::member_name;
      how.pinned_fingerprint = to.fingerprint;
      how.own = &own;
      how.deadline = tls::clock::now() + 3s;
      return tls::dial(how);
    };
    with.knock = [](const link::peer&) {};
    links = std::make_unique<link::links>(system, std::move(with));
    listener = std::make_unique<tests::tls_listener>(own, [this](std::shared_ptr<tls::stream> s) {
      {
        const std::lock_guard guard(lock);
        accepted = s;
      }
      (void)links->accept(peer_id, std::move(s)).ok();
    });
  }
  ~side() {
    listener.reset();
    links.reset();
  }
  bool wait(const std::function<bool()>& holds) {
    std::unique_lock guard(lock);
    return changed.wait_for(guard, 20s, holds);
  }
  std::uint64_t sessions_so_far() {
    const std::lock_guard guard(lock);
    return sessions;
  }
  void cut() {
    const std::lock_guard guard(lock);
    accepted->shutdown();
  }
  [[nodiscard]] link::peer as_peer() const {
    return {id, "n" + std::to_string(id.value), listener->address(),
            *tls::fingerprint_of(own.certificate)};
  }
};

struct pair_of_sides {
  side a{1, 2};
  side b{2, 1};
  pair_of_sides() {
    a.links->set_peers({b.as_peer()});
    b.links->set_peers({a.as_peer()});
  }
  bool wait_up() {
    return a.wait([&] { return a.is_up; }) && b.wait([&] { return b.is_up; });
  }
};

std::size_t count_of(const char* directory) {
  const std::filesystem::directory_iterator all(directory);
  return static_cast<std::size_t>(std::distance(begin(all), end(all)));
}

std::size_t resident_kb() {
  std::ifstream in("/proc/self/statm");
  std::size_t total = 0;
  std::size_t resident = 0;
  in >> total >> resident;
  return resident * 4;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(links)

BOOST_AUTO_TEST_CASE(messages_come_in_order) {
  pair_of_sides p;
  BOOST_REQUIRE(p.wait_up());
  for (int i = 0; i < 1000; ++i)
    BOOST_REQUIRE(p.a.links->send({2}, codec::operation_event{std::to_string(i)}));
  BOOST_REQUIRE(p.b.wait([&] { return p.b.heard.size() == 1000; }));
  for (int i = 0; i < 1000; ++i)
    BOOST_REQUIRE(p.b.heard[static_cast<std::size_t>(i)] == std::to_string(i));
}

BOOST_AUTO_TEST_CASE(a_hello_of_another_member_opens_no_session) {
  side a{1, 2};
  side b{2, 1};
  b.said = {3};
  a.links->set_peers({b.as_peer()});
  b.links->set_peers({a.as_peer()});
  std::unique_lock guard(a.lock);
  BOOST_TEST(!a.changed.wait_for(guard, 1s, [&] { return a.is_up; }));
}

BOOST_AUTO_TEST_CASE(a_server_with_another_certificate_is_not_spoken_to) {
  side a{1, 2};
  side b{2, 1};
  auto wrong = b.as_peer();
  wrong.fingerprint = *tls::fingerprint_of(tls::make_certificate("other").certificate);
  a.links->set_peers({wrong});
  b.links->set_peers({a.as_peer()});
  std::unique_lock guard(a.lock);
  BOOST_TEST(!a.changed.wait_for(guard, 1s, [&] { return a.is_up; }));
}

/// MUSTER_RECONNECTS=1000 for the long form.
BOOST_AUTO_TEST_CASE(reconnects_leak_nothing) {
  const char* wanted = std::getenv("MUSTER_RECONNECTS");
  const std::uint64_t rounds = wanted ? std::strtoull(wanted, nullptr, 10) : 60;
  pair_of_sides p;
  BOOST_REQUIRE(p.wait_up());
  std::size_t files = 0;
  std::size_t threads = 0;
  std::size_t memory = 0;
  for (std::uint64_t i = 0; i < rounds; ++i) {
    if (i == rounds / 2) {
      files = count_of("/proc/self/fd");
      threads = count_of("/proc/self/task");
      memory = resident_kb();
    }
    const auto before = p.a.sessions_so_far();
    p.b.cut();
    BOOST_REQUIRE(p.a.wait([&] { return p.a.sessions > before && p.a.is_up; }));
    BOOST_REQUIRE(p.b.wait([&] { return p.b.is_up; }));
  }
  BOOST_TEST_MESSAGE(rounds << " reconnects: descriptors " << files << " -> "
                            << count_of("/proc/self/fd") << ", threads " << threads << " -> "
                            << count_of("/proc/self/task") << ", RSS " << memory << " -> "
                            << resident_kb() << " kB");
  BOOST_TEST(count_of("/proc/self/fd") <= files + 4);
  BOOST_TEST(count_of("/proc/self/task") <= threads + 4);
}

/// MUSTER_LINK_SECONDS=600 for the long form.
BOOST_AUTO_TEST_CASE(a_long_run_leaks_nothing) {
  const char* wanted = std::getenv("MUSTER_LINK_SECONDS");
  const std::chrono::seconds length(wanted ? std::strtoul(wanted, nullptr, 10) : 1);
  pair_of_sides p;
  BOOST_REQUIRE(p.wait_up());
  std::atomic<std::uint64_t> back{0};
  p.a.on_heard = [&](const std::string&) {
    ++back;
    const std::lock_guard guard(p.a.lock);
    p.a.changed.notify_all();
  };
  p.b.on_heard = [&](const std::string& text) {
    p.b.links->send({1}, codec::operation_event{text});
  };
  const std::string text(2000, 'x');
  std::uint64_t sent = 0;
  const auto exchange_until = [&](std::chrono::steady_clock::time_point end) {
    do {
      ++sent;
      BOOST_REQUIRE(p.a.links->send({2}, codec::operation_event{text}));
      BOOST_REQUIRE(p.a.wait([&] { return back == sent; }));
    } while (std::chrono::steady_clock::now() < end);
  };
  const auto began = std::chrono::steady_clock::now();
  exchange_until(began + length / 4);
  const auto files = count_of("/proc/self/fd");
  const auto threads = count_of("/proc/self/task");
  const auto memory = resident_kb();
  exchange_until(began + length);
  BOOST_TEST_MESSAGE(sent << " round trips of 2 kB: descriptors " << files << " -> "
                          << count_of("/proc/self/fd") << ", threads " << threads << " -> "
                          << count_of("/proc/self/task") << ", RSS " << memory << " -> "
                          << resident_kb() << " kB");
  BOOST_TEST(count_of("/proc/self/fd") <= files + 2);
  BOOST_TEST(count_of("/proc/self/task") <= threads + 2);
}

BOOST_AUTO_TEST_CASE(round_trips) {
  pair_of_sides p;
  BOOST_REQUIRE(p.wait_up());
  p.b.on_heard = [&](const std::string& text) {
    p.b.links->send({1}, codec::operation_event{text});
  };
  std::vector<double> times;
  const std::string text(200, 'x');
  for (std::size_t i = 1; i <= 2000; ++i) {
    const auto began = std::chrono::steady_clock::now();
    BOOST_REQUIRE(p.a.links->send({2}, codec::operation_event{text}));
    BOOST_REQUIRE(p.a.wait([&] { return p.a.heard.size() == i; }));
    times.push_back(
        std::chrono::duration<double, std::micro>(std::chrono::steady_clock::now() - began)
            .count());
  }
  std::sort(times.begin(), times.end());
  BOOST_TEST_MESSAGE("200 B round trip: p50 " << times[1000] << " us, p99 " << times[1980]
                                              << " us");
}

BOOST_AUTO_TEST_SUITE_END()
