#include "events/source_board.hpp"

#include <algorithm>
#include <array>

namespace tiercel::events {
namespace {

constexpr std::array<std::string_view, static_cast<std::size_t>(event_result::last_)> results{
    "applied", "duplicate", "noop", "unmatched", "failed", "dead", "dropped", "coalesced", "surplus"};

}  // namespace

std::string_view name_of(event_result r) noexcept { return r < event_result::last_ ? results[static_cast<std::size_t>(r)] : ""; }

source_board::source_board(const std::vector<source_options>& sources, const clock& time, intake_observer& observer)
    : sources_(sources), time_(time), observer_(observer)
{
    nobody_.label = "api";
    nobody_.kind = source_kind::webhook;
    nobody_.scope = source_scope::all;
    const auto add = [this](const std::string& label, bool works) {
        statuses_.emplace_back();
        statuses_.back().label = label;
        statuses_.back().works = works;
    };
    for (const source_options& s : sources_) { add(s.label, s.kind == source_kind::webhook); }
    add(nobody_.label, true);
}

std::size_t source_board::place_of(std::string_view label) const noexcept
{
    const auto at = std::find_if(sources_.begin(), sources_.end(), [&](const source_options& s) { return s.label == label; });
    return static_cast<std::size_t>(at - sources_.begin());
}

std::vector<source_status> source_board::all() const
{
    const std::lock_guard hold(mutex_);
    return statuses_;
}

void source_board::count(std::size_t source, event_result r, std::string_view problem)
{
    {
        const std::lock_guard hold(mutex_);
        ++statuses_[std::min(source, statuses_.size() - 1)].results[std::string(name_of(r))];
    }
    observer_.on_event(source, r, problem);
}

void source_board::note(std::size_t source, bool works, std::string_view why)
{
    {
        const std::lock_guard hold(mutex_);
        source_status& s = statuses_[source];
        s.works = works;
        s.stands_by = false;
        s.problem = works ? std::string() : std::string(why);
        (works ? s.heard : s.troubled) = time_.wall();
        if (!works) { s.last_problem = why; }
    }
    observer_.on_source(source, works, why);
}

void source_board::note_standby(std::size_t source, bool stands_by)
{
    const std::lock_guard hold(mutex_);
    source_status& s = statuses_[source];
    s.stands_by = stands_by;
    if (stands_by) {
        s.works = true;
        s.problem.clear();
    }
}

void source_board::note_gap(std::size_t source, std::string_view why)
{
    {
        const std::lock_guard hold(mutex_);
        source_status& s = statuses_[source];
        ++s.gaps;
        s.last_problem = why;
        s.troubled = time_.wall();
    }
    observer_.on_gap(source, why);
}

void source_board::note_contact(std::size_t source)
{
    const std::lock_guard hold(mutex_);
    statuses_[source].heard = time_.wall();
}

void source_board::note_cursor(std::size_t source, const std::string& cursor)
{
    const std::lock_guard hold(mutex_);
    statuses_[source].cursor = cursor;
}

std::string source_board::cursor_of(std::size_t source) const
{
    const std::lock_guard hold(mutex_);
    return statuses_[source].cursor;
}

}  // namespace tiercel::events
