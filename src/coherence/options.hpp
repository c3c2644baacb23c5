#pragma once

#include <tiercel/clock.hpp>
#include <tiercel/units.hpp>

#include <cstddef>
#include <string>

namespace tiercel::coherence {

struct journal_options {
    std::string path;                        // empty: what waits for Redis is kept in memory alone
    byte_count max_bytes = 64_MiB;
};

struct log_options {
    std::string url;                         // of Redis, with user and password if need be
    std::string user;
    std::string password;
    std::string prefix = "tcl";
    milliseconds max_life{24 * 3600 * 1000};   // nothing in L2 is older: what was raised before that is of no use there
    milliseconds dedup_ttl{7 * 24 * 3600 * 1000LL};
    std::size_t max_entries = 100'000;       // of the stream, about; who is further behind reads the table
    std::size_t max_scopes = 1'000'000;      // of the table
    std::size_t max_waiting = 10'000;        // invalidations that wait for Redis, those of equal scopes as one
    milliseconds repeat_after{0};            // so long after each append it is appended again; 0: never
    milliseconds append_timeout{1'000};
    milliseconds read_block{200};            // longest wait of one read; also how soon a lost table is noticed
    milliseconds blind_after{5'000};         // without contact
    journal_options journal;
};

}  // namespace tiercel::coherence
