#pragma once
#include <string>
#include <string_view>
#include <utility>
#include <variant>

namespace muster {

/// Why something was not done. Closed: each code has one HTTP status (http/envelope.cpp).
enum class errc : unsigned char {
  bad_request,      ///< the input is wrong; the same input is refused again. 400
  forbidden,        ///< the caller may not. 403
  not_found,        ///< 404
  conflict,         ///< name taken, object in use. 409
  changed,          ///< If-Match names an older version. 412
  too_large,        ///< a bound of limits.hpp. 413
  not_implemented,  ///< known route, unknown method. 501
  refused,          ///< Incus answers its plain errors with 500; the text says the reason. 500
  busy,             ///< a queue is full; nothing was done, safe to repeat. 503
  not_leader,       ///< nothing was done, safe to repeat at the leader. 503
  no_quorum,        ///< refused before replication; nothing was done, safe to repeat. 503
  unavailable,      ///< a member or service is away; nothing was done. 503
  unknown_outcome,  ///< sent, answer lost: it may have happened. Never told as "failed". 504
  timed_out,        ///< a read or wait ended at its deadline; nothing was changed. 504
  corrupt,  ///< checksum or bounds failed on disk or wire. Never retry; stop the member. 500
};

/// Why an operation failed; `detail` is for people, `code` for programs.
struct failure {
  errc code = errc::refused;
  std::string detail;
  bool operator==(const failure&) const = default;
};

/// A value or a failure (std::expected arrives in C++23).
template <class T>
class [[nodiscard]] result {
public:
  result(T v) : state_(std::in_place_index<0>, std::move(v)) {}
  result(failure e) : state_(std::in_place_index<1>, std::move(e)) {}
  [[nodiscard]] bool ok() const noexcept { return state_.index() == 0; }
  explicit operator bool() const noexcept { return ok(); }
  [[nodiscard]] const T& value() const& { return std::get<0>(state_); }
  [[nodiscard]] T& value() & { return std::get<0>(state_); }
  [[nodiscard]] T&& value() && { return std::get<0>(std::move(state_)); }
  const T& operator*() const& { return value(); }
  T& operator*() & { return value(); }
  T&& operator*() && { return std::move(*this).value(); }
  const T* operator->() const { return &value(); }
  T* operator->() { return &value(); }
  [[nodiscard]] const failure& error() const& { return std::get<1>(state_); }
  [[nodiscard]] failure&& error() && { return std::get<1>(std::move(state_)); }

private:
  std::variant<T, failure> state_;
};

struct unit {
  bool operator==(const unit&) const = default;
};
using status = result<unit>;
inline status ok() { return unit{}; }

inline failure fail(errc code, std::string detail) { return failure{code, std::move(detail)}; }

/// Stops the member when an invariant is broken. On in release: a corrupt member must not answer.
/// Prints `what` with file and line, then aborts.
[[noreturn]] void broken(std::string_view what, const char* file, int line);

}  // namespace muster

#define MUSTER_ENSURE(condition, what)                            \
  do {                                                            \
    if (!(condition)) ::muster::broken(what, __FILE__, __LINE__); \
  } while (false)
