#include "app/log_watch.hpp"

namespace tiercel::app {

using telemetry::log_level;

void log_watch::on_invalidation(const coherence::invalidation&) {}

void log_watch::on_contact(contact c, std::string_view why)
{
    const bool good = c == contact::following;
    TIERCEL_LOG_STATE(log_, in_contact_, good, good ? log_level::info : log_level::warn, "contact", "log of invalidations state={} reason={}",
                      name_of(c), why);
}

void log_watch::on_lag(std::chrono::microseconds) {}

void log_watch::on_repair(std::string_view why, std::size_t scopes)
{
    TIERCEL_LOG(log_, info, "repair", "scopes read from the table reason=\"{}\" scopes={}", why, scopes);
}

}  // namespace tiercel::app
