#include "actors/node/node.hpp"
#include "schemas/limits.hpp"

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

/// Any member that is reached will do: it knows this one by its certificate.
status node::announce_to(const member& other) const {
  const auto deadline = clock::now() + limits::dial_deadline + limits::write_deadline;
  auto stream = dial_member(other.address, other.fingerprint, clock::now() + limits::dial_deadline);
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

void node::announce_address() {
  if (is_known_here()) return;
  announcing_ = std::thread([this] {
    const requestor by{name(), "cluster", address()};
    if (local_view()->all<member>().size() == 1) (void)relocate(self(), address(), by).ok();
    while (!stopping_ && !is_known_here()) {
      for (const auto& m : local_view()->all<member>()) {
        if (stopping_ || m.id() == self()) continue;
        auto told = announce_to(m);
        if (told) break;
        if (told.error().code != errc::conflict) continue;
        with_.log("the address " + address() +
                  " is that of another member: " + told.error().detail);
        return;
      }
      for (int i = 0; i < 10 && !stopping_ && !is_known_here(); ++i)
        std::this_thread::sleep_for(std::chrono::milliseconds(50));
    }
  });
}

}  // namespace muster::node
