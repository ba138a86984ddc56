#pragma once
#include <chrono>
#include <cstddef>
#include <cstdint>

/// The one table of bounds. What lies beyond gives the error named beside it.
namespace muster::limits {

using namespace std::chrono_literals;

// Bytes.
constexpr std::size_t command_bytes_max = 2u << 20;        ///< errc::too_large
constexpr std::size_t row_bytes_max = 4u << 20;            ///< errc::too_large
constexpr std::size_t link_message_bytes_max = 16u << 20;  ///< session is closed
constexpr std::size_t link_window_bytes = 32u << 20;       ///< errc::busy
constexpr std::size_t log_kept_bytes_max = 64u << 20;      ///< log is compacted
constexpr std::size_t snapshot_chunk_bytes = 1u << 20;
constexpr std::size_t snapshot_chunk_bytes_max = 4u << 20;  ///< of members of other versions, too
constexpr std::size_t snapshot_manifest_max = 8u << 20;     ///< errc::too_large
constexpr std::size_t name_bytes_max = 64;                  ///< errc::bad_request
constexpr std::size_t label_bytes_max = 255;          ///< of names that are no host names, of keys
constexpr std::size_t member_value_bytes_max = 4096;  ///< of a key of one member: errc::bad_request
constexpr std::size_t member_keys_max = 256;          ///< of one join: errc::bad_request
constexpr std::size_t reason_bytes_max = 1024;        ///< what is longer is cut
constexpr std::size_t address_bytes_max = 300;        ///< errc::bad_request
constexpr std::size_t sql_answer_bytes_max = 8u << 20;     ///< errc::too_large
constexpr std::int64_t sql_memory_bytes_max = 256u << 20;  ///< errc::too_large
constexpr std::size_t config_value_bytes_max = 64u << 10;  ///< errc::bad_request

// Counts.
constexpr std::uint64_t log_kept_entries_max = 20'000;  ///< log is compacted
constexpr std::uint64_t seen_requests_kept = 4096;      ///< per member; below: refused
constexpr std::uint64_t events_kept = 1024;
constexpr std::size_t leftovers_max = 256;  ///< of parts a member has not reported
constexpr std::size_t members_max = 256;
constexpr std::size_t removed_kept = 256;                 ///< removed members that are remembered
constexpr std::size_t groups_max = 256;                   ///< errc::too_large
constexpr std::size_t commits_waiting_max = 2048;         ///< errc::busy
constexpr std::size_t reads_waiting_max = 4096;           ///< errc::busy
static_assert(commits_waiting_max < seen_requests_kept);  // who still waits is remembered
constexpr std::size_t snapshots_kept_max = 2;             ///< if all are in use: errc::busy
constexpr int snapshot_attempts_max = 3;                  ///< of one chunk
constexpr int refusals_unsaid = 4;  ///< of a link by one member; then it is in the log
constexpr std::size_t operations_waiting_max = 128;  ///< errc::busy
constexpr std::size_t execs_max = 512;               ///< commands in containers: errc::busy
constexpr int token_tries_max = 20;  ///< a second, unknown ones of strangers: errc::busy

// Times.
constexpr auto election_timeout = 300ms;     ///< unless cluster.election_timeout says otherwise
constexpr auto expiry_period = 60ms;         ///< how often deadlines are looked at
constexpr auto write_deadline = 10s;         ///< then errc::unknown_outcome
constexpr auto quorum_silence_max = 1000ms;  ///< without quorum contact: writes are refused
constexpr auto read_deadline = 900ms;        ///< then the local replica answers, marked stale
constexpr auto seen_deadline = 5s;  ///< for members that are online to apply what all must know
constexpr auto dial_deadline = 3s;
constexpr auto handshake_deadline = 3s;
constexpr auto forward_deadline = 30s;
constexpr auto snapshot_manifest_deadline = 60s;
constexpr auto snapshot_chunk_deadline = 5s;
constexpr auto snapshot_in_use_time = 30s;  ///< after a chunk, a snapshot makes no room for others
constexpr auto snapshot_kept_time = 3min;   ///< after a chunk, for a receiver that was cut off
constexpr auto offline_threshold = 20s;     ///< unless cluster.offline_threshold says otherwise
constexpr auto hand_over_deadline = 10s;    ///< for others to take over the roles of one that stops
constexpr std::int64_t clock_skew_max_ms = 5000;  ///< then members are warned of
constexpr auto link_beat_period = 1s;
constexpr auto link_silence_max = 3s;  ///< session is closed
constexpr auto parts_deadline = 20s;   ///< for members to do their part of a pool or network
constexpr auto shutdown_deadline = 5s;
constexpr auto order_time_max = 40min;       ///< work on one instance, an image transfer included
constexpr auto removal_seen_out_time = 5s;   ///< then a removed server hears of it later
constexpr auto sql_deadline = 5s;            ///< errc::timed_out
constexpr auto exec_connect_deadline = 10s;  ///< for a client to open the WebSockets of its command

}  // namespace muster::limits
