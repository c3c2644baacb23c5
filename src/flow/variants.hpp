#pragma once

// Which of the answers of a resource that varies is a request's, and where a new one goes (RFC 9111 §4.1).

#include "flow/request.hpp"
#include "routing/tenant.hpp"

#include <tiercel/entry.hpp>
#include <tiercel/memory_store.hpp>

#include "cache/vary_index.hpp"

#include <array>
#include <atomic>
#include <cstdint>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace tiercel::flow {

struct process_context;

// What descriptors need beside the store: one writer per resource at a time, and numbers for new generations. Thread: any.
class descriptor_desk {
public:
    descriptor_desk();
    std::mutex& mutex_of(const hash128& key) noexcept { return mutexes_[key.hi % mutexes_.size()]; }
    std::uint64_t new_generation() noexcept;

private:
    std::array<std::mutex, 64> mutexes_;
    std::atomic<std::uint64_t> state_;
};

// The value of a selecting field as the origin gets it, in its normal form; nothing when it gets none. REQUIRES: lower case.
std::optional<std::string> selecting_value_of(const request& rq, std::string_view name, const process_context& p);

// The same with nothing made equal that an origin could tell apart: for fields that a route adds to the key.
std::optional<std::string> keyed_value_of(const request& rq, std::string_view name, const process_context& p);

// Appends the request's values of these fields, as parts of a key.
void append_selection(std::string& key, const request& rq, vary_list names, const process_context& p);
std::string selection_of(const request& rq, const std::vector<std::string>& names, const process_context& p);
// The same part of the key under which an answer lies; empty when it fits every request for the resource.
std::string_view selection_in(const entry& e, std::string_view primary_key) noexcept;
// Has the request these values, too?
bool matches(const request& rq, std::string_view selection, const process_context& p);

// What L1 holds for a request.
struct found_entry {
    entry_ptr stored;          // the answer: by the primary key, or the newest of the variants that match
    entry_ptr descriptor;      // of the variants, if the resource varies
};
// Leaves in `secondary` the key of the variant that was found, or under which the newest list would have it; empty when the
// resource does not vary. Allocates nothing when the answer lies under the primary key.
found_entry find_stored(const request& rq, std::string& secondary, process_context& p);

// Are there so many variants of the resource that an answer to this request may not become another one?
bool is_full_for(const request& rq, const entry& descriptor, const process_context& p);

}  // namespace tiercel::flow
