#include "http/resources/resources.hpp"
#include "schemas/projects.hpp"

/// /1.0/metrics: OpenMetrics, of this member.
namespace muster::http {

namespace {

/// One metric with a line for each of its labels.
class metric {
public:
  metric(std::string& out, std::string name, const char* kind, const char* help)
      : out_(out), name_(std::move(name)) {
    out_ += "# HELP " + name_ + " " + help + "\n# TYPE " + name_ + " " + kind + "\n";
  }
  void line(const std::string& labels, std::uint64_t value) {
    out_ += name_ + labels + " " + std::to_string(value) + "\n";
  }

private:
  std::string& out_;
  std::string name_;
};

/// Names have neither quotes nor line ends; those of projects may have backslashes.
std::string labels_of(std::string project, const std::string& instance = {}) {
  for (std::size_t at = 0; (at = project.find('\\', at)) != std::string::npos; at += 2)
    project.insert(at, 1, '\\');
  return (instance.empty() ? "{" : "{name=\"" + instance + "\",") + "project=\"" + project +
         "\",type=\"container\"}";
}

bool is_seen(const caller& who, const std::string& project) {
  return who.may == access::metrics || who.sees(project);
}

/// The instances of this member, by project.
std::map<std::string, std::uint64_t> instances_here(const state_view& s, member_id self,
                                                    const caller& who) {
  std::map<std::string, std::uint64_t> by_project;
  s.each(table::instance, std::nullopt, [&](const object& o) {
    const auto& i = std::get<instance>(o);
    if (i.owner != self) return true;
    const auto name = project_name(s, i.head.project);
    if (is_seen(who, name)) ++by_project[name];
    return true;
  });
  return by_project;
}

/// Processes of each instance that runs here.
void write_processes(api& a, const state_view& s, const caller& who, std::string& out) {
  metric processes(out, "incus_procs_total", "gauge", "The number of running processes.");
  for (const auto& i : s.all<instance>()) {
    const auto project = project_name(s, i.head.project);
    if (i.owner != a.server().self() || !is_seen(who, project)) continue;
    if (const auto use = a.driver().use_of(i.head.id))
      processes.line(labels_of(project, i.name), use->processes);
  }
}

std::uint64_t count_of(const state_view& s, table where) {
  std::uint64_t count = 0;
  s.each(where, std::nullopt, [&](const object&) {
    ++count;
    return true;
  });
  return count;
}

response show_metrics(api& a, const request& r, const state_view& s, clock::time_point began) {
  std::string out;
  metric instances(out, "incus_instances", "gauge", "The number of instances.");
  auto who = a.caller_of(r);
  if (who.may == access::none) who.may = access::metrics;  // core.metrics_authentication is off
  for (const auto& [project, count] : instances_here(s, a.server().self(), who))
    instances.line(labels_of(project), count);
  write_processes(a, s, who, out);
  if (who.may != access::restricted) {
    metric(out, "incus_operations_total", "counter", "The number of running operations")
        .line("", a.server().ops().list().size());
    metric(out, "incus_warnings_total", "counter", "The number of active warnings.")
        .line("", count_of(s, table::warning));
    const auto up = std::chrono::duration_cast<std::chrono::seconds>(clock::now() - began).count();
    metric(out, "incus_uptime_seconds", "gauge", "The daemon uptime in seconds.")
        .line("", static_cast<std::uint64_t>(up));
  }
  response answer;
  answer.content_type = "application/openmetrics-text; version=1.0.0; charset=utf-8";
  answer.body = out + "# EOF\n";
  return answer;
}

}  // namespace

void add_metric_routes(router& routes, api& a) {
  routes.add(
      "GET", "/1.0/metrics",
      a.reading([&a, began = clock::now()](const request& r, const captures&, const state_view& s) {
        return show_metrics(a, r, s, began);
      }));
}

}  // namespace muster::http
