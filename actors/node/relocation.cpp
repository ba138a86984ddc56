#include "actors/node/node.hpp"
#include "schemas/basic/limits.hpp"

#include <thread>

/// A member that starts at another address than the others know.
namespace muster::node {

status node::relocate(member_id who, const std::string& address, const requestor& by) {
  const auto host = tls::split_address(address).first;
  if (address.size() > limits::address_bytes_max || host.empty() || host == "0.0.0.0" ||
      host == "::")
    return fail(errc::bad_request, "that is no address that members can dial");
  auto done =
      write(relocate_member{who, address}, by, "address", clock::now() + limits::write_deadline);
  return done ? ok() : status(done.error());
}

bool node::is_known_here() const {
  const auto m = local_view()->row<member>({}, {self().value});
  return !is_clustered() || !m || address().empty() || m->address == address();
}

status node::announce_to(const member& other) const {
  const auto deadline = clock::now() + limits::dial_deadline + limits::write_deadline;
  auto stream = dial_member(address_of(other, load_edited(with_.data_dir)), other.fingerprint,
                            clock::now() + limits::dial_deadline);
  if (!stream) return stream.error();
  tls::http_request ask;
  ask.method = "POST";
  ask.target = "/internal/cluster/address";
  ask.body = address();
  auto answer = tls::ask(**stream, ask, {deadline, 4096, {}});
  if (!answer) return answer.error();
  if (answer->status == 409) return fail(errc::conflict, answer->body);
  if (answer->status != 200) return fail(errc::unavailable, answer->body);
  return ok();
}

/// Through the log if a leader can be heard. Else any member that is reached passes it on: it knows
/// this one by its certificate.
status node::announce_to_any() {
  if (const auto r = now(); r && (*r)->board().raft.leader)
    return relocate(self(), address(), {name(), "cluster", address()});
  status told = fail(errc::unavailable, "no member is reached");
  for (const auto& m : local_view()->all<member>()) {
    if (stopping_ || m.id() == self()) continue;
    told = announce_to(m);
    if (told || told.error().code == errc::conflict) break;
  }
  return told;
}

void node::announce_address() {
  if (is_known_here()) return;
  announcing_ = std::thread([this] {
    bool is_said = false;
    while (!stopping_ && !is_known_here()) {
      const auto told = announce_to_any();
      if (!told && told.error().code == errc::conflict && !std::exchange(is_said, true))
        with_.log("the address " + address() +
                  " is still that of another member: " + told.error().detail);
      for (int i = 0; i < 10 && !stopping_ && !is_known_here(); ++i)
        std::this_thread::sleep_for(std::chrono::milliseconds(50));
    }
  });
}

}  // namespace muster::node
