#include "actors/keeper/networks/dhcp.hpp"

#include "actors/instances/lxc/process.hpp"
#include "actors/keeper/networks/addresses.hpp"
#include "schemas/basic/units.hpp"
#include "storage/identity.hpp"

#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <sstream>
#include <thread>

namespace muster::keeper {

namespace {

using namespace std::chrono_literals;
constexpr auto start_time_max = 10s;

std::string folder_of(const wish& w) { return w.data_dir + "/networks/" + w.name; }
std::string pid_file_of(const wish& w) { return folder_of(w) + "/dnsmasq.pid"; }

/// The one that was started here; 0: none.
pid_t pid_of(const wish& w) {
  auto text = storage::read_file(pid_file_of(w));
  const auto pid = text ? std::atoi(text->c_str()) : 0;
  if (pid <= 1) return 0;
  auto line = storage::read_file("/proc/" + std::to_string(pid) + "/cmdline");
  return line && line->find(pid_file_of(w)) != std::string::npos ? pid : 0;
}

void stop(const wish& w) {
  const auto pid = pid_of(w);
  if (pid == 0) return;
  ::kill(pid, SIGTERM);
  for (int i = 0; i < 200 && pid_of(w) != 0; ++i) std::this_thread::sleep_for(10ms);
  if (pid_of(w) != 0) ::kill(pid, SIGKILL);
}

std::string range_of(const wish& w, const subnet& net) {
  auto range = w.value("ipv4.dhcp.ranges");
  for (auto& c : range)
    if (c == '-') c = ',';
  const auto leases = leases_of(net);
  if (range.empty()) range = dotted(leases.first) + "," + dotted(leases.last);
  return range + "," + w.value("ipv4.dhcp.expiry", "1h");
}

}  // namespace

status serve_dhcp(const wish& w) {
  const auto net = parse_subnet(w.value("ipv4.address"));
  const auto wanted = w.value("ipv4.dhcp");
  stop(w);
  if (!net || units::flag(wanted) == false) return ok();
  std::error_code failed;
  std::filesystem::create_directories(folder_of(w), failed);
  auto started = instances::run_program(
      {"dnsmasq", "--conf-file=/dev/null", "--pid-file=" + pid_file_of(w), "--no-ping",
       "--bind-dynamic", "--interface=" + w.name, "--except-interface=lo", "--no-hosts",
       "--dhcp-authoritative", "--dhcp-no-override", "--quiet-dhcp", "--user=nobody",
       "--group=nogroup", "--domain=" + w.value("dns.domain", "incus"),
       "--dhcp-leasefile=" + folder_of(w) + "/dnsmasq.leases", "--dhcp-range=" + range_of(w, *net)},
      start_time_max);
  return started || wanted.empty() ? ok() : status(started.error());
}

void end_dhcp(const wish& w) {
  stop(w);
  std::error_code ignored;
  std::filesystem::remove_all(folder_of(w), ignored);
}

/// Lines of dnsmasq's file: when it ends, MAC, address, name, client id.
std::vector<lease> leases_in(const std::string& data_dir, const std::string& network) {
  std::vector<lease> all;
  auto text = storage::read_file(data_dir + "/networks/" + network + "/dnsmasq.leases");
  std::istringstream lines(text ? *text : std::string{});
  for (std::string line; std::getline(lines, line);) {
    std::istringstream words(line);
    std::string ends;
    lease l;
    if (!(words >> ends >> l.hwaddr >> l.address >> l.hostname)) continue;
    if (l.hostname == "*") l.hostname.clear();
    all.push_back(std::move(l));
  }
  return all;
}

}  // namespace muster::keeper
