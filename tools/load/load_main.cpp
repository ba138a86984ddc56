#include "tools/load/speaker.hpp"
#include "tools/load/wire.hpp"

#include <CLI/CLI.hpp>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <stdexcept>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <unistd.h>
#include <vector>

/// muster-load: one connection a client, one question after the other, all clients in one thread.
/// Prints one line of JSON.
namespace muster::load {

namespace {

using clock = std::chrono::steady_clock;

struct plan {
  std::vector<std::string> to;  ///< client i goes to the (i modulo count)-th
  std::string certificate;
  std::string key;
  question what;
  int clients = 1;
  double seconds = 3;
  double warmup_s = 0;      ///< not counted
  std::uint64_t total = 0;  ///< ends after so many answers; 0: after `seconds`
  std::uint64_t first = 0;  ///< the first %n
  double patience_s = 0;    ///< a slower or cut connection is dialled again; 0: waits for ever
};

struct session {
  std::unique_ptr<wire> on;
  std::unique_ptr<speaker> says;
  clock::time_point began;
  bool waits_to_write = false;
};

struct seen {
  std::vector<std::uint32_t> micros;
  std::uint64_t refused = 0;
  std::uint64_t broken = 0;
  std::string first_refusal;
  double longest_silence_s = 0;  ///< between two good answers, over all clients
};

double cpu_seconds() {
  rusage used{};
  ::getrusage(RUSAGE_SELF, &used);
  const auto seconds = [](const timeval& t) {
    return static_cast<double>(t.tv_sec) + static_cast<double>(t.tv_usec) * 1e-6;
  };
  return seconds(used.ru_utime) + seconds(used.ru_stime);
}

class loader {
public:
  explicit loader(const plan& p)
      : plan_(p),
        credentials_(p.certificate, p.key, p.what.protocol == "grpc" ? "h2" : "http/1.1"),
        epoll_(::epoll_create1(EPOLL_CLOEXEC)),
        next_(p.first) {
    for (const auto& to : p.to) targets_.push_back(target::parse(to));
    for (int i = 0; i < p.clients; ++i) sessions_.push_back(open(i));
  }
  ~loader() { ::close(epoll_); }
  loader(const loader&) = delete;
  loader& operator=(const loader&) = delete;

  void run() {
    const auto start = clock::now();
    counted_from_ = start + to_clock(plan_.warmup_s);
    end_ = counted_from_ + to_clock(plan_.seconds);
    last_good_ = counted_from_;
    cpu_ = cpu_seconds();
    for (auto& s : sessions_) {
      s.says->greet(s.on->out);
      ask(s);
      push(s);
    }
    epoll_event events[256];
    while ((open_ > 0 || plan_.patience_s > 0) && !is_over(clock::now())) {
      const int n = ::epoll_wait(epoll_, events, 256, plan_.patience_s > 0 ? 10 : 100);
      for (int i = 0; i < n; ++i) on_event(sessions_[events[i].data.u32]);
      if (plan_.patience_s > 0) dial_again();
    }
    took_s_ = std::chrono::duration<double>(clock::now() - counted_from_).count();
    cpu_ = cpu_seconds() - cpu_;
  }

  void print() {
    auto& all = seen_.micros;
    std::sort(all.begin(), all.end());
    const auto quantile = [&](double q) -> std::uint32_t {
      if (all.empty()) return 0;
      return all[std::min(all.size() - 1,
                          static_cast<std::size_t>(q * static_cast<double>(all.size())))];
    };
    std::printf(
        R"({"ops":%zu,"seconds":%.3f,"p50_us":%u,"p99_us":%u,"max_us":%u,"errors":%llu,"broken":%llu,)"
        R"("silence_s":%.3f,"cpu_s":%.3f})"
        "\n",
        all.size(), took_s_, quantile(0.5), quantile(0.99), quantile(1),
        static_cast<unsigned long long>(seen_.refused),
        static_cast<unsigned long long>(seen_.broken), seen_.longest_silence_s, cpu_);
    if (!seen_.first_refusal.empty())
      std::fprintf(stderr, "the first refusal: %.600s\n", seen_.first_refusal.c_str());
  }

private:
  static clock::duration to_clock(double seconds) {
    return std::chrono::duration_cast<clock::duration>(std::chrono::duration<double>(seconds));
  }

  session open(int client) {
    session s;
    const auto& to = targets_[static_cast<std::size_t>(client) % targets_.size()];
    s.on = std::make_unique<wire>(to, credentials_);
    const auto& q = plan_.what;
    if (q.protocol == "grpc")
      s.says = make_grpc(q, client, to.scheme == "tls");
    else
      s.says = q.protocol == "raw" ? make_raw(q) : make_http(q, client);
    epoll_event e{};
    e.events = EPOLLIN;
    e.data.u32 = static_cast<std::uint32_t>(client);
    ::epoll_ctl(epoll_, EPOLL_CTL_ADD, s.on->fd(), &e);
    ++open_;
    return s;
  }

