#include "http/resources/exec/exec_session.hpp"

#include "actors/node/secrets.hpp"
#include "http/message/json_reader.hpp"
#include "schemas/basic/limits.hpp"

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <poll.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <unistd.h>

namespace muster::http {

namespace {

constexpr std::size_t input_bytes_max = 1u << 20;
constexpr std::size_t backlog_bytes_max = 1u << 20;
constexpr std::size_t part_bytes = 64u << 10;
constexpr int look_again_ms = 50;  // at a client that takes nothing
constexpr auto kill_time_max = std::chrono::seconds(5);
constexpr auto drain_time_max = std::chrono::minutes(10);  // for the client to take the last output

unsigned number_of(const std::string& text) {
  unsigned n = 0;
  std::from_chars(text.data(), text.data() + text.size(), n);
  return n;
}

}  // namespace

exec_session::exec_session(bool with_terminal)
    : with_terminal_(with_terminal), wake_fd_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {
  for (const char* name : {"0", "control"}) secrets_[name] = node::random_hex(32);
  if (!with_terminal)
    for (const char* name : {"1", "2"}) secrets_[name] = node::random_hex(32);
}

exec_session::~exec_session() { ::close(wake_fd_); }

result<std::string> exec_session::claim(const std::string& secret) {
  for (const auto& [channel_name, known] : secrets_) {
    if (known != secret) continue;
    const std::lock_guard guard(lock_);
    if (!claimed_.insert(channel_name).second)
      return fail(errc::forbidden, "Websocket number already connected");
    return channel_name;
  }
  return fail(errc::forbidden, "not authorized");
}

void exec_session::wake() const {
  const std::uint64_t one = 1;
  (void)!::write(wake_fd_, &one, sizeof one);
}

// --- on the front's loop

void exec_session::attach(const std::string& name, const std::shared_ptr<websocket>& socket) {
  const std::weak_ptr<exec_session> weak = weak_from_this();
  if (name == "0")
    socket->on_message = [weak](ws_op op, std::string data) {
      if (auto self = weak.lock()) self->take_input(op, std::move(data));
    };
  if (name == "control")
    socket->on_message = [weak](ws_op, const std::string& data) {
      if (auto self = weak.lock()) self->take_control(data);
    };
  socket->on_close = [weak, name] {
    if (auto self = weak.lock()) self->hear_close(name);
  };
  const std::lock_guard guard(lock_);
  sockets_[name] = socket;
  changed_.notify_all();
}

/// As Incus: a command has no use without its client.
void exec_session::hear_close(const std::string& name) {
  const std::lock_guard guard(lock_);
  if (name == "0") input_ended_ = true;
  const bool ends = name == "control" || (name == "0" && with_terminal_) ||
                    (name == "1" && !sockets_.contains("control"));
  is_hung_up_ = is_hung_up_ || ends;
  wake();
}

void exec_session::take_input(ws_op op, std::string data) {
  const std::lock_guard guard(lock_);
  if (op == ws_op::text && data.empty())
    input_ended_ = true;  // the client's word for the end of its input
  else if (!input_ended_)
    input_ += data;
  if (input_.size() > input_bytes_max) sockets_["0"]->pause(true);
  wake();
}

void exec_session::take_control(const std::string& json) {
  auto message = json_object::parse(json);
  if (!message) return;
  const auto command = message->text("command");
  const std::lock_guard guard(lock_);
  if (!running_) return;
  if (command == "window-resize") {
    const auto size = message->object("args");
    running_->resize(number_of(size.text("width")), number_of(size.text("height")));
  }
  if (command == "signal") running_->signal(static_cast<int>(message->number("signal")));
}

// --- on the operation's thread

bool exec_session::is_ready() const {
  return std::all_of(secrets_.begin(), secrets_.end(), [&](const auto& s) {
    return sockets_.contains(s.first) || (s.first == "control" && !with_terminal_);
  });
}

std::shared_ptr<websocket> exec_session::socket_of(const std::string& name) {
  const std::lock_guard guard(lock_);
  const auto at = sockets_.find(name);
  return at == sockets_.end() ? nullptr : at->second;
}

/// False: nothing more can be written.
bool exec_session::write_input(instances::exec_process& p) {
  std::string data;
  bool ended = false;
  {
    const std::lock_guard guard(lock_);
    data = std::move(input_);
    input_.clear();
    ended = input_ended_;
  }
  const auto n = data.empty() ? 0 : ::write(p.in, data.data(), data.size());
  if (n < 0 && errno != EAGAIN) return false;
  data.erase(0, n > 0 ? static_cast<std::size_t>(n) : 0);
  const bool is_done = ended && data.empty();
  const std::lock_guard guard(lock_);
  input_ = data + input_;
  if (input_.size() <= input_bytes_max / 2) sockets_["0"]->pause(false);
  return !(is_done && input_.empty());
}

/// False: the descriptor has ended and is closed.
bool exec_session::read_output(int& fd, const std::string& to) {
  char part[part_bytes];
  const auto n = ::read(fd, part, sizeof part);
  if (n > 0) {
    socket_of(to)->send(ws_op::binary, {part, static_cast<std::size_t>(n)});
    return true;
  }
  return n < 0 && (errno == EAGAIN || errno == EINTR);
}

/// The command is told first; the helper, which takes it along, if that was in vain.
void exec_session::look_after_hung_up(const instances::exec_process& p) {
  const std::lock_guard guard(lock_);
  if (!is_hung_up_) return;
  const auto now = std::chrono::steady_clock::now();
  if (!hung_up_at_) {
    hung_up_at_ = now;
    p.signal(SIGKILL);
  } else if (now > *hung_up_at_ + kill_time_max) {
    ::kill(p.helper, SIGKILL);
  }
}

/// One round of waiting and carrying; false once the command has ended and all output is sent.
bool exec_session::carry(instances::exec_process& p) {
  const std::string out_name = with_terminal_ ? "0" : "1";
  const bool out_waits = p.out >= 0 && socket_of(out_name)->backlog_bytes() > backlog_bytes_max;
  const bool err_waits = p.err >= 0 && socket_of("2")->backlog_bytes() > backlog_bytes_max;
  bool has_input = false;
  {
    const std::lock_guard guard(lock_);
    has_input = !input_.empty() || (input_ended_ && !with_terminal_);
  }
  if (!ended_at_) look_after_hung_up(p);
  pollfd fds[5] = {{out_waits ? -1 : p.out, POLLIN, 0},
                   {err_waits ? -1 : p.err, POLLIN, 0},
                   {has_input ? p.in : -1, POLLOUT, 0},
                   {ended_at_ ? -1 : p.exited, POLLIN, 0},
                   {wake_fd_, POLLIN, 0}};
  const bool waits = out_waits || err_waits || hung_up_at_;
  ::poll(fds, 5, waits ? look_again_ms : ended_at_ ? 0 : -1);
  if (fds[4].revents) {
    std::uint64_t ignored = 0;
    (void)!::read(wake_fd_, &ignored, sizeof ignored);
  }
  if (fds[0].revents && !read_output(p.out, out_name)) {
    ::close(p.out);
    p.out = -1;
  }
  if (fds[1].revents && !read_output(p.err, "2")) {
    ::close(p.err);
    p.err = -1;
  }
  if (fds[2].revents && !write_input(p)) p.close_in();
  if (fds[3].revents) ended_at_ = std::chrono::steady_clock::now();
  if (!ended_at_) return true;
  const bool said_all = !fds[0].revents && !fds[1].revents && !out_waits && !err_waits;
  return !said_all && std::chrono::steady_clock::now() < *ended_at_ + drain_time_max;
}

bool exec_session::finish_output(const std::string& to) {
  auto socket = socket_of(to);
  if (!socket) return false;
  socket->send(ws_op::text, "");  // the client's word for the end of output
  socket->close();
  return true;
}

void exec_session::close_all() {
  for (const auto& [name, secret] : secrets_) {
    if (name == "control" || (name == "0" && !with_terminal_)) {
      if (auto socket = socket_of(name)) socket->close();
    } else {
      finish_output(name);
    }
  }
}

result<int> exec_session::run(const instances::lxc_driver& driver, const instances::container& c,
                              const instances::exec_wish& what, unsigned columns, unsigned rows) {
  {
    std::unique_lock guard(lock_);
    const bool is_there =
        changed_.wait_for(guard, limits::exec_connect_deadline, [&] { return is_ready(); });
    guard.unlock();
    if (!is_there) {
      close_all();
      return fail(errc::bad_request, "Timed out waiting for websockets to connect");
    }
  }
  auto p = instances::begin_exec(driver, c, what, columns, rows);
  if (!p) {
    close_all();
    return p.error();
  }
  {
    const std::lock_guard guard(lock_);
    running_ = &*p;
  }
  while (carry(*p)) {
  }
  {
    const std::lock_guard guard(lock_);
    running_ = nullptr;
  }
  const int code = instances::wait_for_end(p->helper);
  close_all();
  return code;
}

}  // namespace muster::http
