#include "actors/link/probe.hpp"

#include "actors/link/basp/basp_inject.hpp"
#include "actors/link/caf_system.hpp"
#include "actors/link/flat.hpp"
#include "tests/actors/tls_pair.hpp"

#include <boost/test/unit_test.hpp>
#include <caf/actor_system.hpp>
#include <caf/event_based_actor.hpp>
#include <caf/io/middleman.hpp>
#include <caf/scoped_actor.hpp>

#include <atomic>
#include <future>

using namespace muster;
using namespace std::chrono_literals;

namespace {

caf::behavior listen(caf::event_based_actor*, std::atomic<int>* heard) {
  return {[heard](const link::flat&) { ++*heard; }, [heard](caf::get_atom) { ++*heard; }};
}

void connect_hostile(caf::io::broker* self, const std::shared_ptr<tls::stream>& stream,
                     std::promise<caf::actor>* found) {
  const auto then = [self, found](const caf::actor& remote) {
    found->set_value(remote);
    self->quit();
  };
  link::basp_connect(
      self, stream, 3000ms, [] {}, then);
}

/// A member's actor system with an actor in its registry, and a probe host beside it.
struct member_process {
  link::caf_config config{2};
  caf::actor_system system{config};
  std::atomic<int> heard{0};
  caf::actor raft;
  tls::pem_pair own = tls::make_certificate("n1");
  link::probe_host probe{
      [] { return codec::probe_report{"n1", "v", "leader", {3}, "n1", {9}, {8}, {"n1"}, 1}; }};
  tests::tls_listener listener{
      own, [this](std::shared_ptr<tls::stream> s) { probe.serve(std::move(s)); }};

  member_process() {
    raft = system.spawn(listen, &heard);
    system.registry().put(caf::atom("raft"), raft);
  }
  ~member_process() {
    system.registry().erase(caf::atom("raft"));
    caf::anon_send_exit(raft, caf::exit_reason::kill);
  }

  std::shared_ptr<tls::stream> connect() {
    tls::dial_options how;
    how.host_port = listener.address();
    how.own = &own;
    how.deadline = tls::clock::now() + 3s;
    auto stream = tls::dial(how);
    BOOST_REQUIRE(stream.ok());
    return *stream;
  }
};

}  // namespace

BOOST_AUTO_TEST_SUITE(probe)

BOOST_AUTO_TEST_CASE(a_report_comes_back) {
  member_process m;
  auto report = link::ask_probe(m.connect(), 3000ms);
  BOOST_REQUIRE(report.ok());
  BOOST_TEST(report->name == "n1");
  BOOST_CHECK(report->term == raft_term{3});
}

BOOST_AUTO_TEST_CASE(a_silent_host_is_an_error_in_time) {
  member_process m;
  tests::tls_listener silent(m.own, [](const std::shared_ptr<tls::stream>&) {});
  tls::dial_options how;
  how.host_port = silent.address();
  how.own = &m.own;
  how.deadline = tls::clock::now() + 3s;
  auto stream = tls::dial(how);
  BOOST_REQUIRE(stream.ok());
  BOOST_CHECK(!link::ask_probe(*stream, 500ms).ok());
}

/// Everything a hostile probe can name: the registry's actors, CAF's own servers, messages of the
/// links.
BOOST_AUTO_TEST_CASE(a_hostile_probe_reaches_no_actor_of_the_member) {
  member_process m;
  link::caf_config config{2};
  caf::actor_system hostile{config};
  std::promise<caf::actor> found;
  hostile.middleman().spawn_broker(connect_hostile, m.connect(), &found);
  const auto remote = found.get_future().get();
  BOOST_REQUIRE(remote);
  BOOST_CHECK(remote.node() != m.system.node());
  caf::scoped_actor self{hostile};
  for (int i = 0; i < 100; ++i) self->send(remote, link::flat{blob::copy_of("raft raft raft")});
  BOOST_CHECK(!hostile.middleman().remote_lookup(caf::atom("raft"), remote.node()));
  for (const auto name : {caf::atom("ConfigServ"), caf::atom("SpawnServ")}) {
    const auto server = hostile.middleman().remote_lookup(name, remote.node());
    if (!server) continue;
    BOOST_CHECK(server->node() != m.system.node());
    self->send(caf::actor_cast<caf::actor>(server), caf::get_atom_v);
    self->send(caf::actor_cast<caf::actor>(server), caf::put_atom_v, std::string("key"),
               std::string("value"));
  }
  self->request(remote, 3s, caf::get_atom_v)
      .receive([](const link::flat&) {},
               [](const caf::error&) { BOOST_ERROR("the probe does not answer any more"); });
  BOOST_TEST(m.heard == 0);
}

BOOST_AUTO_TEST_SUITE_END()