  bool is_over(clock::time_point now) const {
    return plan_.total != 0 ? answered_ >= plan_.total : now >= end_;
  }

  void ask(session& s) {
    if (plan_.total != 0 && next_ - plan_.first >= plan_.total) return;
    s.began = clock::now();
    s.says->ask(s.on->out, next_++);
  }

  void push(session& s) {
    const bool must_wait = !s.on->flush();
    if (must_wait == s.waits_to_write || !s.on->is_open()) return;
    s.waits_to_write = must_wait;
    epoll_event e{};
    e.events = must_wait ? EPOLLIN | EPOLLOUT : EPOLLIN;
    e.data.u32 = static_cast<std::uint32_t>(&s - sessions_.data());
    ::epoll_ctl(epoll_, EPOLL_CTL_MOD, s.on->fd(), &e);
  }

  void on_event(session& s) {
    if (!s.on) return;
    do {
      if (!s.on->fill()) break;
      const auto said = s.says->take(s.on->in, s.on->out);
      if (said == answer::none) continue;
      if (said == answer::broken) return drop(s);
      note(s, said);
      ask(s);
      break;  // one question at a time: nothing more can be there that matters
    } while (true);
    if (s.on->is_open()) push(s);
    if (!s.on->is_open()) drop(s);
  }

  void note(const session& s, answer said) {
    ++answered_;
    const auto now = clock::now();
    if (s.began < counted_from_) return;
    if (said == answer::refused) {
      ++seen_.refused;
      if (seen_.first_refusal.empty()) seen_.first_refusal = s.says->shown();
      return;
    }
    const auto took = std::chrono::duration_cast<std::chrono::microseconds>(now - s.began);
    seen_.micros.push_back(static_cast<std::uint32_t>(took.count()));
    seen_.longest_silence_s =
        std::max(seen_.longest_silence_s, std::chrono::duration<double>(now - last_good_).count());
    last_good_ = now;
  }

  void drop(session& s) {
    ++seen_.broken;
    --open_;
    s.on.reset();
  }

  void dial_again() {
    const auto now = clock::now();
    for (std::size_t i = 0; i < sessions_.size(); ++i) {
      auto& s = sessions_[i];
      if (s.on && now - s.began < to_clock(plan_.patience_s)) continue;
      if (s.on) drop(s);
      try {
        s = open(static_cast<int>(i));
      } catch (const std::runtime_error&) {
        continue;  // nobody listens there now
      }
      s.says->greet(s.on->out);
      ask(s);
      push(s);
      if (!s.on->is_open()) drop(s);
    }
  }

  plan plan_;
  std::vector<target> targets_;
  credentials credentials_;
  int epoll_;
  int open_ = 0;
  std::uint64_t next_;
  std::uint64_t answered_ = 0;
  std::vector<session> sessions_;
  seen seen_;
  clock::time_point counted_from_;
  clock::time_point end_;
  clock::time_point last_good_;
  double took_s_ = 0;
  double cpu_ = 0;
};

}  // namespace

int main(int argc, char** argv) {
  plan p;
  CLI::App app("One connection a client, one question after the other; prints one line of JSON.");
  app.add_option("-t,--to", p.to,
                 "unix:PATH, tcp:HOST:PORT or tls:HOST:PORT; clients are dealt out")
      ->required();
  app.add_option("method", p.what.method, "of HTTP; put, get or sget of etcd's gRPC")->required();
  app.add_option("path", p.what.path, "with query; the key for gRPC. %c client, %n number")
      ->required();
  app.add_option("--protocol", p.what.protocol, "http, grpc or raw")->default_val("http");
  app.add_option("--body", p.what.body, "%c client, %n number, %v value, %b value in base64");
  app.add_option("--value-bytes", p.what.value_bytes);
  app.add_option("--cert", p.certificate, "client certificate, PEM");
  app.add_option("--key", p.key, "its key, PEM");
  app.add_option("-c,--clients", p.clients);
  app.add_option("-s,--seconds", p.seconds);
  app.add_option("-w,--warmup", p.warmup_s, "seconds before counting begins");
  app.add_option("-n,--total", p.total, "end after so many answers");
  app.add_option("--first", p.first, "the first number");
  app.add_option("--patience", p.patience_s, "seconds after which a connection is dialled again");
  CLI11_PARSE(app, argc, argv);
  try {
    loader l(p);
    l.run();
    l.print();
  } catch (const std::exception& e) {
    std::fprintf(stderr, "muster-load: %s\n", e.what());
    return 1;
  }
  return 0;
}

}  // namespace muster::load

int main(int argc, char** argv) { return muster::load::main(argc, argv); }
