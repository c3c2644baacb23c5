#pragma once

// What requests through the instances have invalidated lately, on any of them: the origin tells of the same change by an event, and
// what was fetched since need not be fetched again for that. Whoever asks names the time of the event; a write counts only if it was
// logged after that. An answer that is valid was fetched after the write, so it knows the change that the event tells of, whichever
// that is. Bounded: what is forgotten costs a fetch. Thread: any.

#include <tiercel/clock.hpp>
#include <tiercel/scope.hpp>

#include <cstdint>
#include <deque>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace tiercel::coherence {

class recent_writes {
public:
    // `most`: scopes in all.
    explicit recent_writes(milliseconds kept, std::size_t most = 100'000) : kept_(kept), most_(most) {}

    // `at`: the number that the log gave it, which is when, in microseconds since 1970.
    void note(std::span<const scope_hash> scopes, purge_mode mode, sequence at, instant now);

    struct question {
        std::span<const scope_hash> scopes;        // of the event's order,
        std::span<const std::size_t> widths;       // so many for each name: a URL has one by http and one by https
        purge_mode mode = purge_mode::soft;
        sequence happened = 0;                     // microseconds since 1970
        std::string_view event;                    // who asks
    };
    struct match {
        std::uint64_t number = 0;                  // of the write here
        sequence at = 0;                           // and everywhere
        std::vector<scope_hash> rest;              // what it left valid: the URL by the other scheme
    };
    // The oldest write that raised each of the names and that no other event has been given.
    std::optional<match> find(const question& q, instant now);
    // A write explains one event.
    void give(std::uint64_t number, std::string event);

private:
    struct write {
        std::vector<scope_hash> scopes;            // sorted
        purge_mode mode;
        sequence at;
        instant noted;
        std::string event;                         // that it was given; empty: none
    };
    void forget_oldest();
    bool raised(const write& w, scope_hash s) const noexcept;
    std::optional<match> compare(const write& w, std::uint64_t number, const question& q) const;

    const milliseconds kept_;
    const std::size_t most_;
    std::mutex mutex_;
    std::deque<write> writes_;
    std::uint64_t first_ = 0;                      // number of the oldest
    std::size_t scopes_ = 0;                       // in all
    std::unordered_map<scope_hash, std::deque<std::uint64_t>> by_scope_;
};

}  // namespace tiercel::coherence
