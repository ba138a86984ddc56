#pragma once
#include <cstdint>
#include <limits>
#include <map>
#include <string>
#include <vector>

/// What clients saw, and whether one machine could have answered so.
namespace muster::checkers {

enum class kind : std::uint8_t { write, read, append };
enum class outcome_of : std::uint8_t { ok, fail, unknown };

constexpr std::uint64_t never = std::numeric_limits<std::uint64_t>::max();

/// One call of one client. An unknown outcome stays open for ever: it may take effect at any time
/// after its start, or not at all.
struct operation {
  std::uint64_t client = 0;
  kind what = kind::read;
  std::string key;
  std::string value;  ///< write, append
  std::uint64_t start = 0;
  std::uint64_t end = never;
  outcome_of outcome = outcome_of::unknown;
  /// Read of a register: the value, empty if there is none. Append, and read of an appended key:
  /// past::text. An append of unknown outcome may have one, if its answer came too late.
  std::string result;
};
using history = std::vector<operation>;

/// The values appended so far: how many, and FNV-1a (64 bits) over each value and a newline.
struct past {
  std::uint64_t count = 0;
  std::uint64_t digest = 0xcbf29ce484222325ULL;
  [[nodiscard]] past with(const std::string& value) const;
  /// Undoes with().
  [[nodiscard]] past without(const std::string& value) const;
  /// "COUNT:DIGEST", the digest in 16 hexadecimal digits.
  [[nodiscard]] std::string text() const;
  static bool parse(const std::string& text, past& into);
  auto operator<=>(const past&) const = default;
};

struct verdict {
  enum class answer : std::uint8_t { right, wrong, undecided };
  answer says = answer::right;
  std::string why;
};

/// Linearizability of one register: by zones if all values differ, else by search.
verdict check_register(const history& of_one_key, std::uint64_t steps_max = 5'000'000);
/// The same by search alone (Wing & Gong, with Lowe's memo): slow on many concurrent writes.
verdict search_register(const history& of_one_key, std::uint64_t steps_max = 5'000'000);
/// One order of all appends explains every answer and keeps the order of time.
verdict check_appends(const history& of_one_key, std::uint64_t steps_max = 5'000'000);
/// Every key by itself: appended ones and registers. The first that is not right.
verdict check(const history& all);

std::string describe(const operation& o);

}  // namespace muster::checkers
