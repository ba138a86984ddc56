#include "actors/link/tls/tls_stream.hpp"

#include <algorithm>
#include <atomic>
#include <cstdio>
#include <string>
#include <thread>
#include <unistd.h>
#include <vector>

/// muster-load SOCKET METHOD PATH CLIENTS SECONDS: one kept-alive connection a client, one request
/// after the other. A POST makes a profile whose name no other request has; a PATCH sets user.load
/// to another value each time.
namespace muster::tools {

namespace {

using clock = std::chrono::steady_clock;

struct wish {
  std::string socket;
  std::string method;
  std::string path;
  int clients = 1;
  int seconds = 3;
};

std::atomic<std::uint64_t> next_number{0};

std::string body_of(const std::string& method) {
  const auto number =
      std::to_string(static_cast<std::uint64_t>(::getpid()) * 100'000'000 + next_number++);
  if (method == "POST")
    return R"({"name":"b)" + number + R"(","config":{"user.value":")" + std::string(200, 'v') +
           "\"}}";
  if (method == "PATCH") return R"({"config":{"user.load":")" + number + "\"}}";
  return {};
}

std::string request_of(const wish& w) {
  const auto body = body_of(w.method);
  return w.method + " " + w.path +
         " HTTP/1.1\r\nHost: m\r\nContent-Type: application/json\r\nContent-Length: " +
         std::to_string(body.size()) + "\r\n\r\n" + body;
}

/// The status of one answer with a Content-Length; 0 if the connection broke.
int read_answer(tls::stream& on, std::string& buffer) {
  const auto deadline = clock::now() + std::chrono::seconds(30);
  const auto more = [&] {
    char part[65536];
    auto n = on.read(part, sizeof part, deadline);
    if (!n || *n == 0) return false;
    buffer.append(part, *n);
    return true;
  };
  std::size_t head = 0;
  while ((head = buffer.find("\r\n\r\n")) == std::string::npos)
    if (!more()) return 0;
  const int status = std::atoi(buffer.c_str() + 9);
  const auto at = buffer.find("Content-Length: ");
  const auto size = at < head ? std::strtoull(buffer.c_str() + at + 16, nullptr, 10) : 0;
  while (buffer.size() < head + 4 + size)
    if (!more()) return 0;
  buffer.erase(0, head + 4 + size);
  return status;
}

struct seen {
  std::vector<double> milliseconds;
  std::uint64_t errors = 0;
};

seen run_client(const wish& w, clock::time_point end) {
  seen s;
  auto stream = tls::dial_unix(w.socket, clock::now() + std::chrono::seconds(5));
  if (!stream) return s;
  std::string buffer;
  while (clock::now() < end) {
    const auto began = clock::now();
    if (!(*stream)->write_all(request_of(w), began + std::chrono::seconds(30))) break;
    const int status = read_answer(**stream, buffer);
    if (status == 0) break;
    if (status >= 400)
      ++s.errors;
    else
      s.milliseconds.push_back(
          std::chrono::duration<double, std::milli>(clock::now() - began).count());
  }
  return s;
}

}  // namespace

int load(const wish& w) {
  std::vector<seen> all(static_cast<std::size_t>(w.clients));
  std::vector<std::thread> threads;
  const auto began = clock::now();
  for (auto& s : all)
    threads.emplace_back([&] { s = run_client(w, began + std::chrono::seconds(w.seconds)); });
  for (auto& t : threads) t.join();
  const double took = std::chrono::duration<double>(clock::now() - began).count();
  std::vector<double> times;
  std::uint64_t errors = 0;
  for (const auto& s : all) {
    times.insert(times.end(), s.milliseconds.begin(), s.milliseconds.end());
    errors += s.errors;
  }
  std::sort(times.begin(), times.end());
  const auto quantile = [&](double q) {
    return times.empty()
               ? 0.0
               : times[std::min(times.size() - 1,
                                static_cast<std::size_t>(q * static_cast<double>(times.size())))];
  };
  std::printf(
      "%s %s clients=%d n=%zu rate=%.0f/s p50=%.2f ms p99=%.2f ms max=%.1f ms errors=%llu\n",
      w.method.c_str(), w.path.c_str(), w.clients, times.size(),
      static_cast<double>(times.size()) / took, quantile(0.5), quantile(0.99), quantile(1),
      static_cast<unsigned long long>(errors));
  return 0;
}

}  // namespace muster::tools

int main(int argc, char** argv) {
  if (argc != 6) {
    std::fprintf(stderr, "muster-load SOCKET METHOD PATH CLIENTS SECONDS\n");
    return 2;
  }
  return muster::tools::load({argv[1], argv[2], argv[3], std::atoi(argv[4]), std::atoi(argv[5])});
}
