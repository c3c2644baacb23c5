#pragma once

// What became of the events, source by source: counted here, told to an observer, shown by the admin API.

#include "events/options.hpp"

#include <tiercel/clock.hpp>

#include <cstdint>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace tiercel::events {

enum class event_result : std::uint8_t { applied, duplicate, noop, unmatched, failed, dead, dropped, coalesced, surplus, last_ };
std::string_view name_of(event_result r) noexcept;

// Called on the intake's thread.
class intake_observer {
public:
    // failed: one attempt, another one follows; every other result ends the event. `problem`: of those that went wrong.
    virtual void on_event(std::size_t source, event_result r, std::string_view problem) = 0;
    virtual void on_source(std::size_t source, bool works, std::string_view why) = 0;
    // Events were lost; everything expires for that.
    virtual void on_gap(std::size_t source, std::string_view why) = 0;

protected:
    ~intake_observer() = default;
};

struct source_status {
    std::string label;
    bool works = false;
    bool stands_by = false;                // another instance reads it
    std::string problem;                   // of now
    std::string last_problem;              // of now or before
    std::optional<wall_time> troubled;     // when that was
    std::optional<wall_time> heard;        // when it answered last
    std::string cursor;                    // how far it was read
    std::uint64_t gaps = 0;
    std::map<std::string, std::uint64_t> results;
};

// Sources are known by their places in the options; any other place is what no source brings ("api").
class source_board {
public:
    source_board(const std::vector<source_options>& sources, const clock& time, intake_observer& observer);

    // Thread: any.
    const source_options& options_of(std::size_t at) const noexcept { return at < sources_.size() ? sources_[at] : nobody_; }
    std::size_t place_of(std::string_view label) const noexcept;
    std::vector<source_status> all() const;

    // Thread: the intake's.
    void count(std::size_t source, event_result r, std::string_view problem);
    void note(std::size_t source, bool works, std::string_view why);   // works: it has answered
    void note_standby(std::size_t source, bool stands_by);
    void note_gap(std::size_t source, std::string_view why);
    // It has answered, with or without anything new.
    void note_contact(std::size_t source);
    void note_cursor(std::size_t source, const std::string& cursor);
    std::string cursor_of(std::size_t source) const;

private:
    const std::vector<source_options>& sources_;
    const clock& time_;
    intake_observer& observer_;
    source_options nobody_;
    mutable std::mutex mutex_;             // of statuses_
    std::vector<source_status> statuses_;
};

}  // namespace tiercel::events
