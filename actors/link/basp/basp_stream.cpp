#include "actors/link/basp/basp_stream.hpp"

#include "actors/link/tls/tls_stream.hpp"

#include <caf/actor_system.hpp>
#include <caf/io/middleman.hpp>
#include <caf/io/network/default_multiplexer.hpp>
#include <caf/io/network/stream_impl.hpp>

#include <fcntl.h>

namespace muster::link {

namespace {

namespace net = caf::io::network;

/// What scribe and policy share. Touched by the multiplexer's thread only.
struct channel {
  std::shared_ptr<tls::stream> stream;
  std::function<void()> on_close;
  const std::vector<char>* flushed = nullptr;  ///< bytes that BASP has given and nobody has taken
  bool is_writing = false;                     ///< older bytes wait for the socket

  channel(std::shared_ptr<tls::stream> s, std::function<void()> f)
      : stream(std::move(s)), on_close(std::move(f)) {}
  ~channel() { on_close(); }
  channel(const channel&) = delete;
  channel& operator=(const channel&) = delete;

  net::rw_state write(std::size_t& given, const void* from, std::size_t size) const {
    const auto got = stream->try_write(static_cast<const char*>(from), size, given);
    return got == tls::io::closed ? net::rw_state::failure : net::rw_state::success;
  }
};

/// CAF's idea of a transport; a call that would block gives zero bytes.
class policy {
public:
  explicit policy(std::shared_ptr<channel> c) : c_(std::move(c)) {}

  net::rw_state read_some(std::size_t& taken, net::native_socket, void* to, std::size_t size) {
    const auto got = c_->stream->try_read(static_cast<char*>(to), size, taken);
    return got == tls::io::closed ? net::rw_state::failure : net::rw_state::success;
  }
  net::rw_state write_some(std::size_t& given, net::native_socket, const void* from,
                           std::size_t size) {
    const auto done = c_->write(given, from, size);
    if (given == size && c_->flushed->empty()) c_->is_writing = false;
    return done;
  }
  bool must_read_more(net::native_socket, std::size_t) { return c_->stream->has_pending(); }

private:
  std::shared_ptr<channel> c_;
};

class tls_scribe final : public caf::io::scribe {
public:
  /// `fd` is the socket's own copy for the multiplexer, which closes it.
  tls_scribe(net::default_multiplexer& mx, int fd, const std::shared_ptr<channel>& c)
      : scribe(net::conn_hdl_from_socket(fd)), c_(c), stream_(mx, fd, c) {
    c_->flushed = &stream_.wr_buf();
  }
  void configure_read(caf::io::receive_policy::config how) override {
    stream_.configure_read(how);
    if (std::exchange(is_launched_, true)) return;
    stream_.start(this);
    if (c_->stream->has_pending())  // read with the answer to the upgrade: no event tells of it
      stream_.backend().post([self = caf::intrusive_ptr<tls_scribe>(this)] {
        if (!self->detached())  // else the first write has failed and nobody reads
          self->stream_.handle_event(net::operation::read);
      });
  }
  void ack_writes(bool enable) override { stream_.ack_writes(enable); }
  std::vector<char>& wr_buf() override { return stream_.wr_buf(); }
  std::vector<char>& rd_buf() override { return stream_.rd_buf(); }
  void flush() override {
    auto& bytes = stream_.wr_buf();
    std::size_t given = 0;
    if (!c_->is_writing && c_->write(given, bytes.data(), bytes.size()) == net::rw_state::success)
      bytes.erase(bytes.begin(), bytes.begin() + static_cast<std::ptrdiff_t>(given));
    if (bytes.empty()) return;
    c_->is_writing = true;
    stream_.flush(this);
  }
  void graceful_shutdown() override {
    stream_.graceful_shutdown();
    detach(&stream_.backend(), false);
  }
  void add_to_loop() override { stream_.activate(this); }
  void remove_from_loop() override { stream_.passivate(); }
  std::string addr() const override { return "muster-link"; }
  std::uint16_t port() const override { return 0; }

private:
  bool is_launched_ = false;
  std::shared_ptr<channel> c_;
  net::stream_impl<policy> stream_;
};

}  // namespace

caf::io::scribe_ptr make_scribe(caf::actor_system& system, std::shared_ptr<tls::stream> stream,
                                std::function<void()> on_close) {
  auto& mx = static_cast<net::default_multiplexer&>(system.middleman().backend());
  const int fd = ::fcntl(stream->fd(), F_DUPFD_CLOEXEC, 0);
  if (fd < 0) {
    on_close();
    return nullptr;
  }
  return caf::make_counted<tls_scribe>(
      mx, fd, std::make_shared<channel>(std::move(stream), std::move(on_close)));
}

}  // namespace muster::link
