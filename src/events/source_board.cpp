#include "events/source_board.hpp"

#include <algorithm>
#include <array>

namespace tiercel::events {
namespace {

constexpr std::array<std::string_view, static_cast<std::size_t>(event_result::last_)> results{"applied",   "duplicate", "noop",
                                                                                              "unmatched", "failed",    "dead", "dropped"};

}  // namespace

std::string_view name_of(event_result r) noexcept { return r < event_result::last_ ? results[static_cast<std::size_t>(r)] : ""; }

source_board::source_board(const std::vector<source_options>& sources, intake_observer& observer) : sources_(sources), observer_(observer)
{
    nobody_.label = "api";
    nobody_.kind = source_kind::webhook;
    nobody_.scope = source_scope::all;
    for (const source_options& s : sources_) { statuses_.push_back({s.label, s.kind == source_kind::webhook, {}, {}, {}}); }
    statuses_.push_back({nobody_.label, true, {}, {}, {}});
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
        statuses_[source].works = works;
        statuses_[source].problem = works ? std::string() : std::string(why);
    }
    observer_.on_source(source, works, why);
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
